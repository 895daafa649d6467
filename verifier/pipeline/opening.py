"""What does every run begin with? Whose it is, the how-manieth, its folder, its first event.

The same for every contract. Must never draw a nonce: it follows from submission, attempt and key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verifier import __version__, signature, store
from verifier import policy as policies
from verifier.errors import RequestError, StorageFault
from verifier.ledger import FORMAT, Ledger
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness
from verifier.pipeline.machine import hardware
from verifier.pipeline.request import Request
from verifier.records import EnvironmentFault, NonceOpened, Opening, SubmissionFacts, Verdict
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


def require_own_name(request: Request) -> None:
    """A verdict's line names its policy: a changed one must not go by a shipped one's name."""
    if policies.as_shipped(request.policy) is False:
        raise RequestError(
            f"this policy is not the '{request.policy.policy.name}' that ships with the verifier",
            remedy="give it a name of its own",
        )


def note_new_key(request: Request, watch: Watch) -> None:
    """Say where a key will lie that is made now."""
    place = request.key or signature.default_path()
    if not place.exists():
        watch.note(f"you have no key yet: one is made and kept as {place}")


def trial(request: Request, *, author: str, digest: str, ground: Ground, place: Path) -> Trial:
    """Count one more attempt of `author` at the submission `digest`; `place` is the store."""
    key = signature.load_or_create(request.key)
    attempt = store.count_attempt(
        place,
        author=author,
        submission_digest=digest,
        policy_digest=request.policy.digest,
        root_digest=ground.root.digest,
        key=key.public_hex,
    )
    nonce, signed = signature.nonce(key, digest, attempt)
    return Trial(key=key, attempt=attempt, nonce=nonce, nonce_signature=signed)


def run_folder(request: Request, name: str, identity: Sequence[str]) -> Path:
    """One folder per thing verified: nothing of another submission, policy or key mixes in.

    `identity` says what was verified, against what and where.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "submission"
    whole = (*identity, request.policy.digest, __version__)
    short = hashlib.sha256("\n".join(whole).encode()).hexdigest()[:12]
    folder = request.out / f"{plain}-{short}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as fault:
        raise RequestError(
            f"{folder} cannot be made: {fault.strerror}", remedy="choose another --out"
        ) from fault
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be made: {fault.strerror}") from fault
    return folder


def set_aside_unfair(folder: Path, watch: Watch) -> None:
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


def opening(
    request: Request,
    facts: SubmissionFacts,
    made: Trial,
    ground: Ground,
    harness: Harness,
    seeds: tuple[int, ...],
) -> Opening:
    """The first event of a ledger."""
    policy = request.policy.policy
    return Opening(
        format=FORMAT,
        verifier_version=__version__,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        submission=facts,
        policy_name=policy.name,
        policy_digest=request.policy.digest,
        public_key=made.key.public_hex,
        self_run=not request.organizer,
        attempt=made.attempt,
        nonce_commitment=signature.commitment(made.nonce),
        seeds=seeds,
        spot_check=len(seeds) < policy.seeds.count,
        image=ground.image,
        backend=ground.sandbox.name,
        assurance=ground.sandbox.level,
        harness_digest=harness.digest,
        hardware=hardware(),
    )
