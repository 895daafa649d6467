"""One trained artifact under many nonces, batch plans and companions: what is the verdict of each?

A round is a verification of its own but for the training: its own key and so its own nonce, its
own documents, its own batches (which documents go together, in which rows, in which order), a pass,
a sampled blind replay among companions drawn anew, the chain where they differ, and a verdict by
the same `decide`. The boxes of a pass serve all rounds, and those of the replays: the documents of
all rounds are laid side by side as if they were one data set. That saves starting 80 boxes a
member, and asks more of a submission, which must forget one round before the next.

Must never weaken what a verdict rests on: only the lines named in `RULES` differ from the embedded
default's policy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.cheats.running import cheats_policy
from verifier import sampling, signature
from verifier.ledger import root_parts, score_root
from verifier.pipeline.preparation import Preparation
from verifier.pipeline.seed import BORDERS_AT_MOST, FILLER_BATCHES, scoring
from verifier.pipeline.witnessing import watching
from verifier.policy import PolicyFile
from verifier.records import (
    BoxFacts,
    ChainStep,
    Evidence,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Pass,
    ProtocolFault,
    Replay,
    SeedEvidence,
    Verdict,
    WallHits,
)
from verifier.scoring.box import Setting
from verifier.scoring.chain import Chain
from verifier.scoring.passing import Advance, PassResult, Scoring, Targets, run_pass
from verifier.scoring.plan import EMPTY, Batch, Ids, plan_digest, shuffled
from verifier.scoring.reference import bigram_charges, end_likelihood
from verifier.scoring.replay import (
    Asked,
    BlindRow,
    ReplayResult,
    asked_at,
    blind_batches,
    random_rows,
    run_replay,
)
from verifier.verdict import decide

UNHURRIED: Mapping[str, str] = {
    # No member is about time, and the processors may have neighbours.
    "limit_seconds: 300": "limit_seconds: 3000",
    "pack_seconds: 60": "pack_seconds: 600",
    "init_seconds: 60": "init_seconds: 600",
    "answer_seconds: 60": "answer_seconds: 600",
    "start_seconds: 120": "start_seconds: 1200",
}
RULES: Mapping[str, str] = {
    "name: cheats": "name: zoo",
    # A nonce only matters where it draws.
    "mode: all": "mode: sampled",
    "draws: 0": "draws: 60",
    # Trained once: the seed is the first run's, not the one that a round's nonce would choose.
    "chosen_by: verifier": "chosen_by: submission",
    # A few documents have another number than all of them.
    "tolerance_bpb: 0.02": "tolerance_bpb: 8.0",
    **UNHURRIED,
}


def rounds_policy(changes: Mapping[str, str]) -> PolicyFile:
    """The rules of a round: the embedded default's with `RULES` and a member's `changes`."""
    return cheats_policy({**RULES, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round does before anything is known. `documents` are places in the whole data.

    `batches` name documents by their place in `documents`.
    """

    number: int
    key: signature.Key
    documents: tuple[int, ...]
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of a round.

    `nonce`, `plan` and `companions` (who was replayed beside whom) are hex digests, to be counted.
    `apart_nats` is the largest |blind − charge|, NaN where nothing was replayed.
    """

    number: int
    verdict: Verdict
    nonce: str
    plan: str
    companions: str
    apart_nats: float


# ---------------------------------------------------------------- drawn


def key_of(seed: bytes) -> signature.Key:
    """A key that `seed` alone decides, so that a round can be run again."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
    return signature.Key(private, private.public_key().public_bytes_raw().hex())


