"""One trained artifact under many nonces, batch plans and companions: what is the verdict of each?

A round is a verification of its own but for the training: its own key and so its own nonce, its
own documents, its own batches (which documents go together, in which rows, in which order), a pass,
a sampled blind replay among companions drawn anew, the chain where they differ, and a verdict by
the same `decide`. The boxes of a pass serve all rounds, and those of the replays: the documents of
all rounds are laid side by side as if they were one data set. That saves starting 80 boxes a
member, and asks more of a submission, which must forget one round before the next.

Must never weaken what a verdict rests on: only the lines named in `plans.RULES` differ from the
embedded default's policy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tests.zoo.plans import Plan
from verifier import sampling, signature
from verifier.ledger import root_parts, score_root
from verifier.pipeline.preparation import Preparation
from verifier.pipeline.seed import BORDERS_AT_MOST, FILLER_BATCHES, scoring
from verifier.pipeline.witnessing import watching
from verifier.policy import PolicyFile
from verifier.records import (
    BoxFacts,
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
from verifier.scoring.chain import Chain, ChainResult
from verifier.scoring.passing import Advance, PassResult, Scoring, Targets, run_pass
from verifier.scoring.plan import EMPTY, Batch, Ids, plan_digest
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of a round.

    `nonce`, `plan` and `companions` (who was replayed beside whom) are hex digests, to be counted.
    `apart_nats` is the largest |blind − charge|, NaN where nothing was replayed; `deviates`: it is
    more than τ.
    """

    number: int
    verdict: Verdict
    nonce: str
    plan: str
    companions: str
    apart_nats: float
    deviates: bool


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
        targets, where = self.own(plan)
        scored = self.scored(plan, opening, held_out, passed, where)
        nonce, root = bytes.fromhex(nonce_opened.nonce), scored.score_root
        weights = sampling.weights(scored.charges, scored.reference, rule.slack_nats)
        draws = sampling.draw(nonce, root, weights, rule.draws)
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
            scored=scored,
            targets=targets,
            where=where,
            draws=draws,
            asked=asked,
            filler=filler,
            rows=blind_batches(key, targets, plan.batches, asked, filler),
        )

    def scored(
        self,
        plan: Plan,
        opening: Opening,
        held_out: HeldOutFacts,
        passed: PassResult,
        where: slice,
    ) -> Pass:
        """The round's pass as an event. Boxes served all rounds alike: times are an equal share."""
        manifest, weighing = self.preparation.submission.manifest, self.seed.weighing
        assert weighing is not None
        charges = passed.charges[where]
        digest = plan_digest(plan.batches, manifest.chunk, manifest.adaptation)
        return Pass(
            seed=self.seed.seed,
            plan_digest=digest,
            score_root=score_root(root_parts(opening, held_out, weighing, digest, charges)),
            charged=len(charges),
            scorers=self.preparation.request.scorers,
            busy_seconds=passed.busy_seconds / len(self.plans),
            wall_seconds=passed.wall_seconds / len(self.plans),
            charges=charges,
            reference=self.reference[where],
        )

    def judged(self, asking: Asking, replayed: ReplayResult, setting: Setting) -> Round:
        """The round's replay, its chain where a target cost other than τ allows, its verdict."""
        mine = replace(
            replayed,
            blind=replayed.blind[asking.where],
            log_sums=replayed.log_sums[asking.where],
            documents=len(asking.asked),
            busy_seconds=replayed.busy_seconds / len(self.plans),
        )
        at = np.flatnonzero(~np.isnan(mine.blind))
        apart = np.abs(mine.blind - asking.scored.charges)[at]
        deviates = bool((apart > self.policy.policy.replay.tau_nats).any())
        chain = ChainResult((), mine.faults)
        if deviates and not mine.faults:
            chain = self.chain(asking, mine, setting)
        replay = Replay(
            seed=self.seed.seed,
            everything=False,
            faults=mine.machine_faults,
            busy_seconds=mine.busy_seconds,
            documents=mine.documents,
            draws=asking.draws,
            targets=at,
            blind=mine.blind[at],
            log_sums=mine.log_sums[at],
        )
        steps = {step.step: step for step in chain.steps}
        seed = replace(
            self.seed, scoring=asking.scored, replay=replay, chain=steps, faults=chain.faults
        )
        together = [tuple(row.document for row in rows) for rows in asking.rows]
        return Round(
            number=asking.plan.number,
            verdict=self.decided(asking, seed),
            nonce=asking.nonce.nonce,
            plan=asking.scored.plan_digest,
            companions=hashlib.sha256(repr(together).encode()).hexdigest(),
            apart_nats=float(apart.max()) if len(apart) else math.nan,
            deviates=deviates,
        )

    def chain(self, asking: Asking, replayed: ReplayResult, setting: Setting) -> ChainResult:
        """Which rule broke? Asked of fresh boxes, over this round's documents alone."""
        named = f"round {asking.plan.number}: ask which rule broke"
        with self.preparation.watch.phase(named, None) as progress:
            of_all = self.course(setting, asking.plan.batches, progress.advance)
            course, rule = replace(of_all, targets=asking.targets), self.policy.policy.replay
            return Chain(course, asking.scored.charges, replayed, rule, asking.filler).run()

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
            deviates=False,
        )


def ignored(_: float) -> None:
    """Nobody watches."""
