"""What does a scorer answer on the documents of a trial? The pass, the blind replay, the chain.

The very code that a verdict runs, on few documents and with shorter patience. Must never judge:
the audits do, from what is handed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from verifier.heldout import Tokens
from verifier.pipeline.boxes import scoring_spec
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness
from verifier.policy import Policy
from verifier.records import (
    Adaptation,
    BoxFacts,
    FaultKind,
    HeldOutFacts,
    Pass,
    ProtocolFault,
    Replay,
    SeedEvidence,
    Weighing,
)
from verifier.sandbox.cpuwitness import CpuWatch
from verifier.sandbox.witness import Witnessed
from verifier.scoring.box import Setting
from verifier.scoring.chain import Chain, ChainResult
from verifier.scoring.passing import PassResult, Scoring, Targets, run_pass
from verifier.scoring.plan import Batch, Ids
from verifier.scoring.replay import (
    ReplayResult,
    asked_everywhere,
    blind_batches,
    random_rows,
    run_replay,
)
from verifier.submission.manifest import Manifest
from verifier.watch import Progress, Watch

SEED = 0
KEY = b"golf-verifier/try/1"
START_SECONDS, ANSWER_SECONDS, PHASE_SECONDS = 60.0, 20.0, 90.0
"""The most that a start, an answer, and all answers of one box may take in a trial."""
FILLER_BATCHES = 5
CHAIN_SECONDS = 180.0
CHAIN = {"chain_documents": 1, "chain_largest": 1, "chain_uniform": 1}
"""Enough to name a rule; a verdict looks at more, to be sure beyond doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """All that is scored and with what: the box, the shipment, the tokens and their batches.

    `artifact` says where the shipment's comes from; `crosses` whether a document is longer than a
    chunk; `spelled` what each id stands for, empty where that is not known.
    """

    ground: Ground
    harness: Harness
    bytecode: Path | None
    shipment: Path
    artifact: str
    weighing: Weighing
    manifest: Manifest
    policy: Policy
    held_out: HeldOutFacts
    tokens: Tokens
    crosses: bool
    batches: tuple[Batch, ...]
    training_ids: Ids | None
    spelled: tuple[bytes, ...]

    @property
    def targets(self) -> Targets:
        """The documents as scoring drives them."""
        return Targets(self.tokens.ids, self.tokens.offsets)


def run(stand: Stand, watch: Watch) -> tuple[SeedEvidence, list[BoxFacts]]:
    """Pass, replay of every position, and the chain where they differ. Raises MachineFault.

    A chain that takes longer than a trial waits is no fault of the scorer's: it is broken off.
    """
    boxes: list[BoxFacts] = []
    with CpuWatch(SEED, stand.policy.witness.hertz) as witness:
        watched = Witnessed(stand.ground.sandbox, (witness,))
        found = _answers(
            replace(stand, ground=replace(stand.ground, sandbox=watched)), boxes, watch
        )
    return replace(found, cpu={trace.phase: trace for trace in witness.traces()}), boxes


def _answers(stand: Stand, boxes: list[BoxFacts], watch: Watch) -> SeedEvidence:
    total = float(stand.tokens.targets)
    with watch.phase("score, each chunk before it is shown", total) as progress:
        passed = run_pass(_scoring(stand, boxes, progress))
        _say(passed.faults, progress)
    evidence = SeedEvidence(
        seed=SEED,
        training=None,
        script=None,
        weighing=stand.weighing,
        scoring=None if passed.faults else _pass(passed),
        replay=None,
        chain={},
        faults=passed.faults,
        secrecy=(),
        environment=(),
    )
    if passed.faults or stand.manifest.adaptation is Adaptation.STREAM:
        return evidence
    filler = _filler(stand)
    with watch.phase("the same blind, each token asked before it is shown", total) as progress:
        asked = asked_everywhere(stand.targets)
        plan = blind_batches(KEY, stand.targets, stand.batches, asked, filler)
        replayed = run_replay(_scoring(stand, boxes, progress), plan)
        _say(replayed.faults, progress)
    if replayed.faults:
        return replace(evidence, faults=replayed.faults)
    evidence = replace(evidence, replay=_replay(replayed))
    if not (np.abs(replayed.blind - passed.charges) > stand.policy.replay.tau_nats).any():
        return evidence
    with watch.phase("they differ: ask fresh boxes which rule broke", None) as progress:
        chain = _chain(stand, boxes, progress, passed, replayed, filler)
        _say(chain.faults, progress)
    steps = {record.step: record for record in chain.steps}
    faults = tuple(fault for fault in chain.faults if fault.kind is not FaultKind.BUDGET)
    return replace(evidence, chain=steps, faults=faults)


