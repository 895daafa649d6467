"""Which numbers does a README give for each seed? The word of last resort on a claim's spread.

Many submissions claim a mean of three runs and attach the log of one; their README has the table.
Read only where it agrees with the claim itself. Must never count as more than a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from verifier.screening.screened import Run

MOST_LINES = 5_000
MOST_CHARACTERS = 2_000
MOST_SEEDS = 64
AGREES_BPB = 0.0006
SAME_BPB = 0.00006
_NUMBER = re.compile(r"~?(\d{1,2}\.\d{2,12})\Z")
_SEED = re.compile(r"(?:seed *)?(\d{1,10})\Z")


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns by their heads; `rows` are (line, seed, cells)."""

    head: list[str]
    rows: list[tuple[int, str, list[str]]]


def seed_table(readme: str, claim: float | None, path: str) -> tuple[Run, ...]:
    """The runs of the column, over all tables of seeds, that fits the claim best; () for none."""
    if claim is None:
        return ()
    columns = [
        runs
        for table in _tables(readme)
        for column in range(1, len(table.head))
        if (runs := _runs(table, column, path)) and agrees(runs, claim)
    ]
    return min(columns, key=lambda runs: abs(mean(runs) - claim), default=())


def mean(runs: Sequence[Run]) -> float:
    """Bits per byte."""
    return fmean(run.bpb for run in runs)


def agrees(runs: Sequence[Run], claim: float, within: float = AGREES_BPB) -> bool:
    """Whether a claim is these runs' mean, as far as people round, or exactly one of them."""
    near_one = min(abs(run.bpb - claim) for run in runs) <= SAME_BPB
    return near_one or abs(mean(runs) - claim) <= within


def standing(claim: float | None, logged: Sequence[Run], readme: str, path: str) -> tuple[Run, ...]:
    """The runs that stand for a claim: what is logged, or the README's table if that fits better.

    `logged` is what logs or submission.json give for each seed; it stands where nothing fits.
    """
    if claim is None or (logged and agrees(logged, claim, SAME_BPB)):
        return tuple(logged)
    table = seed_table(readme, claim, path)
    if table and (not logged or not agrees(logged, claim) or agrees(table, claim, SAME_BPB)):
        return table
    return tuple(logged)


def _tables(readme: str) -> Iterator[_Table]:
    table: _Table | None = None
    for number, line in enumerate(readme.split("\n", MOST_LINES)[:MOST_LINES], 1):
        cells = _cells(line)
        if not cells:
            if table and table.rows:
                yield table
            table = None
        elif table is None:
            head = [cell.casefold() for cell in cells]
            table = _Table(head, []) if head[0].startswith("seed") else None
        elif (seed := _SEED.match(cells[0].casefold())) and len(table.rows) < MOST_SEEDS:
            table.rows.append((number, seed[1], cells))
    if table and table.rows:
        yield table


def _cells(line: str) -> list[str]:
    text = line.strip()
    if len(text) > MOST_CHARACTERS or not text.startswith("|"):
        return []
    return [cell.strip().strip("*`").strip() for cell in text.strip("|").split("|")]


def _runs(table: _Table, column: int, path: str) -> tuple[Run, ...]:
    """One column as bits per byte; () unless every row has a number there."""
    if "loss" in table.head[column] or "nats" in table.head[column]:
        return ()
    losses = [at for at, name in enumerate(table.head) if "loss" in name]
    runs = []
    for line, seed, cells in table.rows:
        bpb = _number(cells, column)
        if bpb is None:
            return ()
        loss = _number(cells, losses[0]) if losses else None
        runs.append(Run(seed=seed, bpb=bpb, loss=loss, path=path, line=line, source="readme"))
    return tuple(runs)


def _number(cells: list[str], column: int) -> float | None:
    found = _NUMBER.match(cells[column]) if column < len(cells) else None
    value = float(found[1]) if found else 0.0
    return value if 0.0 < value < 20.0 else None
