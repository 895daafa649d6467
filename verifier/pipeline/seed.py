"""One seed of a verification: train, weigh, score, replay, in that order and never twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from verifier import sampling, training
from verifier import submission as submissions
from verifier.errors import BoxLost
from verifier.ledger import score_root
from verifier.pipeline.preparation import Preparation
from verifier.records import (
    BoxFacts,
    BoxSpec,
    EndedBy,
    EnvironmentFault,
    Limits,
    Mount,
    NonceOpened,
    Pass,
    ProtocolFault,
    Replay,
    Secrecy,
    Training,
    WallHits,
    Weighing,
)
from verifier.sandbox.clock import starved_since
from verifier.scoring.box import Setting
from verifier.scoring.chain import Chain
from verifier.scoring.passing import Scoring, run_pass
from verifier.scoring.plan import plan_digest
from verifier.scoring.reference import bigram_charges, end_likelihood
from verifier.scoring.replay import (
    Asked,
    ReplayResult,
    asked_at,
    asked_everywhere,
    blind_batches,
    random_rows,
    run_replay,
)

BORDERS_AT_MOST = 256
FILLER_BATCHES = 5
SCORING_PIDS = 256
SCORING_LOG_BYTES = 4 << 20
SCORING_TEMPORARY_BYTES = 1 << 30


def train_seed(preparation: Preparation, seed: int) -> None:
    """Train one seed, freeze what it left and weigh it."""
    ledger, policy = preparation.ledger, preparation.policy
    if ledger.find(Weighing, seed=seed):
        return
    with preparation.watch.phase(f"train seed {seed}", policy.train.limit_seconds) as progress:
        trained = training.train(
            preparation.submission,
            seed,
            sandbox=preparation.sandbox,
            root=preparation.root,
            data_folder=preparation.held_out.training_folder,
            policy=policy,
            out_folder=preparation.folder / f"seed-{seed}",
            progress=progress,
        )
    for facts in trained.boxes:
        note_box(preparation, facts)
    if not ledger.find(Training, seed=seed):
        ledger.append(trained.facts)
    if trained.facts.attempts:
        ledger.append(WallHits(seed=seed, phase="train", attempts=trained.facts.attempts))
    shipment = submissions.freeze(
        trained.artifact, preparation.submission, preparation.store / "shipments"
    )
    ledger.append(
        submissions.weigh(shipment, preparation.submission, seed=seed, rule=policy.size)
    )


def note_box(preparation: Preparation, facts: BoxFacts) -> None:
    """One event for each kind of box: the boxes of a phase are made alike."""
    known = {(f.label, f.walls == facts.walls) for f in preparation.ledger.find(BoxFacts)}
    if (facts.label, True) not in known:
        preparation.ledger.append(facts)


def trained_well(preparation: Preparation, seed: int) -> Weighing | None:
    """The weighing of a seed whose training left something to score, else None."""
    ledger = preparation.ledger
    trainings, weighings = ledger.find(Training, seed=seed), ledger.find(Weighing, seed=seed)
    if not trainings or not weighings:
        return None
    training_facts, weighing = trainings[-1], weighings[-1]
    ended_well = training_facts.ended_by is EndedBy.ITSELF and training_facts.exit_code == 0
    return weighing if ended_well and not weighing.objections else None


def scoring_setting(preparation: Preparation, seed: int, shipment: Path) -> Setting:
    """How this seed's scorer boxes are opened."""
    policy, manifest = preparation.policy, preparation.submission.manifest
    threads = str(policy.hardware.threads)
    spec = BoxSpec(
        label="",
        root=preparation.root,
        argv=("python3", "/harness/harness.py", manifest.scorer, "/shipment/artifact"),
        environment={
            **preparation.bytecode_environment,
            "PYTHONPATH": "/shipment/code",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OMP_WAIT_POLICY": "passive",
        },
        inputs=(
            Mount(source=shipment, target="/shipment"),
            Mount(source=preparation.harness, target="/harness"),
            *preparation.bytecode_mounts,
        ),
        output=None,
        channel=None,
        working_folder="/shipment/code",
        limits=Limits(
            # a box plays one part of a pass or replay; the policy bounds busy time, this bounds it
            wall_seconds=policy.score.start_seconds
            + policy.score.limit_seconds * max(policy.replay.busy_multiple, 1.0),
            memory_bytes=policy.hardware.memory_bytes,
            pids=SCORING_PIDS,
            threads=policy.hardware.threads,
            temporary_bytes=SCORING_TEMPORARY_BYTES,
            output_bytes=0,
            output_files=0,
            log_bytes=SCORING_LOG_BYTES,
        ),
    )

    def hits(phase: str, attempts: tuple[str, ...]) -> None:
        preparation.ledger.append(WallHits(seed=seed, phase=phase, attempts=attempts))

    return Setting(
        sandbox=preparation.sandbox,
        spec=spec,
        rows=manifest.rows,
        chunk=manifest.chunk,
        vocabulary=preparation.tokens.vocabulary,
        threads=policy.hardware.threads,
        start_seconds=policy.score.start_seconds,
        answer_seconds=policy.score.answer_seconds,
        seed=seed,
        starved=starved_since,
        opened=lambda facts: note_box(preparation, facts),
        ended=hits,
    )


def scoring(
    preparation: Preparation, seed: int, weighing: Weighing, advance: Callable[[float], None]
) -> Scoring:
    """All that pass, replay and chain of one seed share."""
    shipment = submissions.extracted(preparation.store / "shipments", weighing.shipment_digest)
    return Scoring(
        setting=scoring_setting(preparation, seed, shipment),
        targets=preparation.targets,
        batches=preparation.batches,
        adaptation=preparation.submission.manifest.adaptation,
        scorers=preparation.request.scorers,
        advance=advance,
    )


