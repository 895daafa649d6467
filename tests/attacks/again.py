"""A sampled replay for real, of a pass that is in a ledger already, under a nonce of our choice.

Positions, companions and boxes are the pipeline's own; nothing is recorded, since the ledger of
the pass is closed. So an offline draw can be held against what boxes answer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from verifier import store
from verifier import submission as submissions
from verifier.errors import BrokenInvariant
from verifier.pipeline import Request
from verifier.pipeline import seed as seeds
from verifier.pipeline.preparation import Preparation, prepare
from verifier.pipeline.witnessing import watching
from verifier.policy import PolicyFile
from verifier.records import BoxFacts, Pass, WallHits
from verifier.scoring.replay import blind_batches, random_rows, run_replay
from verifier.submission import Script
from verifier.watch import Watch


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was drawn, int64 [m] with multiplicity, and nats float32 [N], NaN where not asked."""

    draws: npt.NDArray[np.int64]
    blind: npt.NDArray[np.float32]


class Unrecorded(Preparation):
    """A preparation whose boxes leave no trace in the finished ledger."""

    def note(self, event: BoxFacts | WallHits) -> None:
        """Not kept."""


def replay_again(request: Request, sampled: PolicyFile, nonce: bytes, watch: Watch) -> Replayed:
    """Replay the finished run of `request` as the policy `sampled` says, under `nonce`."""
    submission = submissions.pull(request.reference, store.root())
    if isinstance(submission, Script):
        raise BrokenInvariant("a script has no scorer to replay")
    with prepare(request, submission, watch) as prepared:
        known = {field.name: getattr(prepared, field.name) for field in fields(prepared)}
        again = Unrecorded(**known)
        again.request = replace(request, policy=sampled)
        again.trial = replace(prepared.trial, nonce=nonce)
        (scored,) = prepared.ledger.find(Pass)
        return _replayed(again, scored)


def _replayed(again: Preparation, scored: Pass) -> Replayed:
    weighing = seeds.trained_well(again, scored.seed)
    if weighing is None:
        raise BrokenInvariant("the finished run has no artifact")
    draws, asked = seeds.drawn(again, scored)
    key = hashlib.sha256(again.trial.nonce + scored.score_root.encode()).digest()
    filler = random_rows(
        key,
        seeds.FILLER_BATCHES * again.submission.manifest.rows,
        np.diff(again.targets.offsets).tolist(),
        again.training_ids,
        again.tokens.vocabulary,
    )
    count = float(sum(map(len, asked.values())))
    with (
        again.watch.phase(f"replay {len(draws):,} draws blind", count) as progress,
        watching(again.ground.sandbox, again.policy, scored.seed) as watched,
    ):
        course = seeds.scoring(again, watched, scored.seed, weighing, math.inf, progress.advance)
        batches = blind_batches(key, again.targets, again.batches, asked, filler)
        result = run_replay(course, batches)
    if result.faults:
        raise BrokenInvariant(f"the scorer broke the wire: {result.faults[0].message}")
    return Replayed(draws, result.blind)
