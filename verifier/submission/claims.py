"""What does a submission claim about itself? Reads submission.json.

A claim is compared with what was measured and never used in its place. Keys that the competition
invents later are kept; what is there and impossible is an error with its line.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from verifier.errors import BadSubmission
from verifier.records import Claim

CLAIMS_NAME = "submission.json"
CLAIMS_BYTES = 1 << 20
NAME_CHARACTERS = 300
BPB_AT_MOST = 64.0
SEEDS_AT_MOST = 1000
MISSPELT = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """submission.json. `val_bpb` in bits per byte; `others` are the keys not read here."""

    name: str
    author: str
    github_id: str
    val_bpb: float | None
    seeds: tuple[int, ...]
    others: Mapping[str, Any]

    def claim(self) -> Claim:
        """What is compared with the measurement."""
        return Claim(val_bpb=self.val_bpb, seeds=self.seeds)


def read_claims(folder: Path, files: tuple[str, ...]) -> Claims:
    """Read submission.json of a frozen folder. Raises BadSubmission naming key and line."""
    if CLAIMS_NAME not in files:
        raise BadSubmission(
            "is missing",
            file=CLAIMS_NAME,
            remedy='write {"author": …, "github_id": …, "name": …, "val_bpb": …}',
        )
    content = (folder / CLAIMS_NAME).read_bytes()
    if len(content) > CLAIMS_BYTES:
        raise BadSubmission(f"is larger than {CLAIMS_BYTES} bytes", file=CLAIMS_NAME)
    return parse_claims(content)


def parse_claims(content: bytes) -> Claims:
    """Parse submission.json. Raises BadSubmission naming key and line."""
    reader = _Reader(_decoded(content))
    values = reader.values()
    known = {"name", "author", "github_id", "val_bpb", "seeds"}
    if "val_bpb" not in values:
        for near in difflib.get_close_matches("val_bpb", values, 1, MISSPELT):
            reader.refuse(near, "did you mean `val_bpb`?")
    return Claims(
        name=reader.text(values, "name", required=True),
        author=reader.text(values, "author", required=True),
        github_id=reader.text(values, "github_id", required=False),
        val_bpb=reader.bits_per_byte(values, "val_bpb"),
        seeds=reader.seeds(values, "seeds"),
        others={key: value for key, value in values.items() if key not in known},
    )


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise BadSubmission("is not UTF-8", file=CLAIMS_NAME, place=f"byte {wrong.start}") from None


class _Twice(ValueError):
    """A key stands twice in one object; `args[0]` is the key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise _Twice(key)
        values[key] = value
    return values


def _not_a_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def line(self, key: str, which: int = 0) -> int | str:
        """The line on which `key` stands (its `which`-th time), 1-based."""
        quoted = re.escape(json.dumps(key, ensure_ascii=False))
        found = list(re.finditer(rf"{quoted}\s*:", self._text))
        if not found:
            return key
        return self._text.count("\n", 0, found[min(which, len(found) - 1)].start()) + 1

    def refuse(self, key: str, sentence: str) -> NoReturn:
        place = self.line(key)
        named = sentence if place == key else f"{key}: {sentence}"
        raise BadSubmission(named, file=CLAIMS_NAME, place=place)

    def values(self) -> dict[str, Any]:
        try:
            values = json.loads(self._text, object_pairs_hook=_once, parse_constant=_not_a_number)
        except _Twice as wrong:
            key = str(wrong.args[0])
            raise BadSubmission(
                f"key {key[:80]!r} stands twice", file=CLAIMS_NAME, place=self.line(key, which=1)
            ) from None
        except json.JSONDecodeError as wrong:
            raise BadSubmission(
                f"not JSON: {wrong.msg}", file=CLAIMS_NAME, place=wrong.lineno
            ) from None
        except (ValueError, RecursionError) as wrong:
            raise BadSubmission(f"not JSON: {str(wrong)[:200]}", file=CLAIMS_NAME) from None
        if not isinstance(values, dict):
            raise BadSubmission("is not a JSON object", file=CLAIMS_NAME, place=1)
        return values

    def text(self, values: Mapping[str, Any], key: str, *, required: bool) -> str:
        value = values.get(key)
        if value is None:
            if required:
                self.refuse(key, "is missing")
            return ""
        if not isinstance(value, str):
            self.refuse(key, f"must be a string, not {type(value).__name__}")
        value = value.strip()
        if required and not value:
            self.refuse(key, "is empty")
        if len(value) > NAME_CHARACTERS or not value.isprintable():
            self.refuse(key, f"must be at most {NAME_CHARACTERS} printable characters on one line")
        return value

    def bits_per_byte(self, values: Mapping[str, Any], key: str) -> float | None:
        value = values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, f"must be a number, not {type(value).__name__}")
        # Compared before it becomes a float: an integer may be larger than any float.
        if not 0 < value <= BPB_AT_MOST or not math.isfinite(value):
            self.refuse(key, f"must be above 0 and at most {BPB_AT_MOST:g} bits per byte")
        return float(value)

    def seeds(self, values: Mapping[str, Any], key: str) -> tuple[int, ...]:
        value = values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > SEEDS_AT_MOST:
            self.refuse(key, f"must be a list of at most {SEEDS_AT_MOST} integers")
        for seed in value:
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
                self.refuse(key, "must hold integers from 0 to 2^63 - 1")
        return tuple(value)
