"""With which artifact is a scorer tried? One that is handed over, one that was left, or a new one.

A new one is trained as a verdict trains it, in a box, under a shorter limit. Must never train where
a usable artifact is at hand and nobody asked for another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier import training
from verifier.audits.audit import ended_well, how_ended
from verifier.errors import RequestError
from verifier.heldout import HeldOut
from verifier.pipeline import artifacts
from verifier.pipeline.grounds import Ground
from verifier.pipeline.trying.request import TryRequest
from verifier.policy import Policy
from verifier.records import EndedBy, Finding, Outcome, Training
from verifier.sandbox import hostile
from verifier.submission import Submission
from verifier.watch import Watch

SEED = 1
AUDIT = "training"


class Untrained(Exception):
    """Training left nothing to try with. Private to this room: it becomes the finding."""

    def __init__(self, finding: Finding, log: str) -> None:
        super().__init__(finding.reason)
        self.finding, self.log = finding, log


@dataclass(frozen=True, slots=True)
class Artifact:
    """The folder that training left, where it comes from, in words, and whether that was now."""

    folder: Path
    said: str
    new: bool = False


@contextlib.contextmanager
def artifact(
    request: TryRequest,
    submission: Submission,
    ground: Ground,
    held_out: HeldOut,
    store: Path,
    watch: Watch,
) -> Iterator[Artifact]:
    """The artifact to try with, there while the block runs.

    Raises RequestError for a folder that is not there, Untrained where training left nothing.
    """
    if request.artifact is not None:
        if not request.artifact.is_dir():
            raise RequestError(f"--artifact {request.artifact}: there is no such folder")
        yield Artifact(request.artifact, f"--artifact {request.artifact}")
        return
    if not request.train and (left := artifacts.kept(store, request.reference, submission)):
        if left.changed:
            names = ", ".join(left.changed[: artifacts.SHOWN])
            watch.note(f"changed since the artifact was trained: {names}; --train makes it anew")
        yield Artifact(left.folder, f"what the last `verifier {left.by}` trained")
        return
    with hostile.scratch("gv-try-train-") as folder:
        yield _trained(request, submission, ground, held_out, folder, watch)


def _trained(
    request: TryRequest,
    submission: Submission,
    ground: Ground,
    held_out: HeldOut,
    folder: Path,
    watch: Watch,
) -> Artifact:
    policy = shortened(request.policy.policy, request.train_seconds)
    limit = policy.train.limit_seconds
    with watch.phase(f"train, for at most {limit:.0f} s", limit) as progress:
        trained = training.train(
            submission,
            SEED,
            sandbox=ground.sandbox,
            root=ground.root,
            data_folder=held_out.training_folder,
            policy=policy,
            out_folder=folder,
            progress=progress,
        )
        facts = trained.facts
        if not ended_well(facts):
            progress.stopped(f"exit code {facts.exit_code}, {facts.ended_by.value}")
    if not ended_well(facts):
        raise Untrained(_failed(request, facts), facts.log)
    took, allowed = facts.wall_seconds[1], request.policy.policy.train.limit_seconds
    return Artifact(trained.artifact, f"trained just now, in {took:.1f} of {allowed:g} s", new=True)


def shortened(policy: Policy, seconds: float) -> Policy:
    """The policy with no more than `seconds` of training."""
    limit = min(seconds, policy.train.limit_seconds)
    return policy.model_copy(
        update={"train": policy.train.model_copy(update={"limit_seconds": limit})}
    )


def _failed(request: TryRequest, facts: Training) -> Finding:
    """Why there is no artifact, and every way out."""
    name = request.reference
    how = f"training {how_ended(facts.ended_by, facts.exit_code, facts.log)}"
    advice = "the log's end is below; training reads $DATA and leaves the artifact in $OUT"
    if facts.ended_by is EndedBy.WALL_CLOCK:
        how = f"training was not over after {facts.limit_seconds:g} s, and a trial waits no longer"
        advice = (
            f"verifier try {name} --train-seconds 300; or verifier verify {name} once, whose"
            " artifact is remembered; or --artifact DIR with what training left elsewhere"
        )
    return Finding(
        audit=AUDIT, outcome=Outcome.UNPROVEN, reason=how, rule="R2, PROTOCOL §2", advice=advice
    )
