"""One seed of a verification: train, weigh, score, replay, in that order and never twice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from verifier import sampling, training
from verifier import submission as submissions
from verifier.audits.audit import ended_well
from verifier.errors import BoxLost
from verifier.ledger import root_parts, score_root
from verifier.pipeline import artifacts, gpus
from verifier.pipeline.boxes import scoring_spec
from verifier.pipeline.preparation import Preparation
from verifier.pipeline.secrecy import scan
from verifier.pipeline.witnessing import Watching, note_told, watching
from verifier.records import (
    EnvironmentFault,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Pass,
    ProtocolFault,
    Replay,
    Training,
    WallHits,
    Weighing,
)
from verifier.scoring.box import Setting
from verifier.scoring.chain import Chain, ChainResult
from verifier.scoring.passing import PassResult, Scoring, run_pass
from verifier.scoring.plan import Ids, plan_digest
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

Draws = npt.NDArray[np.int64]


# ---------------------------------------------------------------- train and weigh


def train_seed(preparation: Preparation, seed: int) -> None:
    """Train one seed, freeze what it left and weigh it, each where the ledger does not have it."""
    ledger = preparation.ledger
    if ledger.find(Weighing, seed=seed):
        return
    if not ledger.find(Training, seed=seed):
        run_training(preparation, seed)
    (facts,) = ledger.find(Training, seed=seed)
    note_told(ledger, facts, "train")
    with preparation.watch.phase("freeze and weigh the artifact", None):
        shipment = submissions.freeze(
            training.left(preparation.folder / f"seed-{seed}", facts),
            preparation.submission,
            preparation.shelf,
            preparation.policy,
        )
        ledger.append(submissions.weigh(shipment, preparation.policy.size, seed=seed))
    if ended_well(facts) and not shipment.objections:
        reference, submission = preparation.request.reference, preparation.submission
        artifacts.keep(preparation.store, reference, submission, shipment.digest, "verify")


def run_training(preparation: Preparation, seed: int) -> None:
    """Train one seed and record how that went. What it left stays in the run's folder."""
    ledger, policy, ground = preparation.ledger, preparation.policy, preparation.ground
    with (
        preparation.watch.phase(f"train seed {seed}", policy.train.limit_seconds) as progress,
        watching(ground.sandbox, policy, seed) as watched,
    ):
        trained = training.train(
            preparation.submission,
            seed,
            sandbox=watched.sandbox,
            root=ground.root,
            data_folder=preparation.held_out.training_folder,
            policy=policy,
            out_folder=preparation.folder / f"seed-{seed}",
            progress=progress,
        )
        if not ended_well(trained.facts):
            progress.stopped(f"exit code {trained.facts.exit_code}, {trained.facts.ended_by.value}")
    for facts in trained.boxes:
        preparation.note(facts)
    init = trained.facts.init_seconds
    gpus.keep(ledger, watched.gpus(), policy, seed=seed, phase="train", init_seconds=init)
    ledger.append(trained.facts)
    watched.note(ledger)


def trained_well(preparation: Preparation, seed: int) -> Weighing | None:
    """The weighing of a seed whose training left something to score, else None."""
    ledger = preparation.ledger
    trainings, weighings = ledger.find(Training, seed=seed), ledger.find(Weighing, seed=seed)
    if not trainings or not weighings:
        return None
    return weighings[-1] if ended_well(trainings[-1]) else None


# ---------------------------------------------------------------- score


