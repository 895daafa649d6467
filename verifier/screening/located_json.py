"""What does a JSON text say, on which line, and how far can it be read?

The standard reader forgets lines and gives up at the first mistake; strangers' files have both
mistakes and sentences worth reading. This one keeps a line for every key, goes on where the
meaning is plain (a comma too many, text around the object), and stops, keeping what it has, where
it is not. Never raises for what the text holds, and is bounded in bytes, depth and values.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from verifier.screening.screened import Fault

MOST_BYTES = 1_000_000
MOST_VALUES = 20_000
DEEPEST = 32
LONGEST_KEY = 80
LONGEST_NUMBER = 400

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^\s,:\[\]{}\"]{1,400}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity", "nan", "inf", "-inf", "+inf"})
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None}
_STRING = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What was read. `value` is None where nothing was.

    `lines` maps a key path ("seeds[0].val_bpb") to the 1-based line of the key, or of the value
    for an element of a list.
    """

    value: object
    lines: Mapping[str, int]
    faults: tuple[Fault, ...]


def read_json(content: bytes) -> Located:
    """The first object or array in the text, as far as it can be read."""
    if len(content) > MOST_BYTES:
        said = f"has {len(content)} bytes; at most {MOST_BYTES} are read"
        return Located(value=None, lines={}, faults=(Fault(key="", line=0, said=said),))
    reader = _Reader(content)
    return reader.document()


class Written(float):
    """A number that was written with more decimals than its value needs: 1.06400 has five."""

    decimals: int = 0


def decimals_of(number: float) -> int:
    """Decimals with which a number was written, or has to be."""
    if isinstance(number, Written):
        return number.decimals
    text = repr(float(number))
    if "e" in text:
        return 17
    return 0 if text.endswith(".0") else len(text.split(".")[1])


class _StopReading(Exception):
    """The rest of the text means nothing any more; the fault is recorded."""


