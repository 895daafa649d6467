"""What did shadow runs of a script show? One audit for each of their conditions. (DESIGN §7)

The shadow room judged each condition when it ran; what it said stands in the ledger. Must never
take a condition that was not tested for Kept.
"""

from __future__ import annotations

from verifier.audits.audit import Audit, Judge, Reading, not_run
from verifier.audits.coverage import other_data_or_seeds
from verifier.policy import Policy
from verifier.records import Evidence, Outcome

SEE_IT = "`verifier shadow REF --seed {seed}` shows it again; docs/shadow.md says how to read it"


def condition(name: str) -> Judge:
    """The audit that answers as the condition `name` of the shadow runs did."""

    def read(evidence: Evidence, _: Policy) -> Reading:
        behaviour = evidence.behaviour
        if behaviour is None:
            return not_run("no shadow run was made")
        found = next((each for each in behaviour.conditions if each.condition == name), None)
        if found is None:
            return not_run("the shadow runs were not asked this under this policy")
        broken = found.outcome is Outcome.BROKEN
        advice = SEE_IT.format(seed=behaviour.drawn_with) if broken else ""
        return Reading(found.outcome, found.said, advice, found.evidence)

    return read


def coverage(evidence: Evidence, policy: Policy) -> Reading:
    """The data and the seeds are the policy's, and the script counts every token."""
    wrong = other_data_or_seeds(evidence, policy)
    return condition("coverage")(evidence, policy) if wrong is None else wrong


FUTURE = Audit(
    "future",
    "No score depends on tokens that come after it.",
    "C1, C3, C4, DESIGN §7",
    condition("future"),
)
PAST = Audit(
    "past",
    "What was learned from a document ends with it.",
    "R5, DESIGN §7",
    condition("past"),
)
HELD_OUT = Audit(
    "held-out",
    "The artifact is the same whatever the held-out data is.",
    "R4, DESIGN §7",
    condition("held-out"),
)
KNOWN_SOURCE = Audit(
    "known-source",
    "The printed total is no less than what its documents hold.",
    "C2, C3, PROTOCOL §9",
    condition("known-source"),
)
CHOICE = Audit(
    "choice",
    "Of several visits of a token none is chosen for being cheaper.",
    "C4, DESIGN §7",
    condition("choice"),
)
LATE_TRAINING = Audit(
    "late-training",
    "No training data are used once the time for training is over.",
    "R2, DESIGN §7",
    condition("late-training"),
)
BYTES = Audit(
    "bytes",
    "Loss and bits per byte stand to each other as tokens and bytes do.",
    "R8, DESIGN §7",
    condition("bytes"),
)
COVERAGE = Audit(
    "coverage",
    "Every held-out token is in the printed number.",
    "R6, R10, DESIGN §7",
    coverage,
)
