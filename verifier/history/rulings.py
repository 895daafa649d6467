"""What became of each ruling? It stands beside the finding that it is about, or is named as void.

A ruling holds for one head and one finding: after a push there is another head, and the ruling is
void. Must never drop one in silence, nor change what screening found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.screening.screened import Row, Ruling

NAMED = 8
HEAD_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Rows with their rulings, and what became of the rulings.

    `held` are about a finding that stands; `idle` about one that this head does not have; `void`
    about a head that no pull request has any more, or not the one that the ruling names;
    `elsewhere` about a pull request that this triage was not asked for.
    """

    rows: tuple[Row, ...]
    held: tuple[Ruling, ...]
    idle: tuple[Ruling, ...]
    void: tuple[Ruling, ...]
    elsewhere: tuple[Ruling, ...] = ()


def decide(rows: Iterable[Row], rulings: Sequence[Ruling], heads: Mapping[int, str]) -> Decided:
    """Put each ruling beside the row whose head it is about; `heads` are all, by number."""
    ruled = tuple(_with_its_own(row, rulings) for row in rows)
    findings = {
        (row.number, row.head, remark.rule)
        for row in ruled
        for remark in (row.screening.remarks if row.screening else ())
    }
    became: dict[str, list[Ruling]] = {"held": [], "idle": [], "void": [], "elsewhere": []}
    read = {row.number for row in ruled}
    numbers: dict[str, set[int]] = {}
    for number, head in [*heads.items(), *((row.number, row.head) for row in ruled)]:
        numbers.setdefault(head, set()).add(number)
    for each in rulings:
        whose = numbers.get(each.head, set())
        about = whose & {each.number} if each.number else whose
        if not about:
            became["void"].append(each)
        elif not about & read:
            became["elsewhere"].append(each)
        else:
            stands = any((number, each.head, each.rule) in findings for number in about)
            became["held" if stands else "idle"].append(each)
    return Decided(rows=ruled, **{name: tuple(some) for name, some in became.items()})


def _with_its_own(row: Row, rulings: Sequence[Ruling]) -> Row:
    own = tuple(
        each for each in rulings if each.head == row.head and each.number in (0, row.number)
    )
    return replace(row, rulings=own) if own else row


def counted(decided: Decided) -> str:
    """What became of rulings, for people; "" where there is none."""
    parts = []
    by = Counter(ruling.dismissed for ruling in decided.held)
    if decided.held:
        found = "finding" if len(decided.held) == 1 else "findings"
        parts.append(f"{by[True]} {found} dismissed and {by[False]} upheld by a person")
    if decided.idle:
        why = "about a finding that the head does not have"
        parts.append(f"{len(decided.idle)} {why}: {_named(decided.idle)}")
    if decided.void:
        why = "void, the head was pushed over or is not in this clone"
        parts.append(f"{len(decided.void)} {why}: {_named(decided.void)}")
    if decided.elsewhere:
        count = len(decided.elsewhere)
        parts.append(f"{count} about pull requests that were not asked for")
    return f"Rulings: {'; '.join(parts)}" if parts else ""


def _named(rulings: Sequence[Ruling]) -> str:
    """Pull request, or head where none is named, and line of each."""
    said = [f"{_whose(each)} ({each.rule}, line {each.line})" for each in rulings[:NAMED]]
    more = len(rulings) - NAMED
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def _whose(ruling: Ruling) -> str:
    return f"#{ruling.number}" if ruling.number else f"head {ruling.head[:HEAD_SHOWN]}"