def score_seed(preparation: Preparation, seed: int) -> None:
    """Charge every held-out token once and fix `score_root`."""
    ledger = preparation.ledger
    weighing = trained_well(preparation, seed)
    done = any((ledger.find(Pass, seed=seed), ledger.find(ProtocolFault, seed=seed)))
    if weighing is None or done:
        return
    policy = preparation.policy
    budget = math.inf if policy.rehearsal else policy.score.limit_seconds
    total = float(preparation.tokens.targets)
    with (
        preparation.watch.phase(f"score seed {seed}", total) as progress,
        watching(preparation.ground.sandbox, policy, seed) as watched,
    ):
        course = scoring(preparation, watched, seed, weighing, budget, progress.advance)
        result = run_pass(course)
        for fault in result.faults:
            progress.stopped(f"{fault.kind.value} in answer to {fault.request}")
    gpus.keep(ledger, watched.gpus(), policy, seed=seed, phase="score")
    for fault in result.faults:
        ledger.append(fault)
        if fault.host_starved:
            reason = f"this machine was starved of CPU: {fault.message}"
            ledger.append(EnvironmentFault(seed=seed, phase="score", reason=reason))
    if not result.faults:
        ledger.append(passed(preparation, seed, weighing, result))
    watched.note(ledger)


def passed(preparation: Preparation, seed: int, weighing: Weighing, result: PassResult) -> Pass:
    """A pass without fault as an event, its root taken over all it rests on."""
    ledger, manifest = preparation.ledger, preparation.submission.manifest
    tokens = preparation.tokens
    plan = plan_digest(preparation.batches, manifest.chunk, manifest.adaptation)
    (opening,), (held_out,) = ledger.find(Opening), ledger.find(HeldOutFacts)
    parts = root_parts(opening, held_out, weighing, plan, result.charges)
    return Pass(
        seed=seed,
        plan_digest=plan,
        score_root=score_root(parts),
        charged=result.charged,
        scorers=preparation.request.scorers,
        busy_seconds=result.busy_seconds,
        wall_seconds=result.wall_seconds,
        charges=result.charges,
        reference=bigram_charges(
            preparation.targets, preparation.training_ids, tokens.vocabulary, tokens.end
        ),
    )


def scoring(
    preparation: Preparation,
    watched: Watching,
    seed: int,
    weighing: Weighing,
    budget_seconds: float,
    advance: Callable[[float], None],
) -> Scoring:
    """All that pass, replay and chain of one seed share; `budget_seconds` bounds each box."""
    policy, manifest = preparation.policy, preparation.submission.manifest
    shipment = submissions.extracted(preparation.shelf, weighing.shipment_digest)

    def hit(phase: str, attempts: tuple[str, ...]) -> None:
        preparation.note(WallHits(seed=seed, phase=phase, attempts=attempts))

    setting = Setting(
        sandbox=watched.sandbox,
        spec=scoring_spec(
            preparation.ground.root,
            preparation.harness,
            preparation.bytecode,
            shipment,
            manifest.scorer,
            policy,
        ),
        rows=manifest.rows,
        chunk=manifest.chunk,
        vocabulary=preparation.tokens.vocabulary,
        threads=policy.hardware.threads,
        start_seconds=policy.score.start_seconds,
        answer_seconds=policy.score.answer_seconds,
        budget_seconds=budget_seconds,
        seed=seed,
        opened=preparation.note,
        ended=hit,
    )
    return Scoring(
        setting=setting,
        targets=preparation.targets,
        batches=preparation.batches,
        adaptation=manifest.adaptation,
        scorers=preparation.request.scorers,
        advance=advance,
    )


# ---------------------------------------------------------------- replay


def replay_seed(preparation: Preparation, seed: int) -> None:
    """Look for held-out text in the box, then replay blind and ask which rule broke."""
    ledger = preparation.ledger
    weighing = trained_well(preparation, seed)
    if weighing is None:
        return
    scan_seed(preparation, seed, weighing)
    passes = ledger.find(Pass, seed=seed)
    done = any((ledger.find(Replay, seed=seed), ledger.find(EnvironmentFault, seed=seed)))
    if not passes or done or not ledger.find(NonceOpened) or preparation.streams:
        return
    try:
        replay_and_chain(preparation, seed, weighing, passes[-1])
    except BoxLost as lost:
        fault = EnvironmentFault(
            seed=seed, phase="replay", reason=f"two boxes lost: {lost.message}"
        )
        ledger.append(fault)