class _Reader:
    """One text, read once from left to right."""

    def __init__(self, content: bytes) -> None:
        try:
            self.text = content.decode("utf-8-sig")
            spoilt = -1
        except UnicodeDecodeError as error:
            self.text = content.decode("utf-8", "replace")
            spoilt = error.start
        self.ends = [at for at, letter in enumerate(self.text) if letter == "\n"]
        self.at = 0
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.values = 0
        self.root: object = None
        if spoilt >= 0:
            line = content.count(b"\n", 0, spoilt) + 1
            self.faults.append(Fault(key="", line=line, said="is not UTF-8"))

    def document(self) -> Located:
        """Everything: what stands before the value, the value, what stands after it."""
        self.space()
        starts = [at for at in (self.text.find("{"), self.text.find("[")) if at >= 0]
        if not starts:
            self.fault("", "holds no JSON object")
            return self.located()
        if min(starts) > self.at:
            self.fault(
                "", f"has text before the object: {_shown(self.text[self.at : min(starts)])}"
            )
            self.at = min(starts)
        try:
            self.value("", 0)
        except _StopReading:
            return self.located()
        self.space()
        if self.at < len(self.text):
            self.fault("", f"has text after the object: {_shown(self.text[self.at :])}")
        return self.located()

    def located(self) -> Located:
        return Located(value=self.root, lines=self.lines, faults=tuple(self.faults))

    def value(self, path: str, depth: int) -> object:
        """The value at the current place."""
        self.values += 1
        if self.values > MOST_VALUES:
            self.stop(path, f"is value {MOST_VALUES + 1}; the rest is not read")
        if depth > DEEPEST:
            self.stop(path, f"is nested more than {DEEPEST} deep; the rest is not read")
        self.space()
        match self.text[self.at : self.at + 1]:
            case "{":
                return self.mapping(path, depth)
            case "[":
                return self.sequence(path, depth)
            case '"':
                return self.string(path)
            case "":
                self.stop(path, "ends before its value")
            case _:
                return self.word(path)

    def mapping(self, path: str, depth: int) -> dict[str, object]:
        """An object, filled in place so that what was read before a mistake is kept."""
        found: dict[str, object] = {}
        self.root = found if self.root is None else self.root
        self.at += 1
        while self.goes_on("}", path):
            if self.text[self.at : self.at + 1] != '"':
                self.stop(path, f"has {_shown(self.text[self.at :])} where a key belongs")
            line = self.line()
            key = self.string(path)
            below = _joined(path, key)
            if key in found:
                self.fault(below, f"is given twice, first on line {self.lines[below]}")
            self.lines[below] = line
            self.space()
            if self.text[self.at : self.at + 1] != ":":
                self.stop(below, "has no colon after it")
            self.at += 1
            found[key] = None
            found[key] = self.value(below, depth + 1)
            self.comma("}", path)
        return found

    def sequence(self, path: str, depth: int) -> list[object]:
        """An array, filled in place."""
        found: list[object] = []
        self.root = found if self.root is None else self.root
        self.at += 1
        while self.goes_on("]", path):
            below = f"{path}[{len(found)}]"
            self.lines[below] = self.line()
            found.append(self.value(below, depth + 1))
            self.comma("]", path)
        return found

    def goes_on(self, end: str, path: str) -> bool:
        """Whether another member follows; steps over the end where none does."""
        self.space()
        if self.at >= len(self.text):
            self.stop(path, f"ends without {end!r}")
        if self.text[self.at] != end:
            return True
        self.at += 1
        return False

    def comma(self, end: str, path: str) -> None:
        """What stands between two members."""
        self.space()
        following = self.text[self.at : self.at + 1]
        if following == end:
            return
        if following != ",":
            self.stop(path, f"has {_shown(self.text[self.at :])} where a comma or {end!r} belongs")
        self.at += 1
        self.space()
        if self.text[self.at : self.at + 1] == end:
            self.fault(path, f"has a comma before {end!r}")

    def string(self, path: str) -> str:
        """A string without lone surrogates, which no writer could encode."""
        try:
            found, self.at = _STRING.raw_decode(self.text, self.at)
        except (json.JSONDecodeError, ValueError):
            self.stop(path, "has a string that does not end, or an escape that is none")
        text = str(found)
        return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")

    def word(self, path: str) -> object:
        """A number or one of JSON's three words."""
        found = _WORD.match(self.text, self.at)
        if found is None:
            self.stop(path, f"has {_shown(self.text[self.at :])} where a value belongs")
        word = found.group()
        if word not in _WORDS and word not in _NOT_FINITE and not _NUMBER.match(word):
            self.stop(path, f"is {_shown(word)}, which is no JSON value")
        self.at = found.end()
        if word in _WORDS:
            return _WORDS[word]
        if word in _NOT_FINITE:
            self.fault(path, f"is {word}, which is no number")
            return None
        return self.number(path, word)

    def number(self, path: str, word: str) -> int | float | None:
        """A number that is finite, None otherwise."""
        if len(word) >= LONGEST_NUMBER:
            self.fault(path, f"is a number of {len(word)} digits or more")
            return None
        if word.lstrip("-").isdigit():
            return int(word)
        number = float(word)
        if math.isinf(number):
            self.fault(path, f"is {_shown(word)}, which is beyond any number")
            return None
        if word.endswith("0") and "e" not in word.lower():
            number = Written(number)
            number.decimals = len(word.split(".")[1])
        return number

    def space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = self.at if found is None else found.end()

    def line(self) -> int:
        """The 1-based line of the current place."""
        return bisect_right(self.ends, self.at - 1) + 1

    def fault(self, path: str, said: str) -> None:
        self.faults.append(Fault(key=path, line=self.line(), said=said))

    def stop(self, path: str, said: str) -> NoReturn:
        self.fault(path, said)
        raise _StopReading


def _joined(path: str, key: str) -> str:
    short = key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 1] + "…"
    return f"{path}.{short}" if path else short


def _shown(text: str) -> str:
    """The first of a text, printable: it is a stranger's."""
    first = text[:40].split("\n", 1)[0]
    return repr(first[:30])