def planned(name: str, number: int, available: int, documents: int, rows: int) -> Plan:
    """Round `number` of the submission `name`: which documents of `available`, and their batches.

    `documents` of them go in groups of any size, whatever their length, each group into any of the
    `rows` rows of a batch.
    """
    seed = f"golf-verifier/zoo/{name}/{number}".encode()
    chosen = shuffled(seed + b"/documents", range(available))[:documents]
    waiting = list(range(len(chosen)))
    batches = []
    while waiting:
        place = seed + b"/batch/" + bytes([len(batches)])
        size = 1 + hashlib.sha256(place).digest()[0] % min(len(waiting), rows)
        group, waiting = waiting[:size], waiting[size:]
        group += [EMPTY] * (rows - len(group))
        batches.append(Batch(tuple(shuffled(place + b"/rows", group))))
    return Plan(number=number, key=key_of(seed), documents=tuple(chosen), batches=tuple(batches))


def laid_out(targets: Targets, plans: Sequence[Plan]) -> Targets:
    """The documents of all rounds side by side, in the order of the rounds."""
    rows = [targets.row(document) for plan in plans for document in plan.documents]
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return Targets(np.concatenate(rows), offsets)


# ---------------------------------------------------------------- run


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A round whose pass is over: what is asked of it, and of whom. `rows` are local to it."""

    plan: Plan
    opening: Opening
    held_out: HeldOutFacts
    nonce: NonceOpened
    scored: Pass
    targets: Targets
    where: slice
    draws: npt.NDArray[np.int64]
    asked: Asked
    filler: list[Ids]
    rows: list[list[BlindRow]]


class Rounds:
    """All rounds of one submission, whose first verification is `preparation` and `evidence`."""

    def __init__(
        self,
        preparation: Preparation,
        evidence: Evidence,
        policy: PolicyFile,
        plans: Sequence[Plan],
    ) -> None:
        """`evidence` is of a run that came to its replay; `policy` as `rounds_policy` gives it."""
        self.preparation, self.evidence, self.policy = preparation, evidence, policy
        self.plans = plans
        self.targets = laid_out(preparation.targets, plans)
        self.firsts = np.cumsum([0, *(len(plan.documents) for plan in plans)]).tolist()
        self.boxes: list[BoxFacts] = []
        self.hits: list[WallHits] = []
        tokens = preparation.tokens
        self.vocabulary = tokens.vocabulary
        like = self.targets, preparation.training_ids, tokens.vocabulary, tokens.end
        self.reference, self.likely_ends = bigram_charges(*like), end_likelihood(*like)
        (self.seed,) = evidence.seeds

    def run(self) -> list[Round]:
        """1. All passes. 2. All blind replays. 3. A chain and a verdict each.

        Raises what our own side raises.
        """
        prepared, weighing = self.preparation, self.seed.weighing
        assert weighing is not None, "nothing was trained"
        watch, seed = prepared.watch, self.seed.seed
        with watching(prepared.ground.sandbox, self.policy.policy, seed) as watched:
            setting = replace(
                scoring(prepared, watched, seed, weighing, math.inf, ignored).setting,
                opened=self.boxes.append,
                ended=self.hit,
            )
            # 1.
            with watch.phase(f"{len(self.plans)} passes", float(len(self.targets.ids))) as progress:
                course = self.course(setting, self.side_by_side(), progress.advance)
                passed = run_pass(course)
            if passed.faults:
                return [self.broke(plan, passed.faults) for plan in self.plans]
            # 2.
            askings = [self.asking(plan, passed) for plan in self.plans]
            count = sum(len(each) for asking in askings for each in asking.asked.values())
            with watch.phase(f"{len(self.plans)} replays blind", float(count)) as progress:
                rows = [self.of_all(a, batch) for a in askings for batch in a.rows]
                replayed = run_replay(replace(course, advance=progress.advance), rows)
            # 3.
            return [self.judged(asking, replayed, setting) for asking in askings]

    def course(self, setting: Setting, batches: Sequence[Batch], advance: Advance) -> Scoring:
        """The scoring of all rounds."""
        return Scoring(
            setting=setting,
            targets=self.targets,
            batches=batches,
            adaptation=self.preparation.submission.manifest.adaptation,
            scorers=self.preparation.request.scorers,
            advance=advance,
        )

    def hit(self, phase: str, attempts: tuple[str, ...]) -> None:
        """A box tried something at its walls."""
        self.hits.append(WallHits(seed=self.seed.seed, phase=phase, attempts=attempts))

    # ------------------------------------------------------------ between a round and all of them

    def side_by_side(self) -> list[Batch]:
        """The batches of all rounds."""
        return [
            Batch(tuple(d if d == EMPTY else d + first for d in batch.documents))
            for plan, first in zip(self.plans, self.firsts, strict=False)
            for batch in plan.batches
        ]

    def of_all(self, asking: Asking, rows: Sequence[BlindRow]) -> list[BlindRow]:
        """A round's rows, by the numbers that its documents have among all."""
        first = self.firsts[asking.plan.number]
        return [
            row if row.document == EMPTY else replace(row, document=row.document + first)
            for row in rows
        ]

    def own(self, plan: Plan) -> tuple[Targets, slice]:
        """A round's documents as a data set, and where its targets lie among all."""
        first, last = self.firsts[plan.number : plan.number + 2]
        start, stop = int(self.targets.offsets[first]), int(self.targets.offsets[last])
        offsets = self.targets.offsets[first : last + 1] - start
        return Targets(self.targets.ids[start:stop], offsets), slice(start, stop)

    # ------------------------------------------------------------ one round's evidence

    def opened(self, plan: Plan) -> tuple[Opening, HeldOutFacts, NonceOpened]:
        """The first events that a ledger of this round would have, and its nonce."""
        before, digest = self.evidence.opening, self.evidence.opening.submission.digest
        nonce, signed = signature.nonce(plan.key, digest, before.attempt)
        claim = replace(before.submission.claim, seeds=(self.seed.seed,))
        opening = replace(
            before,
            submission=replace(before.submission, claim=claim),
            policy_name=self.policy.policy.name,
            policy_digest=self.policy.digest,
            public_key=plan.key.public_hex,
            nonce_commitment=signature.commitment(nonce),
        )
        targets, _ = self.own(plan)
        of_whole, chosen = self.evidence.held_out, list(plan.documents)
        counts = of_whole.byte_counts[chosen]
        held_out = replace(
            of_whole,
            manifest_digest=hashlib.sha256(f"{chosen}".encode()).hexdigest(),
            targets=len(targets.ids),
            target_counts=np.diff(targets.offsets).astype(np.int32),
            byte_counts=counts,
            document_bytes=int(counts.sum()),
            table_bytes=None,
            ids_digest=hashlib.sha256(targets.ids.tobytes()).hexdigest(),
        )
        return opening, held_out, NonceOpened(nonce=nonce.hex(), signature=signed.hex())

    def asking(self, plan: Plan, passed: PassResult) -> Asking:
        """The round's pass as an event, then what nonce and root draw (PROTOCOL §4.2 and 4.3)."""
        manifest, rule = self.preparation.submission.manifest, self.policy.policy.replay
        opening, held_out, nonce_opened = self.opened(plan)
        assert self.seed.weighing is not None
        targets, where = self.own(plan)
        charges, reference = passed.charges[where], self.reference[where]
        digest = plan_digest(plan.batches, manifest.chunk, manifest.adaptation)
        root = score_root(root_parts(opening, held_out, self.seed.weighing, digest, charges))
        nonce = bytes.fromhex(nonce_opened.nonce)
        draws = sampling.draw(
            nonce, root, sampling.weights(charges, reference, rule.slack_nats), rule.draws
        )
        lengths, at_most = np.diff(targets.offsets), min(BORDERS_AT_MOST, rule.draws)
        near = sampling.borders(nonce, root, lengths, manifest.chunk, at_most)
        positions = np.concatenate((draws, near))
        asked = asked_at(targets, positions, self.likely_ends[where], rule.decoys)
        key = hashlib.sha256(nonce + root.encode()).digest()
        ids, count = self.preparation.training_ids, FILLER_BATCHES * manifest.rows
        filler = random_rows(key, count, lengths.tolist(), ids, self.vocabulary)
        return Asking(
            plan=plan,
            opening=opening,
            held_out=held_out,
            nonce=nonce_opened,
            scored=Pass(
                seed=self.seed.seed,
                plan_digest=digest,
                score_root=root,
                charged=len(charges),
                scorers=self.preparation.request.scorers,
                # Boxes served all rounds alike: an equal share.
                busy_seconds=passed.busy_seconds / len(self.plans),
                wall_seconds=passed.wall_seconds / len(self.plans),
                charges=charges,
                reference=reference,
            ),
            targets=targets,
            where=where,
            draws=draws,
            asked=asked,
            filler=filler,
            rows=blind_batches(key, targets, plan.batches, asked, filler),
        )

    def judged(self, asking: Asking, replayed: ReplayResult, setting: Setting) -> Round:
        """The round's replay, its chain where a target cost other than τ allows, its verdict."""
        blind, log_sums = replayed.blind[asking.where], replayed.log_sums[asking.where]
        busy = replayed.busy_seconds / len(self.plans)
        mine = ReplayResult(blind, log_sums, len(asking.asked), busy, 0, replayed.faults)
        at = np.flatnonzero(~np.isnan(blind))
        apart = np.abs(blind - asking.scored.charges)[at]
        rule = self.policy.policy.replay
        steps: tuple[ChainStep, ...] = ()
        faults = replayed.faults
        if not faults and (apart > rule.tau_nats).any():
            named = f"round {asking.plan.number}: ask which rule broke"
            with self.preparation.watch.phase(named, None) as progress:
                course = replace(
                    self.course(setting, asking.plan.batches, progress.advance),
                    targets=asking.targets,
                )
                chain = Chain(course, asking.scored.charges, mine, rule, asking.filler).run()
            steps, faults = chain.steps, chain.faults
        replay = Replay(
            seed=self.seed.seed,
            everything=False,
            faults=replayed.machine_faults,
            busy_seconds=busy,
            documents=len(asking.asked),
            draws=asking.draws,
            targets=at,
            blind=blind[at],
            log_sums=log_sums[at],
        )
        seed = replace(
            self.seed,
            scoring=asking.scored,
            replay=replay,
            chain={step.step: step for step in steps},
            faults=faults,
        )
        together = [tuple(row.document for row in rows) for rows in asking.rows]
        return Round(
            number=asking.plan.number,
            verdict=self.decided(asking, seed),
            nonce=asking.nonce.nonce,
            plan=asking.scored.plan_digest,
            companions=hashlib.sha256(repr(together).encode()).hexdigest(),
            apart_nats=float(apart.max()) if len(apart) else math.nan,
        )

    def decided(self, asking: Asking, seed: SeedEvidence) -> Verdict:
        """The verdict on this round's evidence and nothing else."""
        evidence = replace(
            self.evidence,
            opening=asking.opening,
            held_out=asking.held_out,
            seeds=(seed,),
            boxes=(*self.evidence.boxes, *self.boxes),
            wall_hits=(*self.evidence.wall_hits, *self.hits),
            nonce=asking.nonce,
        )
        return decide(evidence, self.policy.policy)

    def broke(self, plan: Plan, faults: tuple[ProtocolFault, ...]) -> Round:
        """A round whose pass ended in a fault: there is nothing to replay."""
        opening, held_out, nonce = self.opened(plan)
        seed = replace(self.seed, scoring=None, replay=None, chain={}, faults=faults)
        evidence = replace(
            self.evidence, opening=opening, held_out=held_out, seeds=(seed,), nonce=nonce
        )
        return Round(
            number=plan.number,
            verdict=decide(evidence, self.policy.policy),
            nonce=nonce.nonce,
            plan="",
            companions="",
            apart_nats=math.nan,
        )


def ignored(_: float) -> None:
    """Nobody watches."""
