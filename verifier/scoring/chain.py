"""When charges and blind costs differ: which rule broke? A chain of fresh boxes. (PROTOCOL §4.5)

Each step repeats the worst deviating batch with one thing changed; the first step that answers
differently names the rule. Here the boxes are run and their answers recorded, no more: what a
difference means is judged in `audits/`, from the arrays alone, so anyone can judge again.

=================  ======================================================  =====================
step               what changes                                            a difference means
=================  ======================================================  =====================
AGAIN, _TWICE      nothing: same batch, same calls, first in a fresh box   remembers batches
OBSERVED_ONLY      earlier chunks are not scored, only observed            `score` leaves traces
OTHER_LENGTHS …    other companions: other documents, random ids, none     rows leak
BLIND              asked by PREDICT before the token is there              looks ahead
EVERY_SYMBOL       the chunk ends at t and each symbol is scored there     no distribution
=================  ======================================================  =====================

Batches are taken worst first, until the evidence of the deciding step is beyond doubt or the
policy's `chain_documents` worst documents have been seen. A step that decides ends the chain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verifier.policy import ReplayRule
from verifier.records import ChainStep, ProtocolFault, Step
from verifier.sampling import BROKEN_P, shift
from verifier.scoring.box import Floats, ScorerBox
from verifier.scoring.passing import Scoring, work
from verifier.scoring.plan import EMPTY, Batch, Frame, Ids, frames
from verifier.scoring.replay import BlindRow, ReplayResult, replay_batch
from verifier.scoring.settling import settled

KEPT_SHARE = 4
NOTHING = np.zeros(0, dtype=np.float64)


@dataclass
class Answers:
    """What the boxes of one step answered, over all batches so far."""

    targets: list[npt.NDArray[np.int64]] = field(default_factory=list)
    costs: list[npt.NDArray[np.float32]] = field(default_factory=list)
    log_sums: list[npt.NDArray[np.float64]] = field(default_factory=list)
    largest: list[npt.NDArray[np.bool_]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The steps that were run, in order, and the faults that ended them."""

    steps: tuple[ChainStep, ...]
    faults: tuple[ProtocolFault, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One deviating batch. `kept` rows stay, the others are the companions that change."""

    batch: Batch
    rows: list[Ids]
    kept: tuple[int, ...]
    chunk: int


class Chain:
    """Runs the steps for one seed. `charges` and `replay.blind` are by global target index."""

    def __init__(
        self,
        scoring: Scoring,
        charges: Floats,
        replay: ReplayResult,
        rule: ReplayRule,
        filler: Sequence[Ids],
    ) -> None:
        """`filler`: rows of random ids seen in training, for companions."""
        self.setting, self.targets, self.batches = (
            scoring.setting,
            scoring.targets,
            scoring.batches,
        )
        self.scorers, self.advance = scoring.scorers, scoring.advance
        self.charges, self.replay, self.rule = charges, replay, rule
        self.filler = filler
        self.answers: dict[Step, Answers] = {}
        self.faults: tuple[ProtocolFault, ...] = ()
        excess = np.nan_to_num(replay.blind - charges, nan=0.0, posinf=1e6)
        self.excess = np.where(np.abs(excess) > rule.tau_nats, excess, 0.0)

    def run(self) -> ChainResult:
        """Worst batch first; the next one only while the deciding step leaves a doubt."""
        for case in self.cases():
            decided = self.run_case(case)
            if self.faults or decided:
                break
        return ChainResult(tuple(self.recorded()), self.faults)

    # ---------------------------------------------------------------- what is run

    def cases(self) -> list[Case]:
        """The batches of the worst documents, each with its deviating chunk."""
        starts = self.targets.offsets[:-1]
        gained = np.add.reduceat(np.maximum(self.excess, 0), starts)
        moved = np.add.reduceat(np.abs(self.excess), starts)
        worst = np.lexsort((-moved, -gained))[: self.rule.chain_documents]
        worst = worst[moved[worst] > 0]
        cases = []
        for batch in self.batches:
            rows = [row for row, d in batch.real() if d in worst]
            if not rows:
                continue
            rows.sort(key=lambda r, b=batch: -gained[b.documents[r]])  # type: ignore[misc]
            keep = max(1, len(batch.real()) // KEPT_SHARE)
            document = batch.documents[rows[0]]
            inside = self.excess[
                int(self.targets.offsets[document]) : int(self.targets.offsets[document + 1])
            ]
            chunk = int(np.abs(inside).argmax()) // self.setting.chunk
            others = [row for row, _ in batch.real() if row not in rows]
            others.sort(key=lambda r, b=batch: -moved[b.documents[r]])  # type: ignore[misc]
            kept = tuple((rows + others)[:keep])
            cases.append(Case(batch, self.targets.rows(batch), kept, chunk))
        return sorted(cases, key=lambda case: -sum(gained[d] for _, d in case.batch.real()))

    def run_case(self, case: Case) -> bool:
        """All steps for one batch, in order, until one decides. True: no further batch needed."""
        whole = self.pairs(case, range(len(case.batch.documents)))
        if not self.scored(case, {Step.AGAIN: case.rows, Step.AGAIN_TWICE: case.rows}, None):
            return True
        again, twice = self.of(Step.AGAIN, whole), self.of(Step.AGAIN_TWICE, whole)
        if not self.differs(again, twice) and self.differs(again, self.charges[whole]):
            return self.beyond_doubt(again, self.charges[whole])
        if not self.scored(case, {Step.OBSERVED_ONLY: case.rows}, case.chunk):
            return True
        in_chunk = self.pairs(case, range(len(case.batch.documents)), case.chunk)
        only = self.of(Step.OBSERVED_ONLY, in_chunk)
        noisy = self.differs(again, twice)
        tainted = noisy or self.differs(only, self.of(Step.AGAIN, in_chunk))
        return self.companions(case, case.chunk if tainted else None, noisy=noisy)

    def companions(self, case: Case, chunk: int | None, *, noisy: bool) -> bool:
        """Step c. With `chunk`, only that chunk is scored and OBSERVED_ONLY is the yardstick.

        Boxes that are `noisy` differ here too, which tells nothing: the chain goes on.
        """
        kept = self.pairs(case, case.kept, chunk)
        others = self.other_rows(case)
        changed = {
            Step.OTHER_LENGTHS: others,
            Step.RANDOM_COMPANIONS: self.fill(case, list(self.filler)),
        }
        if not self.scored(case, changed, chunk, case.kept):
            return True
        yardstick = self.of(Step.AGAIN if chunk is None else Step.OBSERVED_ONLY, kept)
        if any(self.differs(self.of(step, kept), yardstick) for step in changed):
            empty = self.fill(case, [])
            if not self.scored(case, {Step.EMPTY_COMPANIONS: empty}, chunk, case.kept):
                return True
            if not noisy:
                return self.beyond_doubt(self.of(Step.EMPTY_COMPANIONS, kept), yardstick)
        return self.blind_steps(case, others)

    def blind_steps(self, case: Case, others: list[Ids]) -> bool:
        """Step d: the same rows blind, then every symbol in the place of the true one."""
        if not self.blind(case, others) or not self.every_symbol(case):
            return True
        kept = self.pairs(case, case.kept)
        return self.beyond_doubt(self.of(Step.BLIND, kept), self.charges[kept])

    # ---------------------------------------------------------------- comparing

    def differs(self, one: Floats, other: Floats) -> bool:
        """Any of the pairs apart by more than τ."""
        return bool(np.any(np.abs(one - other) > self.rule.tau_nats))

    def beyond_doubt(self, later: Floats, earlier: Floats) -> bool:
        """Whether `later` costs more so surely that another batch would add nothing."""
        found = shift(later, earlier, self.rule.tau_nats)
        return min(found.t_p, found.sign_p) < BROKEN_P

    def pairs(
        self, case: Case, rows: Sequence[int], chunk: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Global target indices of these rows, or of one chunk of them."""
        width = self.setting.chunk
        parts = []
        for row in rows:
            document = case.batch.documents[row]
            if document == EMPTY:
                continue
            first, last = (int(self.targets.offsets[document + i]) for i in (0, 1))
            if chunk is not None:
                first, last = first + chunk * width, min(last, first + (chunk + 1) * width)
            parts.append(np.arange(first, max(first, last), dtype=np.int64))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def of(self, step: Step, where: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The costs of `step` at these targets; NaN where it has none."""
        costs = np.full(len(self.targets.ids), np.nan, dtype=np.float32)
        answers = self.answers[step]
        costs[np.concatenate(answers.targets)] = np.concatenate(answers.costs)
        return costs[where]

    # ---------------------------------------------------------------- running

    def run_boxes(self, count: int, job: Callable[[ScorerBox, int], None]) -> bool:
        """One fresh box for each of `count` jobs; False when a box broke the contract."""
        _, self.faults = work(self.setting, "chain", self.scorers, range(count), job, 1)
        return not self.faults

    def scored(
        self,
        case: Case,
        steps: dict[Step, list[Ids]],
        chunk: int | None,
        measured: Sequence[int] | None = None,
    ) -> bool:
        """Run steps that drive SCORE and OBSERVE; record the costs of the `measured` rows."""
        jobs = list(steps.items())
        rows = range(len(case.batch.documents)) if measured is None else measured

        def job(box: ScorerBox, index: int) -> None:
            step, row_ids = jobs[index]
            costs = self.score_batch(box, case, row_ids, chunk, rows)
            where = self.pairs(case, rows, chunk)
            self.note(step, where, costs[where], NOTHING, NOTHING.astype(bool))

        return self.run_boxes(len(jobs), job)

    def score_batch(
        self,
        box: ScorerBox,
        case: Case,
        row_ids: list[Ids],
        chunk: int | None,
        measured: Sequence[int],
    ) -> Floats:
        """RESET BEGIN (SCORE OBSERVE)*; with `chunk`, SCORE there alone and stop after it."""
        costs = np.full(len(self.targets.ids), np.nan, dtype=np.float32)
        width = self.setting.chunk
        box.reset()
        box.begin()
        for frame in frames(row_ids, width):
            if chunk is None or frame.index == chunk:
                answer = box.score(frame)
                for row in measured:
                    document = case.batch.documents[row]
                    if document == EMPTY:
                        continue
                    first = int(self.targets.offsets[document]) + frame.index * width
                    length = int(frame.lengths[row])
                    costs[first : first + length] = answer[row, :length]
            if frame.index == chunk:
                break
            box.observe(frame)
            self.advance(float(frame.lengths.sum()))
        return costs

    def blind(self, case: Case, others: list[Ids]) -> bool:
        """PREDICT at every position of the kept rows, among other companions."""
        blind = np.full(len(self.targets.ids), np.nan, dtype=np.float32)
        sums = np.full(len(self.targets.ids), np.nan, dtype=np.float32)
        nothing = np.zeros(0, dtype=np.int64)
        rows = [
            BlindRow(case.batch.documents[row], ids, np.arange(len(ids), dtype=np.int64))
            if row in case.kept
            else BlindRow(EMPTY, ids, nothing)
            for row, ids in enumerate(others)
        ]

        def job(box: ScorerBox, _: int) -> None:
            replay_batch(box, self.targets, rows, blind, sums, self.advance)

        _, self.faults = work(settled(self.setting), "chain", 1, range(1), job)
        if self.faults:
            return False
        where = self.pairs(case, case.kept)
        self.note(
            Step.BLIND, where, blind[where], sums[where].astype(float), np.zeros(len(where), bool)
        )
        return True

    def every_symbol(self, case: Case) -> bool:
        """At the worst and at uniform positions, put each of V symbols in the token's place."""
        groups = self.positions(case)
        found: list[tuple[int, float, float, bool]] = []

        def job(box: ScorerBox, index: int) -> None:
            box.reset()
            box.begin()
            chunk, columns, largest = groups[index]
            *earlier, frame = itertools.islice(frames(case.rows, self.setting.chunk), chunk + 1)
            for before in earlier:
                box.observe(before)
            found.extend(self.enumerate(box, case, frame, columns, largest))

        # a fresh box for each group would cost more than it tells: groups share boxes
        _, self.faults = work(settled(self.setting), "chain", self.scorers, range(len(groups)), job)
        if self.faults:
            return False
        found.sort(key=lambda entry: (not entry[3], entry[0]))
        self.note(
            Step.EVERY_SYMBOL,
            np.array([entry[0] for entry in found], dtype=np.int64),
            np.array([entry[1] for entry in found], dtype=np.float32),
            np.array([entry[2] for entry in found], dtype=np.float64),
            np.array([entry[3] for entry in found], dtype=bool),
        )
        return True

    def positions(self, case: Case) -> list[tuple[int, npt.NDArray[np.int64], set[int]]]:
        """Groups of (chunk, column of each row or −1, rows that hold a worst position).

        All rows of a chunk are cut at once, so positions are grouped by chunk: the worst ones
        first, every other row of their chunk filled with a uniform position; then further chunks
        until there are enough uniform ones.
        """
        width = self.setting.chunk
        random = np.random.default_rng(int(case.batch.documents[case.kept[0]]))
        where = self.pairs(case, range(len(case.batch.documents)))
        order = where[np.argsort(-self.excess[where], kind="stable")]
        worst = order[: self.rule.chain_largest]
        worst = worst[self.excess[worst] > 0]
        row_of = {d: row for row, d in case.batch.real()}
        documents = np.searchsorted(self.targets.offsets, worst, side="right") - 1
        groups: list[tuple[int, npt.NDArray[np.int64], set[int]]] = []
        for target, document in zip(worst, documents, strict=True):
            position, row = int(target - self.targets.offsets[document]), row_of[int(document)]
            chunk, column = position // width, position % width
            group = next((g for g in groups if g[0] == chunk and row not in g[2]), None)
            if group is None:
                group = (chunk, self.uniform(case, chunk, random), set())
                groups.append(group)
            group[1][row] = column
            group[2].add(row)
        longest = max(len(row) for row in case.rows)
        chunks = -(-longest // width)
        while sum(int((g[1] >= 0).sum()) - len(g[2]) for g in groups) < self.rule.chain_uniform:
            chunk = int(random.integers(0, chunks))
            groups.append((chunk, self.uniform(case, chunk, random), set()))
        return groups

    def uniform(self, case: Case, chunk: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """One uniform column in `chunk` for each row that reaches it, −1 for the others."""
        width = self.setting.chunk
        inside = [min(width, len(row) - chunk * width) for row in case.rows]
        return np.array([int(random.integers(0, n)) if n > 0 else -1 for n in inside])

    def enumerate(
        self,
        box: ScorerBox,
        case: Case,
        frame: Frame,
        columns: npt.NDArray[np.int64],
        largest: set[int],
    ) -> list[tuple[int, float, float, bool]]:
        """V SCOREs of one chunk, cut after each row's column; the symbol runs through them all.

        Returns (global target, true symbol's cost, log Σ exp(−cost), is a worst position).
        """
        rows = np.flatnonzero(columns >= 0)
        vocabulary = self.setting.vocabulary
        costs = np.zeros((vocabulary, len(rows)), dtype=np.float64)
        lengths = (columns + 1).astype(np.int32)
        inside = np.arange(self.setting.chunk)[None, :] < lengths[:, None]
        ids = np.where(inside, frame.ids, 0).astype(np.int32)
        for symbol in range(vocabulary):
            ids[rows, columns[rows]] = symbol
            answer = box.score(Frame(frame.index, ids, lengths))
            costs[symbol] = answer[rows, columns[rows]]
        self.advance(float(len(rows)))
        least = costs.min(axis=0)
        log_sums = np.log(np.exp(-(costs - least)).sum(axis=0)) - least
        result = []
        for i, row in enumerate(rows):
            first = int(self.targets.offsets[case.batch.documents[row]])
            target = first + frame.index * self.setting.chunk + int(columns[row])
            true = float(costs[int(self.targets.ids[target]), i])
            result.append((target, true, float(log_sums[i]), int(row) in largest))
        return result

    # ---------------------------------------------------------------- companions and records

    def fill(self, case: Case, rows: list[Ids]) -> list[Ids]:
        """The kept rows as they are; the others replaced by `rows`, then by nothing."""
        empty = self.targets.row(EMPTY)
        spare = iter(rows)
        return [
            ids if row in case.kept else next(spare, empty) for row, ids in enumerate(case.rows)
        ]

    def other_rows(self, case: Case) -> list[Ids]:
        """Companions from other batches, the most different in length first."""
        own = {d for _, d in case.batch.real()}
        mean = float(np.mean([len(case.rows[row]) for row in case.kept]))
        others = [d for b in self.batches for _, d in b.real() if d not in own]
        lengths = np.diff(self.targets.offsets)
        others.sort(key=lambda d: (-abs(float(lengths[d]) - mean), d))
        return self.fill(case, [self.targets.row(d) for d in others] or list(self.filler)[::-1])

    def note(
        self,
        step: Step,
        targets: npt.NDArray[np.int64],
        costs: npt.NDArray[np.float32],
        log_sums: npt.NDArray[np.float64],
        largest: npt.NDArray[np.bool_],
    ) -> None:
        """Add one box's answers to its step."""
        answers = self.answers.setdefault(step, Answers())
        answers.targets.append(targets)
        answers.costs.append(costs)
        answers.log_sums.append(log_sums)
        answers.largest.append(largest)

    def recorded(self) -> list[ChainStep]:
        """The steps as ledger events; worst positions first where a step has such."""
        steps = []
        for step in (step for step in Step if step in self.answers):
            answers = self.answers[step]
            targets = np.concatenate(answers.targets)
            costs = np.concatenate(answers.costs)
            log_sums = np.concatenate(answers.log_sums)
            largest = np.concatenate(answers.largest)
            if len(largest):
                order = np.argsort(~largest, kind="stable")
                targets, costs, log_sums = targets[order], costs[order], log_sums[order]
            steps.append(
                ChainStep(
                    seed=self.setting.seed,
                    step=step,
                    targets=targets,
                    costs=costs,
                    log_sums=log_sums,
                    largest=int(largest.sum()),
                )
            )
        return steps
