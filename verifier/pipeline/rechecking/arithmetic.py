"""Does the verdict follow from the ledger, and does the ledger agree with itself? Offline, pure.

1. Every hash, the chain, every array and the policy (by opening it).
2. One verdict, the last event; nonce and events in the order that a run has.
3. The nonce opens its commitment and is the named key's own, for this submission and attempt.
4. Plan and score root of every seed, taken again.
5. The verdict, decided again.

Must never run anything, nor ask who signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier import __version__
from verifier import policy as policies
from verifier.audits.nonce import opened
from verifier.errors import BadData, BadPolicy, BrokenInvariant, RequestError
from verifier.ledger import Ledger, root_parts, score_root
from verifier.metric import bits_per_byte, exact_sum
from verifier.pipeline.rechecking.findings import Forged
from verifier.policy import Policy, PolicyFile
from verifier.records import (
    Answer,
    Array,
    Evidence,
    NonceOpened,
    Pass,
    Replay,
    SeedEvidence,
    Verdict,
)
from verifier.scoring.plan import plan, plan_digest
from verifier.signature import SIGNATURE_FILE
from verifier.verdict import decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished ledger that agrees with itself, the policy in it and what it said."""

    ledger: Ledger
    evidence: Evidence
    policy: PolicyFile
    verdict: Verdict
    proved: tuple[str, ...]


def opened_ledger(place: Path) -> Ledger:
    """The ledger in `place`, with every hash verified.

    Raises LedgerDamaged where one does not fit, LedgerUnfinished, RequestError where there is none.
    """
    if not place.exists():
        raise RequestError(f"{place}: there is no such folder")
    if not (place / "ledger.jsonl").exists():
        raise RequestError(f"{place} holds no ledger", remedy="name the folder of a run")
    return Ledger.open(place)


def finished(place: Path) -> Ledger:
    """The ledger in `place`, opened, with one verdict at its end.

    Raises as `opened_ledger` does, RequestError where there is no verdict yet, Forged where there
    are several, or was one.
    """
    ledger = opened_ledger(place)
    count = len(ledger.find(Verdict))
    if count == 0 and (place / SIGNATURE_FILE).exists():
        raise Forged("the ledger was signed and has no verdict: its end was cut off")
    if count == 0:
        raise RequestError(
            f"{place} holds no finished verdict: it is at work still, or was stopped",
            remedy="the same `verifier verify` finishes it",
        )
    if count > 1 or not isinstance(ledger.records[-1], Verdict):
        raise Forged(f"the ledger has {count} verdicts, and one must be its last event")
    return ledger


def recomputed(ledger: Ledger) -> Finished:
    """All that arithmetic can show of a finished ledger.

    Raises Forged for the first contradiction, RequestError where another version's rules would
    have to say.
    """
    evidence = ledger.evidence()
    policy = _policy(ledger, evidence)
    _check_order(ledger.records)
    proved = [
        f"hashes: {len(ledger.records)} events and {len(ledger.files) - 1} files are as recorded",
        _nonce(ledger, evidence),
        *(said for seed in evidence.seeds if (said := _seed(evidence, seed, policy.policy))),
    ]
    verdict = _verdict(ledger, evidence, policy)
    proved.append(f"verdict: the same evidence and policy give {verdict.answer.value} again")
    return Finished(
        ledger=ledger,
        evidence=evidence,
        policy=policy,
        verdict=verdict,
        proved=tuple(said for said in proved if said),
    )


def _policy(ledger: Ledger, evidence: Evidence) -> PolicyFile:
    path = ledger.folder / "policy.yaml"
    try:
        return policies.load(str(path))
    except BadPolicy as wrong:
        _require_this_version(evidence)
        raise Forged(f"the policy cannot be read: {wrong.message}") from wrong


def _require_this_version(evidence: Evidence) -> None:
    """Raises RequestError where another version wrote the ledger: its rules may differ."""
    if (wrote := evidence.opening.verifier_version) != __version__:
        raise RequestError(
            f"golf-verifier {ascii(wrote)[1:-1][:40]} wrote this ledger and this is {__version__},"
            " whose rules say something else",
            remedy="recheck it with that version",
        )


