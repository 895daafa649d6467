"""What do a README's tables and commands say? Markdown read line by line, nothing rendered.

Bounded: a line is cut at 2,000 characters, a file at 4,000 lines, a row at 24 cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verifier.source import Tree

LONGEST_LINE = 2_000
MOST_LINES = 4_000
MOST_CELLS = 24

_RULE = re.compile(r"\|?[\s:|-]{3,400}\Z")
_INTEGER = re.compile(r"[*`_~]{0,4}([0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,12})[*`_~]{0,4}\Z")
_DECIMAL = re.compile(r"(?<![\w.])(?:0|[1-9][0-9]?)\.[0-9]{3,10}(?![\w.%])")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the lower-case words above it and its text without emphasis."""

    head: str
    text: str

    @property
    def integer(self) -> int | None:
        """The cell as a whole number, None where it is none."""
        found = _INTEGER.match(self.text.strip())
        return int(found.group(1).replace(",", "")) if found else None

    @property
    def decimals(self) -> tuple[str, ...]:
        """Every number with three decimals or more, as written."""
        return tuple(found.group() for found in _DECIMAL.finditer(self.text))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, with the 1-based line it stands on."""

    line: int
    cells: tuple[Cell, ...]


def readme_path(tree: Tree) -> str | None:
    """The README that lies least deep."""
    found = [path for path in tree.paths if path.rsplit("/", 1)[-1].lower() == "readme.md"]
    return min(found, key=lambda path: (path.count("/"), path), default=None)


def lines_of(text: str) -> tuple[str, ...]:
    """The README's lines, cut to the bounds."""
    return tuple(line[:LONGEST_LINE] for line in text.split("\n")[:MOST_LINES])


def rows_of(lines: Sequence[str]) -> Iterator[Row]:
    """Every body row of every table that has a head."""
    heads: tuple[str, ...] | None = None
    before = ""
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped.startswith("|"):
            heads = None
        elif _RULE.match(stripped) and "-" in stripped:
            heads = tuple(cell.lower() for cell in _cells(before))
        elif heads is not None:
            cells = _cells(stripped)
            yield Row(number, tuple(Cell(*pair) for pair in zip(heads, cells, strict=False)))
        before = stripped


def _cells(row: str) -> list[str]:
    plain = re.sub(r"[*`]{1,3}", "", row.strip().strip("|")).replace("\\_", "_")
    return [cell.strip() for cell in plain.split("|")[:MOST_CELLS]]


_INSTALL = re.compile(r"\bpip3? install\b[^\n]{0,80}? -r\s{1,4}([\w./-]{1,200})")
_SHELL = re.compile(
    r"(?:^|[\s;&|=])(?:bash|sh|source)\s{1,4}((?:[\w.-]{1,100}/){0,6}[\w.-]{1,100}\.sh)\b"
)
_PYTHON = re.compile(
    r"(?:^|[\s;&|`])(?:torchrun|python3?)\s[^\n#;&|`]{0,300}?(?<![\w/.$}~-])"
    r"((?:[\w.-]{1,120}/){0,6}[\w.-]{1,100}\.py)\b"
)
_NAMED = re.compile(r"\b[Ss]cript:?\*{0,2}:?\s{0,3}`([\w./-]{1,160}\.(?:py|sh))`")


_NAMING = ((" -r", _INSTALL), (".sh", _SHELL), (".py", _PYTHON), ("cript", _NAMED))
"""Each with what a line must hold for it to match at all."""


def files_named(line: str) -> tuple[str, ...]:
    """The files that a command of the line runs or installs from, relative ones only."""
    plain = line.replace("\\_", "_")
    found: dict[str, None] = {}
    for literal, pattern in _NAMING:
        for match in pattern.finditer(plain) if literal in plain else ():
            path = match.group(1).removeprefix("./")
            if not path.startswith(("/", "../", "-")):
                found[path] = None
    return tuple(found)
