"""Which rule admits a row as a record? (R7, by the dates on which rules stood)

A row must beat the best row created before it. Until 27 April by 0.005 nats at p < 0.01; from 28
April a one-sided Welch test with p < 0.25 is enough. A pure systems speed-up needs neither, and no
number shows that one is: such a row says "no rule" and is left to a person. Must never admit what
has no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from verifier.screening.screened import Comparison
from verifier.significance import Sample, one_sided, sample, two_sided, with_one_more


class Admits(StrEnum):
    """What lets a row in."""

    FIRST = "first row"
    WHOLE_MARGIN = "p < 0.01 for 0.005 nats"
    MARGIN = "0.005 nats on average, p < 0.01"
    WELCH = "p < 0.25, from 28 April"
    ONE_MORE = "needs one more seed"
    NONE = "no rule"
    NO_NUMBER = "no number"


@dataclass(frozen=True, slots=True)
class Era:
    """A rule for records, and the first day on which it stood."""

    since: str
    margin_nats: float
    p_value: float


FIRST_RULE = Era("2026-03-18", margin_nats=0.005, p_value=0.01)
LATER_RULE = Era("2026-04-28", margin_nats=0.0, p_value=0.25)


@dataclass(frozen=True, slots=True)
class Runs:
    """One row's runs in bits per byte; `nats_per_bpb` is what 1 bit per byte costs a token."""

    name: str
    bpbs: tuple[float, ...]
    nats_per_bpb: float | None = None


def rule_on(date: str) -> Era:
    """The rule that stood on a day ("2026-04-28…"); the first where nothing is known."""
    return LATER_RULE if date[:10] >= LATER_RULE.since else FIRST_RULE


def compare(ours: Runs, theirs: Runs) -> Comparison | None:
    """How much better and how surely; None where a side has no finite number."""
    if not _numbers(ours.bpbs) or not _numbers(theirs.bpbs):
        return None
    mine, other = sample(ours.bpbs), sample(theirs.bpbs)
    factor = ours.nats_per_bpb
    margin = other.mean - mine.mean
    least = None if factor is None else FIRST_RULE.margin_nats / factor
    return Comparison(
        row=theirs.name,
        runs=other.count,
        mean=other.mean,
        margin_bpb=margin,
        margin_nats=None if factor is None else margin * factor,
        p_better=_known(one_sided(mine, other)),
        p_margin=None if least is None else _known(one_sided(mine, other, least)),
        p_two_sided=_known(two_sided(mine, other)),
        one_more=_known(one_sided(_one_more(mine, other), other)),
    )


def admit(before: Comparison | None, runs: int, decided: str) -> tuple[Admits, str]:
    """The rule that lets a row in, and a sentence with its numbers.

    `before` compares with the best row created before it, None where there is none; `runs` is how
    many it has itself; `decided` is the day on which it was accepted.
    """
    if not runs:
        return Admits.NO_NUMBER, "neither its logs nor its claim have a number"
    if before is None:
        return Admits.FIRST, "nothing was there to beat"
    rule = rule_on(decided)
    said = _said(before, runs)
    enough = before.margin_nats is not None and before.margin_nats >= FIRST_RULE.margin_nats
    if enough and _below(before.p_margin, FIRST_RULE.p_value):
        return Admits.WHOLE_MARGIN, said
    if enough and _below(before.p_better, FIRST_RULE.p_value):
        return Admits.MARGIN, said
    if rule is LATER_RULE and _below(before.p_better, LATER_RULE.p_value):
        return Admits.WELCH, said
    if (enough or rule is LATER_RULE) and _below(before.one_more, rule.p_value):
        return Admits.ONE_MORE, f"{said}; one more seed like these would decide"
    if before.margin_bpb <= 0:
        return Admits.NONE, f"{said}: no better than a row created before it"
    return Admits.NONE, f"{said}: only as a pure systems speed-up"


def _said(before: Comparison, runs: int) -> str:
    nats = "" if before.margin_nats is None else f" = {before.margin_nats:+.4f} nats"
    p = "no p" if before.p_better is None else f"p = {before.p_better:.3g}"
    seeds = "1 seed" if runs == 1 else f"{runs} seeds"
    return f"{before.margin_bpb:+.5f} bpb{nats} against {before.row}, {seeds}, {p}"


def _one_more(ours: Sample, theirs: Sample) -> Sample:
    """A single run has no spread of its own: the other row's stands in for it."""
    if ours.count == 1:
        return Sample(2, ours.mean, theirs.variance)
    return with_one_more(ours)


def _below(p: float | None, limit: float) -> bool:
    return p is not None and p < limit


def _known(p: float) -> float | None:
    return None if math.isnan(p) else p


def _numbers(values: Sequence[float]) -> bool:
    return bool(values) and all(math.isfinite(value) and value > 0 for value in values)