def _check_order(records: tuple[Any, ...]) -> None:
    """Charges are fixed before the nonce is opened, and nothing is replayed before it is."""
    opened_at = [at for at, record in enumerate(records) if isinstance(record, NonceOpened)]
    passes = [at for at, record in enumerate(records) if isinstance(record, Pass)]
    replays = [at for at, record in enumerate(records) if isinstance(record, Replay)]
    if replays and (not opened_at or min(replays) < opened_at[0]):
        raise Forged("a seed was replayed before the nonce was opened")
    if opened_at and passes and max(passes) > opened_at[0]:
        raise Forged("a seed was scored after the nonce was opened")


def _nonce(ledger: Ledger, evidence: Evidence) -> str:
    if evidence.nonce is None:
        (verdict,) = ledger.find(Verdict)
        if verdict.answer is not Answer.INCONCLUSIVE:
            raise Forged(f"{verdict.answer.value}, and the nonce was never opened")
        return ""
    nonce = opened(evidence)
    if isinstance(nonce, str):
        raise Forged(nonce)
    key, attempt = evidence.opening.public_key[:8], evidence.opening.attempt
    return f"nonce: it opens its commitment, and is key {key}'s own for attempt {attempt}"


def _seed(evidence: Evidence, seed: SeedEvidence, policy: Policy) -> str:
    """Plan, score root and sum of one seed that was scored; "" where it was not."""
    scoring, weighing, held_out = seed.scoring, seed.weighing, evidence.held_out
    if scoring is None:
        return ""
    if weighing is None:
        raise Forged(f"seed {seed.seed} was scored and its artifact was not weighed")
    if not len(scoring.charges) == scoring.charged == held_out.targets:
        raise Forged(f"seed {seed.seed}: {len(scoring.charges):,} charges of {held_out.targets:,}")
    terms = evidence.opening.submission.scorer
    if terms is None:
        raise Forged(f"seed {seed.seed} was scored, and the submission has no scorer")
    _check_places(held_out.targets, seed)
    if not 0 < terms.rows <= policy.score.rows_at_most or terms.chunk < 1:
        raise Forged(f"seed {seed.seed} was scored in batches that the policy does not allow")
    batches = plan(held_out.target_counts.tolist(), terms.rows, terms.adaptation)
    if plan_digest(batches, terms.chunk, terms.adaptation) != scoring.plan_digest:
        raise Forged(f"seed {seed.seed}: the plan is not that of these documents")
    parts = root_parts(evidence.opening, held_out, weighing, scoring.plan_digest, scoring.charges)
    if score_root(parts) != scoring.score_root:
        raise Forged(f"seed {seed.seed}: the score root is not that of the ledger's parts")
    try:
        bpb = bits_per_byte(exact_sum(scoring.charges), held_out.document_bytes)
    except BadData as wrong:
        raise Forged(f"seed {seed.seed}: {wrong.message}") from wrong
    return (
        f"charges: seed {seed.seed} has score root {scoring.score_root[:12]}, and its"
        f" {len(scoring.charges):,} charges sum to {bpb:.6f} bits a byte"
    )


def _check_places(targets: int, seed: SeedEvidence) -> None:
    """What was replayed are targets that are there, each answer with its own."""
    places: list[Array] = []
    if seed.replay is not None:
        replay = seed.replay
        places += [replay.draws, replay.targets]
        if not len(replay.targets) == len(replay.blind) == len(replay.log_sums):
            raise Forged(f"seed {seed.seed}: the replay's answers are not as many as its places")
    for step in seed.chain.values():
        places.append(step.targets)
        if len(step.targets) != len(step.costs):
            raise Forged(f"seed {seed.seed}: the chain's answers are not as many as its places")
    if any(len(place) and not 0 <= place.min() <= place.max() < targets for place in places):
        raise Forged(f"seed {seed.seed} was replayed where there is no target")


def _verdict(ledger: Ledger, evidence: Evidence, policy: PolicyFile) -> Verdict:
    (stored,) = ledger.find(Verdict)
    try:
        verdict = decide(evidence, policy.policy)
    except BrokenInvariant as wrong:
        # What cannot have been opened was not opened: here it is the ledger that is impossible.
        raise Forged(wrong.message) from wrong
    if verdict != stored:
        _require_this_version(evidence)
        other = stored.answer.value
        if verdict.answer is stored.answer:
            other = f"{other} in other words or numbers"
        raise Forged(f"the evidence says {verdict.answer.value}, the ledger {other}")
    return verdict