def score_seed(preparation: Preparation, seed: int) -> None:
    """Charge every held-out token once and fix `score_root`."""
    ledger = preparation.ledger
    weighing = trained_well(preparation, seed)
    if weighing is None or ledger.find(Pass, seed=seed) or ledger.find(ProtocolFault, seed=seed):
        return
    tokens = preparation.tokens
    with preparation.watch.phase(f"score seed {seed}", float(len(tokens.ids))) as progress:
        result = run_pass(scoring(preparation, seed, weighing, progress.advance))
    for fault in result.faults:
        ledger.append(fault)
    if result.faults:
        return
    manifest = preparation.submission.manifest
    plan = plan_digest(preparation.batches, manifest.chunk, manifest.adaptation)
    ledger.append(
        Pass(
            seed=seed,
            plan_digest=plan,
            score_root=score_root(preparation.root_parts(weighing, plan, result.charges)),
            charged=result.charged,
            scorers=preparation.request.scorers,
            busy_seconds=result.busy_seconds,
            wall_seconds=result.wall_seconds,
            charges=result.charges,
            reference=bigram_charges(
                preparation.targets, preparation.training_ids(), tokens.vocabulary, tokens.end
            ),
        )
    )


def replay_seed(preparation: Preparation, seed: int) -> None:
    """Replay one seed blind; where it deviates, run the chain; then look for held-out text."""
    ledger = preparation.ledger
    weighing = trained_well(preparation, seed)
    if weighing is None:
        return
    if not ledger.find(Secrecy, seed=seed):
        for secrecy in preparation.scan(seed, weighing):
            ledger.append(secrecy)
    passes = ledger.find(Pass, seed=seed)
    done = ledger.find(Replay, seed=seed) or ledger.find(EnvironmentFault, seed=seed)
    if not passes or done or not ledger.find(NonceOpened) or preparation.streams:
        return
    try:
        replay_and_chain(preparation, seed, weighing, passes[-1])
    except BoxLost as lost:
        fault = EnvironmentFault(seed=seed, phase="replay", reason=f"two boxes lost: {lost}")
        ledger.append(fault)


def drawn(preparation: Preparation, scored: Pass) -> tuple[np.ndarray, Asked]:
    """The draws of a sampled replay (none when everything is asked) and what is asked."""
    rule, targets, tokens = preparation.policy.replay, preparation.targets, preparation.tokens
    if rule.mode == "all":
        return np.zeros(0, dtype=np.int64), asked_everywhere(targets)
    weights = sampling.weights(scored.charges, scored.reference, rule.slack_nats)
    draws = sampling.draw(preparation.nonce, scored.score_root, weights, rule.draws)
    borders = sampling.borders(
        preparation.nonce,
        scored.score_root,
        np.diff(targets.offsets),
        preparation.submission.manifest.chunk,
        min(BORDERS_AT_MOST, rule.draws),
    )
    likely = end_likelihood(
        targets, preparation.training_ids(), tokens.vocabulary, tokens.end
    )
    return draws, asked_at(targets, np.concatenate((draws, borders)), likely, rule.decoys)


def replay_and_chain(
    preparation: Preparation, seed: int, weighing: Weighing, scored: Pass
) -> None:
    """Steps 3 to 5 of PROTOCOL §4 for one seed."""
    ledger, targets = preparation.ledger, preparation.targets
    draws, asked = drawn(preparation, scored)
    key = hashlib.sha256(preparation.nonce + scored.score_root.encode()).digest()
    rows = preparation.submission.manifest.rows
    filler = random_rows(
        key,
        FILLER_BATCHES * rows,
        np.diff(targets.offsets).tolist(),
        preparation.training_ids(),
        preparation.tokens.vocabulary,
    )
    count = float(sum(len(positions) for positions in asked.values()))
    with preparation.watch.phase(f"replay seed {seed} blind", count) as progress:
        course = scoring(preparation, seed, weighing, progress.advance)
        replayed = run_replay(
            course, blind_batches(key, targets, preparation.batches, asked, filler)
        )
    for fault in replayed.faults:
        ledger.append(fault)
    deviates = np.abs(replayed.blind - scored.charges) > preparation.policy.replay.tau_nats
    if deviates.any() and not replayed.faults:
        with preparation.watch.phase(f"ask which rule seed {seed} broke", None) as progress:
            course = scoring(preparation, seed, weighing, progress.advance)
            chain = Chain(
                course, scored.charges, replayed, preparation.policy.replay, filler
            ).run()
        for record in (*chain.steps, *chain.faults):
            ledger.append(record)
    # the replay's own event comes last: a run that dies in the chain asks again from the start
    ledger.append(recorded(preparation, seed, draws, replayed))


def recorded(
    preparation: Preparation, seed: int, draws: np.ndarray, replayed: ReplayResult
) -> Replay:
    """The replay as an event: only what was asked."""
    asked = np.flatnonzero(~np.isnan(replayed.blind)).astype(np.int64)
    return Replay(
        seed=seed,
        everything=preparation.policy.replay.mode == "all",
        faults=replayed.machine_faults,
        busy_seconds=replayed.busy_seconds,
        documents=replayed.documents,
        draws=draws,
        targets=asked,
        blind=replayed.blind[asked],
        log_sums=replayed.log_sums[asked],
    )
