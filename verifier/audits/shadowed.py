"""What did a script's behaviour show? One audit for each condition of the shadow runs. (DESIGN §7)

The shadow room judged each condition at toy scale when it ran; what it said stands in the ledger.
Three conditions are asked of the runs in full too, which nothing can take for toys. Must never take
a condition that was not tested for Kept.
"""

from __future__ import annotations

import math

from verifier.audits.audit import Audit, Judge, Reading, broken, kept, not_run, unproven
from verifier.audits.coverage import other_data_or_seeds
from verifier.policy import Policy
from verifier.records import Counterfactual, Evidence, Outcome

SEE_IT = "`verifier shadow` with --seed {seed} shows it again; docs/shadow.md says how to read it"
MISTAKEN = 0.02
"""Of the counted tokens: training text that is taken for drawn text which is like it (one in 2,000
was seen)."""
UNCOUNTED = 0.07
"""Of all targets: what windows and batches may drop at the end of a stream."""
BYTES_TOLERANCE = 0.004
"""Relative: totals of bytes and tokens may leave out an unfinished window."""


def condition(name: str) -> Judge:
    """The audit that answers as the condition `name` of the shadow runs did."""

    def read(evidence: Evidence, _: Policy) -> Reading:
        return at_toy_scale(name, evidence)

    return read


def at_toy_scale(name: str, evidence: Evidence) -> Reading:
    """What the shadow runs found of the condition `name`."""
    behaviour = evidence.behaviour
    if behaviour is None:
        return not_run("no shadow run was made")
    found = next((each for each in behaviour.conditions if each.condition == name), None)
    if found is None:
        return not_run("the shadow runs were not asked this under this policy")
    red = found.outcome is Outcome.BROKEN
    advice = SEE_IT.format(seed=behaviour.drawn_with) if red else ""
    return Reading(found.outcome, found.said, advice, found.evidence)


def future(evidence: Evidence, _: Policy) -> Reading:
    """At toy scale; in full nothing may be seen to be learned before it is scored."""
    toy, found = at_toy_scale("future", evidence), evidence.counterfactual
    if toy.outcome is not Outcome.KEPT or found is None:
        return toy
    if found.learned <= MISTAKEN * (found.counted or 0):
        return toy
    return unproven(
        f"in full it was seen to learn from {found.learned:,} tokens before it scored them, which"
        " it does not at toy scale",
        "score a token before anything learns from it",
        learned=found.learned,
    )


def known_source(evidence: Evidence, _: Policy) -> Reading:
    """At toy scale, and in full on text-like documents that nobody could know."""
    toy, found = at_toy_scale("known-source", evidence), evidence.counterfactual
    if toy.outcome is not Outcome.KEPT or not _ran(evidence):
        return toy
    if found is None or found.number is None or found.saved_nats is None:
        return unproven("in full, on documents drawn anew, it printed no number of its claim")
    shown = {
        "printed": found.number,
        "floor": found.floor,
        "saved_nats": found.saved_nats,
        "threshold_nats": found.threshold_nats,
    }
    if found.threshold_nats is None or not found.saved_nats <= found.threshold_nats:
        reason = (
            f"in full, on documents drawn anew, {_printed(found)}: {found.saved_nats:,.0f} nats"
            " saved, which happens to no predictor"
        )
        return broken(reason, "print what was computed, and score before anything learns", **shown)
    return kept(f"{toy.reason} In full, on documents drawn anew, {_printed(found)}.", **shown)


def _printed(found: Counterfactual) -> str:
    return f"it printed {found.number:.4f} {found.unit} where they hold {found.floor:.4f}"


def held_out(evidence: Evidence, _: Policy) -> Reading:
    """At toy scale, and in full: one seed leaves one artifact, whatever the held-out data."""
    toy, found = at_toy_scale("held-out", evidence), evidence.counterfactual
    if toy.outcome is not Outcome.KEPT or not _ran(evidence):
        return toy
    if found is None:
        return unproven("it was not run in full on documents drawn anew")
    if found.artifact is Outcome.BROKEN:
        return broken(
            "in full, its artifact has other bytes on other held-out documents, and the same bytes "
            "again on the same: it was made from them",
            "calibrate and choose on the training side",
        )
    if found.artifact is Outcome.KEPT:
        return kept(f"{toy.reason} So it is in full.")
    return kept(f"{toy.reason} In full two runs with one seed differ, so there it cannot be told.")


def byte_ratio(evidence: Evidence, _: Policy) -> Reading:
    """At toy scale, and as printed in full on the policy's data."""
    toy, data = at_toy_scale("bytes", evidence), evidence.held_out
    if toy.outcome is not Outcome.KEPT or not data.table_bytes or not data.targets:
        return toy
    true = data.table_bytes / data.targets
    for run in (seed.script for seed in evidence.seeds):
        if run is None or not run.loss or not run.bpb:
            continue
        implied = run.loss / math.log(2) / run.bpb
        if not abs(implied / true - 1) <= BYTES_TOLERANCE + run.rounding:
            return broken(
                f"in full, loss and bits per byte say {implied:.4f} bytes a token, the data has"
                f" {true:.4f}: {implied / true - 1:+.1%}",
                "count the bytes of every token as the competition's table does",
                bytes_a_token=implied,
                true=true,
            )
    return toy


def _ran(evidence: Evidence) -> bool:
    return any(seed.script is not None for seed in evidence.seeds)


def coverage(evidence: Evidence, policy: Policy) -> Reading:
    """The data and the seeds are the policy's, and the script counts every token, in full too."""
    wrong = other_data_or_seeds(evidence, policy)
    toy, found = at_toy_scale("coverage", evidence), evidence.counterfactual
    if wrong is not None or toy.outcome is not Outcome.KEPT:
        return wrong or toy
    if found is None or not found.noted:
        return toy
    if found.counted is None:
        return unproven(
            "in full, its number is not made up of the costs that it was seen to calculate",
            "print the mean of the scores, calculated as at toy scale",
        )
    targets = evidence.held_out.targets
    left = targets - found.counted
    if not left <= UNCOUNTED * targets:
        return unproven(f"in full, {left:,} of {targets:,} tokens are not counted")
    return kept(f"{toy.reason} In full it counts {found.counted:,} tokens.", counted=found.counted)


FUTURE = Audit(
    "future",
    "No score depends on tokens that come after it.",
    "C1, C3, C4, DESIGN §7",
    future,
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
    held_out,
)
KNOWN_SOURCE = Audit(
    "known-source",
    "The printed total is no less than what its documents hold.",
    "C2, C3, PROTOCOL §9",
    known_source,
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
    byte_ratio,
)
COVERAGE = Audit(
    "coverage",
    "Every held-out token is in the printed number.",
    "R6, R10, DESIGN §7",
    coverage,
)
