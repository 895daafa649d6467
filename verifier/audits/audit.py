"""What is an audit, and what follows over several seeds?

An audit is an id, one sentence, the rule it enforces and a pure function with four answers
(PROTOCOL §8). Must never take missing evidence for Kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verifier.policy import Policy
from verifier.records import EndedBy, Evidence, Finding, Outcome, ScriptRun, SeedEvidence, Training

SHOWN_OF_LINE = 200
SEVERITY = (Outcome.KEPT, Outcome.NOT_RUN, Outcome.UNPROVEN, Outcome.BROKEN)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one seed's evidence says: a `Finding` without the audit's name."""

    outcome: Outcome
    reason: str
    advice: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


Judge = Callable[[Evidence, Policy], Reading]
SeedJudge = Callable[[Evidence, SeedEvidence, Policy], Reading]


@dataclass(frozen=True, slots=True)
class Audit:
    """One rule's audit. `sentence` says what holds when it is kept."""

    id: str
    sentence: str
    rule: str
    read: Judge

    def judge(self, evidence: Evidence, policy: Policy) -> Finding:
        """The audit's answer to this evidence under this policy."""
        reading = self.read(evidence, policy)
        return Finding(
            audit=self.id,
            outcome=reading.outcome,
            reason=reading.reason,
            rule=self.rule,
            advice=reading.advice,
            evidence={key: plain(value) for key, value in reading.evidence.items()},
        )


def plain(value: Any) -> Any:
    """What JSON gives back unchanged: numpy's scalars become Python's, no number becomes None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def last_line(log: str) -> str:
    """The last thing a log says, after a colon and short enough for a reason; "" if nothing."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f": {lines[-1][:SHOWN_OF_LINE]}" if lines else ""


def ended_well(run: Training | ScriptRun) -> bool:
    """Whether it ended by itself and says that it did what it was to do."""
    return run.ended_by is EndedBy.ITSELF and run.exit_code == 0


def how_ended(ended_by: EndedBy, exit_code: int | None, log: str) -> str:
    """How a run that was not good ended, and the last thing it said."""
    if ended_by is EndedBy.ITSELF:
        return f"ended with exit code {exit_code}{last_line(log)}"
    return f"was ended by the {ended_by.value.removeprefix('the ')}{last_line(log)}"


def kept(reason: str, **evidence: Any) -> Reading:
    """The rule was kept, on this evidence."""
    return Reading(Outcome.KEPT, reason, evidence=evidence)


def broken(reason: str, advice: str = "", **evidence: Any) -> Reading:
    """The rule was broken, and it bought something."""
    return Reading(Outcome.BROKEN, reason, advice, evidence)


def unproven(reason: str, advice: str = "", **evidence: Any) -> Reading:
    """Neither kept nor broken can be said."""
    return Reading(Outcome.UNPROVEN, reason, advice, evidence)


def not_run(reason: str, advice: str = "") -> Reading:
    """Nobody looked."""
    return Reading(Outcome.NOT_RUN, reason, advice)


def worst(readings: Mapping[int, Reading]) -> Reading:
    """Over seeds the worst answer wins: Broken, then Unproven, NotRun, Kept.

    The evidence is the worst seed's, with every seed's answer under `seeds`.
    """
    if not readings:
        return not_run("no seed was run")
    seed = max(readings, key=lambda s: SEVERITY.index(readings[s].outcome))
    found = readings[seed]
    alike = all(reading.reason == found.reason for reading in readings.values())
    reason = found.reason if alike else f"seed {seed}: {found.reason}"
    answers = {str(s): reading.outcome.value for s, reading in readings.items()}
    return Reading(found.outcome, reason, found.advice, {**found.evidence, "seeds": answers})


def each_seed(judge: SeedJudge) -> Judge:
    """An audit that asks `judge` about every seed of the opening; absent ones are NotRun."""

    def read(evidence: Evidence, policy: Policy) -> Reading:
        by_seed = {seed.seed: seed for seed in evidence.seeds}
        return worst(
            {
                seed: judge(evidence, by_seed[seed], policy)
                if seed in by_seed
                else not_run("this seed was not run")
                for seed in evidence.opening.seeds
            }
        )

    return read
