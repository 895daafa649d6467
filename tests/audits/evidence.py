"""The smallest evidence that is VERIFIED, and ways to change one thing in it.

Six documents in three batches of two rows. `HONEST` are the costs that a scorer who sees nothing
ahead would have; what a test's cheat gained, it takes off the pass's charges.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from verifier import policy as policies
from verifier import sampling, signature
from verifier.ledger import root_parts, score_root
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    Array,
    Assurance,
    BoxFacts,
    ChainStep,
    Claim,
    EndedBy,
    Evidence,
    FaultKind,
    HeldOutFacts,
    ImageFacts,
    NonceOpened,
    Opening,
    Pass,
    ProtocolFault,
    Replay,
    ScorerTerms,
    Secrecy,
    SeedEvidence,
    Step,
    SubmissionFacts,
    Training,
    Weighing,
)

COUNTS = np.array([30, 50, 40, 60, 20, 40], dtype=np.int32)
N = int(COUNTS.sum())
BYTES = np.array([75, 120, 100, 140, 50, 100], dtype=np.int32)
HONEST = np.random.default_rng(5).uniform(0.5, 4.0, N).astype(np.float32)
EVERYWHERE = np.arange(N, dtype=np.int64)
CHUNK = np.arange(30, 46, dtype=np.int64)
NONE = np.zeros(0, dtype=np.float64)
DIGEST = "5" * 64


@cache
def local() -> Policy:
    """The embedded default policy."""
    return policies.load("local_cpu").policy


def changed(policy: Policy, **groups: dict[str, Any]) -> Policy:
    """`policy` with some keys of some groups changed."""
    update = {name: getattr(policy, name).model_copy(update=keys) for name, keys in groups.items()}
    return policy.model_copy(update=update)


def sampled(draws: int = 40) -> Policy:
    """The default policy with a sampled replay."""
    return changed(local(), replay={"mode": "sampled", "draws": draws})


@cache
def signed_nonce(attempt: int) -> tuple[str, bytes, bytes]:
    """(public key, nonce, signature) of a fresh key."""
    with tempfile.TemporaryDirectory() as folder:
        key = signature.load_or_create(Path(folder) / "key.pem")
    nonce, signed = signature.nonce(key, DIGEST, attempt)
    return key.public_hex, nonce, signed


def opening(count: int = 1, attempt: int = 1) -> Opening:
    """A self-run on a pinned image in hardened containers, `count` seeds from the nonce."""
    key, nonce, _ = signed_nonce(attempt)
    return Opening(
        format="ledger/2",
        verifier_version="0.1",
        started_utc="2026-11-24T16:00:00+00:00",
        submission=SubmissionFacts(
            name="honest",
            author="somebody",
            digest=DIGEST,
            contract="scorer/1",
            claim=Claim(val_bpb=round(bpb(HONEST), 3)),
            scorer=scorer(),
        ),
        policy_name="local_cpu",
        policy_digest="6" * 64,
        public_key=key,
        self_run=True,
        attempt=attempt,
        nonce_commitment=signature.commitment(nonce),
        seeds=tuple(sampling.chosen_seeds(nonce, count)),
        spot_check=False,
        image=ImageFacts(
            recipe="cpu", root_digest="7" * 64, pinned=True, python="3.11", packages={}
        ),
        backend="docker",
        assurance=Assurance.L2,
        harness_digest="8" * 64,
        hardware={"cpu": "some", "gpus": "0"},
    )


def scorer() -> ScorerTerms:
    """Two rows at a time, 16 tokens a chunk."""
    return ScorerTerms(
        adaptation=Adaptation.DOCUMENT, rows=2, chunk=16, tokenizer="data", sealed_start=False
    )


def bpb(charges: Array) -> float:
    """Bits per byte, by ordinary floats."""
    return float(charges.astype(np.float64).sum() / np.log(2) / BYTES.sum())


def held_out() -> HeldOutFacts:
    """Six documents, each spelled by its tokens."""
    return HeldOutFacts(
        name="django-5.2",
        manifest_digest=str(local().data.manifest),
        tokenizer_digest="9" * 64,
        tokenizer="data",
        vocabulary=1024,
        targets=N,
        document_bytes=int(BYTES.sum()),
        table_bytes=int(BYTES.sum()),
        unspelled=0,
        first_unspelled=None,
        ids_digest="a" * 64,
        target_counts=COUNTS,
        byte_counts=BYTES,
    )


def seed_evidence(seed: int, charges: Array = HONEST) -> SeedEvidence:
    """One seed, trained in 100 s, scored in 10 s, replayed everywhere."""
    return SeedEvidence(
        seed=seed,
        training=Training(
            seed=seed,
            wall_seconds=(99.0, 100.0),
            init_seconds=None,
            pack_seconds=None,
            limit_seconds=300.0,
            ended_by=EndedBy.ITSELF,
            exit_code=0,
            cpu_seconds=90.0,
            memory_peak_bytes=1 << 20,
            unfair="",
            log="",
        ),
        script=None,
        weighing=Weighing(
            seed=seed,
            artifact_digest="b" * 64,
            shipment_digest="c" * 64,
            artifact_bytes=1_000_000,
            name_bytes=100,
            code_raw_bytes=5_000,
            code_packed_bytes=2_000,
            tokenizer_bytes=0,
            tokenizer_free=True,
            tar_bytes=1_010_000,
            files=4,
        ),
        scoring=Pass(
            seed=seed,
            plan_digest="d" * 64,
            score_root="",
            charged=N,
            scorers=1,
            busy_seconds=10.0,
            wall_seconds=11.0,
            charges=charges,
            reference=np.full(N, 4.0, dtype=np.float32),
        ),
        replay=Replay(
            seed=seed,
            everything=True,
            faults=0,
            busy_seconds=40.0,
            documents=len(COUNTS),
            draws=np.zeros(0, dtype=np.int64),
            targets=EVERYWHERE,
            blind=HONEST,
            log_sums=np.zeros(N, dtype=np.float32),
        ),
        chain={},
        faults=(),
        secrecy=(scan("submission and artifact"), scan("image")),
        environment=(),
    )


def scan(what: str, share: float = 0.0) -> Secrecy:
    """A scan that found `share` of some document."""
    return Secrecy(
        seed=1,
        scanned=what,
        files=10,
        scanned_bytes=1_000,
        windows=500,
        worst_share=share,
        worst_document=3 if share else None,
        worst_file="artifact/model.bin" if share else "",
    )


def box(**changes: Any) -> BoxFacts:
    """A hardened container around the pinned image."""
    facts = BoxFacts(
        label="score",
        backend="docker",
        assurance=Assurance.L2,
        root_digest="7" * 64,
        walls={},
        lacking=(),
    )
    return replace(facts, **changes)


def evidence(charges: Array = HONEST, count: int = 1, attempt: int = 1) -> Evidence:
    """A run whose blind costs are `HONEST` and whose pass charged `charges`."""
    first = opening(count, attempt)
    _, nonce, signed = signed_nonce(attempt)
    return sealed(
        Evidence(
            opening=first,
            held_out=held_out(),
            seeds=tuple(seed_evidence(seed, charges) for seed in first.seeds),
            boxes=(box(),),
            wall_hits=(),
            previous=None,
            nonce=NonceOpened(nonce=nonce.hex(), signature=signed.hex()),
        )
    )


def sealed(made: Evidence) -> Evidence:
    """The same with each seed's score root taken over what stands there."""

    def seal(seed: SeedEvidence) -> SeedEvidence:
        if seed.scoring is None or seed.weighing is None:
            return seed
        scored = seed.scoring
        root = score_root(
            root_parts(
                made.opening, made.held_out, seed.weighing, scored.plan_digest, scored.charges
            )
        )
        return replace(seed, scoring=replace(seed.scoring, score_root=root))

    return replace(made, seeds=tuple(seal(seed) for seed in made.seeds))


