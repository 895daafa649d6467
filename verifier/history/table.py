"""What does a repository's own leaderboard list? Its README's tables, read as they stand.

A table counts when its head names a run, a score and an author. Must never guess a cell: a row
whose score is no number is left out, and the line of every row is kept.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MOST_LINES = 20_000
MOST_CHARACTERS = 20_000
COLUMNS = ("run", "score", "author", "summary", "date", "info")
_PULL = re.compile(r"/pull/(\d{1,9})(?!\d)")
_FOLDER = re.compile(r"\((?:\./)?(records/[^()\s]{1,400}?)(?:/README\.md|/)?\)")
_MENTIONED = re.compile(r"#(\d{1,9})(?!\d)")
_P_VALUE = re.compile(r"\bp *[=≈] *(0?\.\d{1,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row. `line` is 1-based; `score` in bits per byte as written, with `digits` decimals.

    `table` counts the tables from 0: the record track stands first. `folder` and `pulls` are what
    the row links to; `mentioned` are other pull requests that its text names; `p_values` those
    that its text admits.
    """

    line: int
    table: int
    name: str
    score: float
    digits: int
    author: str
    summary: str
    date: str
    folder: str
    pulls: tuple[int, ...]
    mentioned: tuple[int, ...]
    p_values: tuple[float, ...]


def listed(readme: bytes) -> tuple[Listed, ...]:
    """Every row of every leaderboard in a README, in its order."""
    rows: list[Listed] = []
    places: dict[str, int] = {}
    table = -1
    lines = readme.decode("utf-8", "replace").split("\n")[:MOST_LINES]
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        if not cells:
            places = {}
        elif not places:
            places = _places(cells)
            table += 1 if places else 0
        elif row := _row(cells, places, number, table):
            rows.append(row)
    return tuple(rows)


def _cells(line: str) -> list[str]:
    text = line.strip()
    if len(text) > MOST_CHARACTERS or not text.startswith("|"):
        return []
    return [cell.strip() for cell in text.strip("|").split("|")]


def _places(head: list[str]) -> dict[str, int]:
    """Where each known column stands; empty where this is no leaderboard."""
    found = {cell.casefold(): place for place, cell in enumerate(head)}
    if not {"run", "score", "author"} <= found.keys():
        return {}
    return {name: found[name] for name in COLUMNS if name in found}


def _row(cells: list[str], places: dict[str, int], line: int, table: int) -> Listed | None:
    cell = {name: cells[at] if at < len(cells) else "" for name, at in places.items()}
    try:
        score = float(cell["score"])
    except ValueError:
        return None
    if not math.isfinite(score) or score <= 0:
        return None
    info, summary = cell.get("info", ""), cell.get("summary", "")
    folder = _FOLDER.search(info)
    return Listed(
        line=line,
        table=table,
        name=cell["run"],
        score=score,
        digits=len(cell["score"].partition(".")[2]),
        author=cell["author"],
        summary=summary,
        date=cell.get("date", ""),
        folder=folder[1] if folder else "",
        pulls=tuple(dict.fromkeys(map(int, _PULL.findall(info)))),
        mentioned=tuple(dict.fromkeys(map(int, _MENTIONED.findall(summary)))),
        p_values=tuple(map(float, _P_VALUE.findall(summary))),
    )
