"""Which lines of a source say something, whatever its layout? What lineage compares.

Comments, blank lines, spaces, the kind of quotes and statements joined by ";" make no difference;
a script that is unpacked from a wrapper reads like the one it was packed from. Must never parse:
a source that no grammar takes has a lineage all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MOST_LINES = 20_000
MOST_CHARACTERS = 400
MOST_TEXT = 4_000_000
LONGEST_READ = 20_000
_QUOTES_AND_SPACES = str.maketrans({'"': "'", " ": None, "\t": None, "\r": None, "\x0c": None})
_OPENERS, _CLOSERS = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Reduced:
    """A source's lines as they are shown, and where each stands: 1-based, in its own text."""

    lines: tuple[str, ...]
    numbers: tuple[int, ...]

    @property
    def digest(self) -> str:
        """sha256 over what the lines say: equal for two layouts of one source."""
        said = "\n".join(map(key, self.lines))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def reduced(texts: Iterable[tuple[str, str]]) -> Reduced:
    """The lines of every (name, text), in order; a text after the first is headed by its name."""
    lines: list[str] = []
    numbers: list[int] = []
    for name, text in texts:
        if lines:
            lines.append(f"### {name}"[:MOST_CHARACTERS])
            numbers.append(0)
        for number, line in enumerate(text[:MOST_TEXT].split("\n"), 1):
            said = _statements(line) if len(line) <= MOST_CHARACTERS else _of_long(line)
            lines.extend(said)
            numbers.extend([number] * len(said))
            if len(lines) >= MOST_LINES:
                return Reduced(tuple(lines[:MOST_LINES]), tuple(numbers[:MOST_LINES]))
    return Reduced(tuple(lines), tuple(numbers))


@lru_cache(maxsize=200_000)
def key(line: str) -> str:
    """What two lines must share to be the same."""
    return line.translate(_QUOTES_AND_SPACES)


@lru_cache(maxsize=200_000)
def _statements(line: str) -> tuple[str, ...]:
    """The statements of one line without its comment, each clipped; most lines have one."""
    bare = line.lstrip()
    if not bare or bare.startswith("#"):
        return ()
    if "#" not in bare and ";" not in bare:
        return (_clipped(line),)
    return tuple(_clipped(part) for part in _split(line) if part.strip())


def _of_long(line: str) -> tuple[str, ...]:
    """The same for a line that no cache should hold; one that is mostly data stays whole."""
    if len(line) > LONGEST_READ or line.lstrip().startswith("#"):
        return (_clipped(line),)
    return tuple(_clipped(part) for part in _split(line) if part.strip())


def _split(line: str) -> list[str]:
    """At ";" outside brackets and strings, up to a "#" outside strings. One pass, no look-back."""
    parts: list[str] = []
    start = depth = 0
    quote = ""
    at = 0
    while at < len(line):
        mark = line[at]
        if quote:
            if mark == "\\":
                at += 1
            elif line.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif mark in "\"'":
            quote = mark * 3 if line.startswith(mark * 3, at) else mark
            at += len(quote) - 1
        elif mark == "#":
            break
        elif mark in _OPENERS:
            depth += 1
        elif mark in _CLOSERS:
            depth -= 1
        elif mark == ";" and depth <= 0:
            parts.append(line[start:at])
            start = at + 1
        at += 1
    parts.append(line[start:at])
    indent = line[: len(line) - len(line.lstrip())]
    return parts[:1] + [indent + part.strip() for part in parts[1:] if part.strip()]


def _clipped(line: str) -> str:
    """A long line keeps its beginning and a digest of the whole, so that blobs compare."""
    if len(line) <= MOST_CHARACTERS:
        return line.rstrip()
    whole = hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{line[: MOST_CHARACTERS - 60]}… [{len(line)} characters, sha256 {whole}]"