def with_opening(made: Evidence, **changes: Any) -> Evidence:
    """Other facts in the opening, score roots taken again."""
    return sealed(replace(made, opening=replace(made.opening, **changes)))


def with_held_out(made: Evidence, **changes: Any) -> Evidence:
    """Other facts of the held-out data, score roots taken again."""
    return sealed(replace(made, held_out=replace(made.held_out, **changes)))


def with_seed(made: Evidence, **changes: Any) -> Evidence:
    """Other evidence of the first seed; nothing is taken again."""
    first, *rest = made.seeds
    return replace(made, seeds=(replace(first, **changes), *rest))


def with_part(made: Evidence, part: str, **changes: Any) -> Evidence:
    """Other facts in one part (`training`, `replay` …) of the first seed."""
    return with_seed(made, **{part: replace(getattr(made.seeds[0], part), **changes)})


def with_draws(made: Evidence, draws: int = 40) -> Evidence:
    """The same, replayed only where nonce and score root say."""
    seed = made.seeds[0]
    assert seed.scoring is not None and seed.replay is not None and made.nonce is not None
    scored = seed.scoring
    weights = sampling.weights(scored.charges, scored.reference, local().replay.slack_nats)
    drawn = sampling.draw(bytes.fromhex(made.nonce.nonce), scored.score_root, weights, draws)
    asked = np.unique(drawn)
    return with_part(
        made,
        "replay",
        everything=False,
        draws=drawn,
        targets=asked,
        blind=seed.replay.blind[asked],
        log_sums=seed.replay.log_sums[asked],
    )


def fault(kind: FaultKind, **changes: Any) -> ProtocolFault:
    """A broken wire while scoring."""
    made = ProtocolFault(seed=1, phase="score", kind=kind, request="SCORE", message="", document=2)
    return replace(made, **changes)


def step(which: Step, costs: Array, targets: Array = EVERYWHERE, **changes: Any) -> ChainStep:
    """One step's answer; `costs` are by global target."""
    made = ChainStep(
        seed=1, step=which, targets=targets, costs=costs[targets], log_sums=NONE, largest=0
    )
    return replace(made, **changes)


def symbols(costs: Array, worst: Array, log_sum: float = 0.0) -> ChainStep:
    """Every symbol scored at the `worst` eight and at 64 other positions."""
    targets = np.concatenate((worst[:8], EVERYWHERE[::3][:64]))
    sums = np.full(len(targets), log_sum) + np.random.default_rng(1).normal(0, 1e-6, len(targets))
    made = step(Step.EVERY_SYMBOL, costs, targets)
    return replace(made, log_sums=sums, largest=8)


def chain(
    charges: Array, worst: Array, by_step: dict[Step, Array] | None = None
) -> dict[Step, ChainStep]:
    """All steps, each with the pass's charges but BLIND's honest ones, save what `by_step` says."""
    costs = dict.fromkeys(Step, charges) | {Step.BLIND: HONEST} | (by_step or {})
    steps: dict[Step, ChainStep] = {which: step(which, costs[which]) for which in Step}
    steps[Step.OBSERVED_ONLY] = step(Step.OBSERVED_ONLY, costs[Step.OBSERVED_ONLY], CHUNK)
    steps[Step.EVERY_SYMBOL] = symbols(costs[Step.EVERY_SYMBOL], worst)
    return steps
