"""Before anything runs: what is verified, against what, in which boxes, under which key and nonce?

Gathers, commits the nonce and opens the ledger; must never run a submission's code but for its
tokenizer, in a box of its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier import image, store
from verifier import submission as submissions
from verifier.errors import BadSubmission
from verifier.heldout import HeldOut, Tokens
from verifier.ledger import Ledger
from verifier.pipeline import grounds, harness
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness
from verifier.pipeline.opening import (
    Trial,
    note_new_key,
    opening,
    run_folder,
    set_aside_unfair,
    trial,
)
from verifier.pipeline.request import Request
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    BoxFacts,
    HeldOutFacts,
    Opening,
    WallHits,
)
from verifier.scoring.passing import Targets
from verifier.scoring.plan import Batch, plan
from verifier.submission import Submission
from verifier.watch import Watch


@dataclass(kw_only=True)
class Preparation:
    """Everything one verification stands on. Made by `prepare`, read by the seeds' steps."""

    request: Request
    watch: Watch
    store: Path
    folder: Path
    ledger: Ledger
    submission: Submission
    held_out: HeldOut
    tokens: Tokens
    ground: Ground
    harness: Harness
    trial: Trial
    seeds: tuple[int, ...]
    _noting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def policy(self) -> Policy:
        """The rules of this verification."""
        return self.request.policy.policy

    @property
    def shelf(self) -> Path:
        """Where shipments lie."""
        return self.store / "shipments"

    @property
    def streams(self) -> bool:
        """Whether the scorer adapts over the whole stream, for which no replay is built yet."""
        return self.submission.manifest.adaptation is Adaptation.STREAM

    @cached_property
    def targets(self) -> Targets:
        """The secret as scoring drives it."""
        return Targets(self.tokens.ids, self.tokens.offsets)

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """The pass's plan."""
        manifest = self.submission.manifest
        counts = np.diff(self.tokens.offsets).tolist()
        return plan(counts, manifest.rows, manifest.adaptation)

    @cached_property
    def training_ids(self) -> npt.NDArray[np.int32] | None:
        """The training side in the scorer's own tokens; None for a submission's own tokenizer."""
        match self.submission.manifest.tokenizer:
            case "data":
                return self.held_out.training_ids("data")
            case "bytes":
                return self.held_out.training_ids("bytes")
            case _:
                return None

    @cached_property
    def bytecode(self) -> Path | None:
        """Compiled modules of the image: it has none itself, and every box is new."""
        return image.bytecode(self.ground.root, self.ground.sandbox, self.store)

    def note(self, event: BoxFacts | WallHits) -> None:
        """Record what was seen of a box. Scorers open and end boxes from several threads."""
        with self._noting:
            self.ledger.append(event)


@contextlib.contextmanager
def prepare(request: Request, submission: Submission, watch: Watch) -> Iterator[Preparation]:
    """Gather all that the frozen `submission` needs; the ledger is locked while the block runs.

    1. Open the held-out data, the image and the sandbox.
    2. Count the attempt; its nonce and the seeds follow from the key.
    3. Open the ledger of this run, or the one that an earlier run left.

    Raises RequestError, BadInput, MachineFault or ImageFault.
    """
    place = store.root()
    submissions.require_allowed(submission, request.policy.policy.score)
    # 1. data, image, sandbox
    held_out = grounds.open_held_out(request, place, watch)
    ground = grounds.open_ground(request, place, watch)
    guest = harness.lay_out(place)
    # 2. attempt, nonce, seeds
    note_new_key(request, watch)
    made = trial(
        request, author=submission.author, digest=submission.digest, ground=ground, place=place
    )
    seeds = grounds.chosen_seeds(
        request.policy.policy, submission.claim.seeds, made.nonce, request.seeds
    )
    # 3. ledger
    identity = (
        submission.digest,
        held_out.manifest_digest,
        ground.root.digest,
        ground.sandbox.name,
        guest.digest,
        made.key.public_hex,
        str(made.attempt),
        str(len(seeds)),
    )
    folder = run_folder(request, submission.claims.name, identity)
    set_aside_unfair(folder / "ledger", watch)
    with Ledger.resume_or_create(folder / "ledger") as ledger:
        asked: list[BoxFacts] = []
        tokens = grounds.open_tokens(
            submission, held_out, request.policy.policy, ground, guest, asked.append
        )
        preparation = Preparation(
            request=request,
            watch=watch,
            store=place,
            folder=folder,
            ledger=ledger,
            submission=submission,
            held_out=held_out,
            tokens=tokens,
            ground=ground,
            harness=guest,
            trial=made,
            seeds=seeds,
        )
        _open_ledger(preparation, asked)
        yield preparation


def _open_ledger(preparation: Preparation, asked: list[BoxFacts]) -> None:
    """The first events of a new ledger; a resumed one has them already."""
    ledger, request = preparation.ledger, preparation.request
    facts = preparation.held_out.facts(preparation.tokens)
    if ledger.find(HeldOutFacts):
        _require_same_tokens(ledger, facts)
        return
    if not ledger.find(Opening):
        ledger.write_policy(request.policy.text)
        ledger.append(
            opening(
                request,
                preparation.submission.facts(),
                preparation.trial,
                preparation.ground,
                preparation.harness,
                preparation.seeds,
            )
        )
    for box in asked:
        ledger.append(box)
    if request.previous is not None:
        ledger.append(request.previous)
    ledger.append(facts)


def _require_same_tokens(ledger: Ledger, facts: HeldOutFacts) -> None:
    if ledger.find(HeldOutFacts)[0].ids_digest != facts.ids_digest:
        raise BadSubmission(
            "its tokenizer gave other ids than in the run that is resumed",
            file=facts.tokenizer,
            remedy="a tokenizer must answer the same documents with the same ids",
        )
