"""On which lines of a text does a pattern stand? Found by literals first, which is faster."""

from __future__ import annotations

import re


def lines_with(
    rows: list[str], text: str, pattern: re.Pattern[str], literals: tuple[str, ...]
) -> list[int]:
    """The 1-based lines of `text`, whose lines are `rows`, that hold a literal and `pattern`."""
    lines: set[int] = set()
    for literal in literals:
        line, last = 1, 0
        found = text.find(literal)
        while found >= 0:
            line += text.count("\n", last, found)
            last = found
            lines.add(line)
            end = text.find("\n", found)
            found = text.find(literal, end) if end >= 0 else -1
    return [line for line in sorted(lines) if pattern.search(rows[line - 1])]


def lines_holding(text: str, literals: tuple[str, ...]) -> list[int]:
    """The 1-based lines of `text` that hold any of `literals`."""
    places: set[int] = set()
    for literal in literals:
        found = text.find(literal)
        while found >= 0:
            places.add(found)
            end = text.find("\n", found)
            found = text.find(literal, end) if end >= 0 else -1
    lines: list[int] = []
    line, last = 1, 0
    for place in sorted(places):
        line += text.count("\n", last, place)
        last = place
        if not lines or lines[-1] != line:
            lines.append(line)
    return lines
