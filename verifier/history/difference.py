"""What differs between two sources, line by line, so that a reviewer reads forty and not 2,000?

Lines that both have exactly once are anchors (Cohen's patience difference); between anchors small
gaps are compared in full and large ones taken as replaced. The work is bounded whatever the lines
are, and what is shown is bounded too.
"""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_COMPARED = 40_000
CONTEXT = 2
MOST_SHOWN = 120
SHOWN_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `old_from:old_to` of the old became `new_from:new_to` of the new; never both empty."""

    old_from: int
    old_to: int
    new_from: int
    new_to: int


def changes(old: Sequence[int], new: Sequence[int]) -> tuple[Change, ...]:
    """Where two sequences of line numbers-for-texts differ, in order."""
    found = sorted(_gaps(old, new), key=lambda change: (change.old_from, change.new_from))
    joined: list[Change] = []
    for change in found:
        last = joined[-1] if joined else None
        if last and (last.old_to, last.new_to) == (change.old_from, change.new_from):
            joined[-1] = Change(last.old_from, change.old_to, last.new_from, change.new_to)
        else:
            joined.append(change)
    return tuple(joined)


def changed_lines(found: Sequence[Change]) -> int:
    """Lines taken away plus lines put in."""
    return sum(
        change.old_to - change.old_from + change.new_to - change.new_from for change in found
    )


def unified(
    old: Sequence[str], new: Sequence[str], found: Sequence[Change], numbers: Sequence[int]
) -> str:
    """The difference as text, at most MOST_SHOWN lines; `numbers` are the new lines' own places.

    A line is cut after SHOWN_CHARACTERS: the whole of it stands in the source.
    """
    shown: list[str] = []
    for hunk in _hunks(found):
        first, last = hunk[0], hunk[-1]
        start = max(0, first.new_from - CONTEXT)
        place = numbers[min(first.new_from, len(numbers) - 1)] if numbers else 0
        shown.append(f"@@ line {place} @@")
        at = start
        for change in hunk:
            shown += [f" {line}" for line in new[at : change.new_from]]
            shown += [f"-{line}" for line in old[change.old_from : change.old_to]]
            shown += [f"+{line}" for line in new[change.new_from : change.new_to]]
            at = change.new_to
        shown += [f" {line}" for line in new[at : last.new_to + CONTEXT]]
    if len(shown) > MOST_SHOWN:
        left = len(shown) - MOST_SHOWN
        shown = [*shown[:MOST_SHOWN], f"… {left} more lines of difference"]
    return "\n".join(line[:SHOWN_CHARACTERS] for line in shown)


def _hunks(found: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes whose contexts touch are shown together."""
    hunk: list[Change] = []
    for change in found:
        if hunk and change.new_from - hunk[-1].new_to > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    if hunk:
        yield hunk


def _gaps(old: Sequence[int], new: Sequence[int]) -> Iterator[Change]:
    """Every stretch that differs, in no order; a stack instead of recursion."""
    stack = [Change(0, len(old), 0, len(new))]
    while stack:
        gap = _narrowed(old, new, stack.pop())
        if gap.old_from == gap.old_to and gap.new_from == gap.new_to:
            continue
        if gap.old_from == gap.old_to or gap.new_from == gap.new_to:
            yield gap
            continue
        if anchors := _anchors(old, new, gap):
            stack.extend(_between(gap, anchors))
        elif (gap.old_to - gap.old_from) * (gap.new_to - gap.new_from) <= MOST_COMPARED:
            yield from _compared(old, new, gap)
        else:
            yield gap


def _narrowed(old: Sequence[int], new: Sequence[int], gap: Change) -> Change:
    """Without the lines that both begin and end with."""
    i, i_to, j, j_to = gap.old_from, gap.old_to, gap.new_from, gap.new_to
    while i < i_to and j < j_to and old[i] == new[j]:
        i, j = i + 1, j + 1
    while i < i_to and j < j_to and old[i_to - 1] == new[j_to - 1]:
        i_to, j_to = i_to - 1, j_to - 1
    return Change(i, i_to, j, j_to)


def _anchors(old: Sequence[int], new: Sequence[int], gap: Change) -> list[tuple[int, int]]:
    """Pairs (old, new) of lines that stand once on either side, the longest rising run of them."""
    ours = _once(new, gap.new_from, gap.new_to)
    theirs = _once(old, gap.old_from, gap.old_to)
    pairs = [(at, ours[line]) for line, at in theirs.items() if line in ours]
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        at = bisect.bisect_left(tops, j)
        before.append(ends[at - 1] if at else -1)
        tops[at : at + 1] = [j]
        ends[at : at + 1] = [place]
    rising: list[tuple[int, int]] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        rising.append(pairs[place])
        place = before[place]
    return rising[::-1]


def _once(lines: Sequence[int], start: int, end: int) -> dict[int, int]:
    """Each line that stands once in the stretch, and where; in order."""
    found: dict[int, int] = {}
    twice: set[int] = set()
    for at in range(start, end):
        line = lines[at]
        if line in found:
            twice.add(line)
        else:
            found[line] = at
    return {line: at for line, at in found.items() if line not in twice}


def _between(gap: Change, anchors: Sequence[tuple[int, int]]) -> Iterator[Change]:
    """The stretches between anchors that hold anything; most anchors touch."""
    i, j = gap.old_from, gap.new_from
    for at, beside in anchors:
        if at != i or beside != j:
            yield Change(i, at, j, beside)
        i, j = at + 1, beside + 1
    yield Change(i, gap.old_to, j, gap.new_to)


def _compared(old: Sequence[int], new: Sequence[int], gap: Change) -> Iterator[Change]:
    """Line by line, within a gap that is small enough."""
    matcher = difflib.SequenceMatcher(
        None,
        old[gap.old_from : gap.old_to],
        new[gap.new_from : gap.new_to],
        autojunk=False,
    )
    for tag, i, i_to, j, j_to in matcher.get_opcodes():
        if tag != "equal":
            yield Change(
                gap.old_from + i, gap.old_from + i_to, gap.new_from + j, gap.new_from + j_to
            )
