"""What do a submission's own claims and logs show, beside each other? Runs nothing.

`RULES` lists every rule of this room in one order; `check` yields their remarks.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.evidence import (
    claims,
    code,
    data,
    fields,
    limits,
    manifest,
    needs,
    plausible,
    preparation,
    readme,
    scripts,
    seeds,
    unread,
    unshown,
)
from verifier.screening.evidence.gathering import Evidence, SeedScore, claimed_seeds, read_evidence
from verifier.screening.evidence.run_logs import ReadLog, read_logs
from verifier.screening.evidence.saying import merged
from verifier.screening.finding import Remark
from verifier.screening.rule import Rule

__all__ = [
    "RULES",
    "Evidence",
    "ReadLog",
    "SeedScore",
    "check",
    "claimed_seeds",
    "read_evidence",
    "read_logs",
]

_FAMILIES = (
    manifest,
    claims,
    fields,
    seeds,
    limits,
    code,
    data,
    plausible,
    scripts,
    needs,
    preparation,
    readme,
    unshown,
    unread,
)

RULES: tuple[Rule, ...] = tuple(rule for family in _FAMILIES for rule in family.RULES)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark of every rule, in the order of `RULES`' families."""
    for family in _FAMILIES:
        yield from merged(family.check(evidence))
