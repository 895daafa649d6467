"""Before anything runs: what is verified, against what, in which boxes, under which key and nonce?

Gathers, commits the nonce and opens the ledger; must never run a submission's code but for its
tokenizer, in a box of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier import __version__, image, signature, store
from verifier import policy as policies
from verifier import submission as submissions
from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.heldout import HeldOut, Tokens
from verifier.ledger import FORMAT, Ledger
from verifier.pipeline import grounds, harness
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness
from verifier.pipeline.machine import hardware
from verifier.pipeline.request import Request
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    BoxFacts,
    EnvironmentFault,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Verdict,
    WallHits,
)
from verifier.scoring.passing import Targets
from verifier.scoring.plan import Batch, plan
from verifier.submission import Submission
from verifier.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attempt at one submission: whose key, the how-manieth, and what only that key computes.

    The nonce depends on submission and attempt alone, so no run can draw another (PROTOCOL §4.1).
    """

    key: signature.Key
    attempt: int
    nonce: bytes
    nonce_signature: bytes

    def opened(self) -> NonceOpened:
        """The event that reveals the nonce."""
        return NonceOpened(nonce=self.nonce.hex(), signature=self.nonce_signature.hex())


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
def prepare(request: Request, watch: Watch) -> Iterator[Preparation]:
    """Gather all of it; the ledger is locked while the block runs.

    1. Freeze the submission.
    2. Open the held-out data, the image and the sandbox.
    3. Count the attempt; its nonce and the seeds follow from the key.
    4. Open the ledger of this run, or the one that an earlier run left.

    Raises RequestError, BadInput, MachineFault or ImageFault.
    """
    place = store.root()
    _require_own_name(request)
    # 1. freeze
    submission = submissions.pull(request.reference, place)
    submissions.require_allowed(submission, request.policy.policy.score)
    # 2. data, image, sandbox
    held_out = grounds.open_held_out(request, place, watch)
    ground = grounds.open_ground(request, place, watch)
    guest = harness.lay_out(place)
    # 3. attempt, nonce, seeds
    place_of_key = request.key or signature.default_path()
    if not place_of_key.exists():
        watch.note(f"you have no key yet: one is made and kept as {place_of_key}")
    trial = _trial(request, submission, ground, place)
    seeds = grounds.chosen_seeds(request.policy.policy, submission, trial.nonce, request.seeds)
    # 4. ledger
    folder = _run_folder(request, submission, held_out, ground, guest, trial, len(seeds))
    _set_aside_unfair(folder / "ledger", watch)
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
            trial=trial,
            seeds=seeds,
        )
        _open_ledger(preparation, asked)
        yield preparation


def _require_own_name(request: Request) -> None:
    """A verdict's line names its policy: a changed one must not go by a shipped one's name."""
    if policies.as_shipped(request.policy) is False:
        raise RequestError(
            f"this policy is not the '{request.policy.policy.name}' that ships with the verifier",
            remedy="give it a name of its own",
        )


def _trial(request: Request, submission: Submission, ground: Ground, place: Path) -> Trial:
    key = signature.load_or_create(request.key)
    attempt = store.count_attempt(
        place,
        author=submission.author,
        submission_digest=submission.digest,
        policy_digest=request.policy.digest,
        root_digest=ground.root.digest,
        key=key.public_hex,
    )
    nonce, signed = signature.nonce(key, submission.digest, attempt)
    return Trial(key=key, attempt=attempt, nonce=nonce, nonce_signature=signed)


def _run_folder(
    request: Request,
    submission: Submission,
    held_out: HeldOut,
    ground: Ground,
    guest: Harness,
    trial: Trial,
    seeds: int,
) -> Path:
    """One folder per thing verified: nothing of another submission, policy or key mixes in."""
    identity = (
        submission.digest,
        request.policy.digest,
        held_out.manifest_digest,
        ground.root.digest,
        ground.sandbox.name,
        guest.digest,
        __version__,
        trial.key.public_hex,
        str(trial.attempt),
        str(seeds),
    )
    short = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]
    folder = request.out / f"{submission.folder_name}-{short}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as fault:
        raise RequestError(
            f"{folder} cannot be made: {fault.strerror}", remedy="choose another --out"
        ) from fault
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be made: {fault.strerror}") from fault
    return folder


def _set_aside_unfair(folder: Path, watch: Watch) -> None:
    """A run that the machine spoiled before any replay is free again: its ledger is kept aside.

    Its nonce was never opened, and the next run has the same one (PROTOCOL §4.1).
    """
    if not (folder / "ledger.jsonl").exists():
        return
    with Ledger.resume(folder) as ledger:
        spoilt = all((ledger.find(Verdict), ledger.find(EnvironmentFault)))
        if not spoilt or ledger.find(NonceOpened):
            return
    number = 1
    while (aside := folder.with_name(f"{folder.name}-unfair-{number}")).exists():
        number += 1
    folder.rename(aside)
    watch.note(f"the machine was at fault last time; that ledger is kept as {aside.name}")


def _open_ledger(preparation: Preparation, asked: list[BoxFacts]) -> None:
    """The first events of a new ledger; a resumed one has them already."""
    ledger, request = preparation.ledger, preparation.request
    facts = preparation.held_out.facts(preparation.tokens)
    if ledger.find(HeldOutFacts):
        _require_same_tokens(ledger, facts)
        return
    if not ledger.find(Opening):
        ledger.write_policy(request.policy.text)
        ledger.append(_opening(preparation))
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


def _opening(preparation: Preparation) -> Opening:
    policy, trial, ground = preparation.policy, preparation.trial, preparation.ground
    return Opening(
        format=FORMAT,
        verifier_version=__version__,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        submission=preparation.submission.facts(),
        policy_name=policy.name,
        policy_digest=preparation.request.policy.digest,
        public_key=trial.key.public_hex,
        self_run=not preparation.request.organizer,
        attempt=trial.attempt,
        nonce_commitment=signature.commitment(trial.nonce),
        seeds=preparation.seeds,
        spot_check=len(preparation.seeds) < policy.seeds.count,
        image=ground.image,
        backend=ground.sandbox.name,
        assurance=ground.sandbox.level,
        harness_digest=preparation.harness.digest,
        hardware=hardware(),
    )