def _chain(
    stand: Stand,
    boxes: list[BoxFacts],
    progress: Progress,
    passed: PassResult,
    replayed: ReplayResult,
    filler: list[Ids],
) -> ChainResult:
    course = _scoring(stand, boxes, progress)
    course = replace(course, setting=replace(course.setting, budget_seconds=CHAIN_SECONDS))
    return Chain(course, passed.charges, replayed, stand.policy.replay, filler).run()


def trial_policy(policy: Policy) -> Policy:
    """The policy with every position asked, and a chain that is over in seconds."""
    rule = policy.replay.model_copy(update={**CHAIN, "mode": "all", "draws": 0})
    return policy.model_copy(update={"replay": rule})


def _scoring(stand: Stand, boxes: list[BoxFacts], progress: Progress) -> Scoring:
    policy = stand.policy
    setting = Setting(
        sandbox=stand.ground.sandbox,
        spec=scoring_spec(
            stand.ground.root,
            stand.harness,
            stand.bytecode,
            stand.shipment,
            stand.manifest.scorer,
            policy,
        ),
        rows=stand.manifest.rows,
        chunk=stand.manifest.chunk,
        vocabulary=stand.tokens.vocabulary,
        threads=policy.hardware.threads,
        start_seconds=min(START_SECONDS, policy.score.start_seconds),
        answer_seconds=min(ANSWER_SECONDS, policy.score.answer_seconds),
        budget_seconds=PHASE_SECONDS,
        seed=SEED,
        opened=boxes.append,
        ended=lambda phase, attempts: None,
    )
    return Scoring(
        setting=setting,
        targets=stand.targets,
        batches=stand.batches,
        adaptation=stand.manifest.adaptation,
        scorers=1,
        advance=progress.advance,
    )


def _filler(stand: Stand) -> list[Ids]:
    lengths = np.diff(stand.tokens.offsets).tolist()
    count = FILLER_BATCHES * stand.manifest.rows
    return random_rows(KEY, count, lengths, stand.training_ids, stand.tokens.vocabulary)


def _say(faults: Sequence[ProtocolFault], progress: Progress) -> None:
    for fault in faults:
        progress.stopped(f"{fault.kind.value} in answer to {fault.request}")


def _pass(passed: PassResult) -> Pass:
    return Pass(
        seed=SEED,
        plan_digest="",
        score_root="",
        charged=passed.charged,
        scorers=1,
        busy_seconds=passed.busy_seconds,
        wall_seconds=passed.wall_seconds,
        charges=passed.charges,
        reference=np.zeros_like(passed.charges),
    )


def _replay(replayed: ReplayResult) -> Replay:
    asked = np.flatnonzero(~np.isnan(replayed.blind)).astype(np.int64)
    return Replay(
        seed=SEED,
        everything=True,
        faults=replayed.machine_faults,
        busy_seconds=replayed.busy_seconds,
        documents=replayed.documents,
        draws=np.zeros(0, dtype=np.int64),
        targets=asked,
        blind=replayed.blind[asked],
        log_sums=replayed.log_sums[asked],
    )