def scan_seed(preparation: Preparation, seed: int, weighing: Weighing) -> None:
    """PROTOCOL §7's windows over all that this seed's boxes could read."""
    shipment = submissions.extracted(preparation.shelf, weighing.shipment_digest)
    scan(
        preparation.ledger,
        seed,
        [preparation.submission.folder, shipment],
        preparation.ground.root,
        preparation.held_out,
        request=preparation.request,
        store=preparation.store,
        watch=preparation.watch,
    )


def drawn(preparation: Preparation, scored: Pass) -> tuple[Draws, Asked]:
    """The draws of a sampled replay (none when everything is asked) and what is asked."""
    rule, targets, tokens = preparation.policy.replay, preparation.targets, preparation.tokens
    if rule.mode == "all":
        return np.zeros(0, dtype=np.int64), asked_everywhere(targets)
    nonce, root = preparation.trial.nonce, scored.score_root
    weights = sampling.weights(scored.charges, scored.reference, rule.slack_nats)
    draws = sampling.draw(nonce, root, weights, rule.draws)
    near = sampling.borders(
        nonce,
        root,
        np.diff(targets.offsets),
        preparation.submission.manifest.chunk,
        min(BORDERS_AT_MOST, rule.draws),
    )
    likely = end_likelihood(targets, preparation.training_ids, tokens.vocabulary, tokens.end)
    return draws, asked_at(targets, np.concatenate((draws, near)), likely, rule.decoys)


def replay_and_chain(preparation: Preparation, seed: int, weighing: Weighing, scored: Pass) -> None:
    """Steps 3 to 5 of PROTOCOL §4 for one seed."""
    ledger, targets = preparation.ledger, preparation.targets
    draws, asked = drawn(preparation, scored)
    key = hashlib.sha256(preparation.trial.nonce + scored.score_root.encode()).digest()
    filler = random_rows(
        key,
        FILLER_BATCHES * preparation.submission.manifest.rows,
        np.diff(targets.offsets).tolist(),
        preparation.training_ids,
        preparation.tokens.vocabulary,
    )
    policy = preparation.policy
    budget = policy.replay.busy_seconds(scored.busy_seconds, policy.score.limit_seconds)
    count = float(sum(len(positions) for positions in asked.values()))
    with (
        preparation.watch.phase(f"replay seed {seed} blind", count) as progress,
        watching(preparation.ground.sandbox, policy, seed) as watched,
    ):
        course = scoring(preparation, watched, seed, weighing, budget, progress.advance)
        replayed = run_replay(
            course, blind_batches(key, targets, preparation.batches, asked, filler)
        )
        for fault in replayed.faults:
            progress.stopped(f"{fault.kind.value} in answer to {fault.request}")
    for fault in replayed.faults:
        ledger.append(fault)
    tau = policy.replay.tau_nats
    if not replayed.faults and (np.abs(replayed.blind - scored.charges) > tau).any():
        chain = run_chain(preparation, seed, weighing, scored, replayed, filler)
        for record in (*chain.steps, *chain.faults):
            ledger.append(record)
    # The replay's own event comes last: a run that dies in the chain asks again from the start.
    ledger.append(recorded(preparation, seed, draws, replayed))
    watched.note(ledger)


def run_chain(
    preparation: Preparation,
    seed: int,
    weighing: Weighing,
    scored: Pass,
    replayed: ReplayResult,
    filler: list[Ids],
) -> ChainResult:
    """Ask fresh boxes which rule broke. Their time is ours, so that only answers are bounded."""
    policy = preparation.policy
    with (
        preparation.watch.phase(
            f"ask fresh boxes which rule seed {seed} broke (minutes)", None
        ) as progress,
        watching(preparation.ground.sandbox, policy, seed) as watched,
    ):
        course = scoring(preparation, watched, seed, weighing, math.inf, progress.advance)
        return Chain(course, scored.charges, replayed, policy.replay, filler).run()


def recorded(preparation: Preparation, seed: int, draws: Draws, replayed: ReplayResult) -> Replay:
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
