"""With which artifact is a scorer tried? One that is handed over, one that was left, or a new one.

A new one is trained as a verdict trains it, in a box, under a shorter limit. Must never train where
a usable artifact is at hand and nobody asked for another.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier import training
from verifier.audits.audit import how_ended
from verifier.errors import RequestError
from verifier.heldout import HeldOut
from verifier.pipeline import artifacts
from verifier.pipeline.grounds import Ground
from verifier.pipeline.seed import ended_well
from verifier.pipeline.trying.request import TryRequest
from verifier.policy import Policy
from verifier.records import EndedBy
from verifier.submission import Submission
from verifier.watch import Watch

SEED = 1
LOG_SHOWN = 2000


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

    Raises RequestError, with every way out, where there is none.
    """
    if request.artifact is not None:
        if not request.artifact.is_dir():
            raise RequestError(f"--artifact {request.artifact}: there is no such folder")
        yield Artifact(request.artifact, f"--artifact {request.artifact}")
        return
    if not request.train and (left := artifacts.kept(store, request.reference, submission)):
        for name in left.changed[: artifacts.SHOWN]:
            watch.note(f"{name} changed since the artifact was trained; --train makes it anew")
        yield Artifact(left.folder, f"what the last `verifier {left.by}` trained")
        return
    with tempfile.TemporaryDirectory(prefix="gv-try-train-") as name:
        folder = Path(name)
        folder.chmod(0o755)
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
        raise _nothing_trained(request, facts.ended_by, facts.exit_code, facts.log)
    took = facts.wall_seconds[1]
    allowed = request.policy.policy.train.limit_seconds
    return Artifact(trained.artifact, f"trained just now, in {took:.1f} of {allowed:g} s", new=True)


def shortened(policy: Policy, seconds: float) -> Policy:
    """The policy with no more than `seconds` of training."""
    limit = min(seconds, policy.train.limit_seconds)
    return policy.model_copy(
        update={"train": policy.train.model_copy(update={"limit_seconds": limit})}
    )


def _nothing_trained(
    request: TryRequest, ended_by: EndedBy, exit_code: int | None, log: str
) -> RequestError:
    if ended_by is not EndedBy.WALL_CLOCK:
        last = "\n".join(log.strip().splitlines()[-20:])[-LOG_SHOWN:]
        return RequestError(
            f"training {how_ended(ended_by, exit_code, log)}",
            remedy=f"its last words: {last}" if last else "it said nothing",
        )
    name = request.reference
    return RequestError(
        f"training was not over after {request.train_seconds:.0f} s, and no artifact of an earlier"
        " run is at hand",
        remedy=f"verifier try {name} --train-seconds 300, or verifier verify {name} once (its"
        " artifact is remembered), or --artifact DIR with what training left elsewhere",
    )
