"""How is one step of the chain run in boxes, and what did they answer? (PROTOCOL §4.5)

Boxes are run and their answers kept, no more: which step comes next is `chain.py`'s, what a
difference means is judged in `audits/`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verifier.records import ChainStep, ProtocolFault, Step
from verifier.scoring.box import Floats, ScorerBox
from verifier.scoring.cases import Case, Cases, Group
from verifier.scoring.passing import Scoring, work
from verifier.scoring.plan import EMPTY, Frame, Ids, frames
from verifier.scoring.replay import BlindRow, companion, everywhere, replay_batch
from verifier.scoring.settling import settled

NO_SUMS, NO_LARGEST = np.zeros(0, dtype=np.float64), np.zeros(0, dtype=bool)


@dataclass
class Answers:
    """What the boxes of one step answered, over all batches so far."""

    targets: list[npt.NDArray[np.int64]] = field(default_factory=list)
    costs: list[npt.NDArray[np.float32]] = field(default_factory=list)
    log_sums: list[npt.NDArray[np.float64]] = field(default_factory=list)
    largest: list[npt.NDArray[np.bool_]] = field(default_factory=list)


class Steps:
    """Runs steps for one seed and keeps their answers. `faults` says why a box ended the chain."""

    def __init__(self, scoring: Scoring, cases: Cases) -> None:
        """Boxes are opened as `scoring` says; `cases` knows which targets a row holds."""
        self.setting, self.targets = scoring.setting, scoring.targets
        self.scorers, self.advance = scoring.scorers, scoring.advance
        self.cases = cases
        self.answers: dict[Step, Answers] = {}
        self.faults: tuple[ProtocolFault, ...] = ()

    def of(self, step: Step, where: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The costs of `step` at these targets; NaN where it has none."""
        costs = self.targets.unanswered()
        answers = self.answers[step]
        costs[np.concatenate(answers.targets)] = np.concatenate(answers.costs)
        return costs[where]

    # ---------------------------------------------------------------- SCORE and OBSERVE

    def scored(
        self,
        case: Case,
        steps: dict[Step, list[Ids]],
        chunk: int | None,
        measured: Sequence[int] | None = None,
    ) -> bool:
        """Run steps that drive SCORE and OBSERVE; record the costs of the `measured` rows.

        One fresh box for each; False when a box broke the contract.
        """
        jobs = list(steps.items())
        rows = case.all_rows if measured is None else measured

        def job(box: ScorerBox, index: int) -> None:
            step, row_ids = jobs[index]
            costs = self._score_batch(box, case, row_ids, chunk, rows)
            where = self.cases.pairs(case, rows, chunk)
            self._note(step, where, costs[where], NO_SUMS, NO_LARGEST)

        _, self.faults = work(self.setting, "chain", self.scorers, range(len(jobs)), job, 1)
        return not self.faults

    def _score_batch(
        self,
        box: ScorerBox,
        case: Case,
        row_ids: list[Ids],
        chunk: int | None,
        measured: Sequence[int],
    ) -> Floats:
        """RESET BEGIN (SCORE OBSERVE)*; with `chunk`, SCORE there alone and stop after it."""
        costs = self.targets.unanswered()
        width = self.setting.chunk
        box.reset()
        documents = case.batch.documents
        box.begin([d if row in measured else EMPTY for row, d in enumerate(documents)])
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

    # ---------------------------------------------------------------- PREDICT, and every symbol

    def blind(self, case: Case, others: list[Ids]) -> bool:
        """PREDICT at every position of the kept rows, among other companions."""
        blind = self.targets.unanswered()
        sums = self.targets.unanswered()
        rows = [
            BlindRow(case.batch.documents[row], ids, everywhere(len(ids)))
            if row in case.kept
            else companion(ids)
            for row, ids in enumerate(others)
        ]

        def job(box: ScorerBox, _: int) -> None:
            replay_batch(box, self.targets, rows, blind, sums, self.advance)

        if not self._run_settled(job, 1):
            return False
        where = self.cases.pairs(case, case.kept)
        self._note(
            Step.BLIND,
            where,
            blind[where],
            sums[where].astype(np.float64),
            np.zeros(len(where), bool),
        )
        return True

    def every_symbol(self, case: Case) -> bool:
        """At the worst and at uniform positions, put each of V symbols in the token's place."""
        groups = self.cases.positions(case)
        found: list[tuple[int, float, float, bool]] = []

        def job(box: ScorerBox, index: int) -> None:
            box.reset()
            box.begin(case.batch.documents)
            group = groups[index]
            upto = itertools.islice(frames(case.rows, self.setting.chunk), group.chunk + 1)
            *earlier, frame = upto
            for before in earlier:
                box.observe(before)
            found.extend(self._enumerate(box, case, frame, group))

        # A fresh box for each group would cost more than it tells: groups share boxes.
        if not self._run_settled(job, len(groups)):
            return False
        found.sort()
        self._note(
            Step.EVERY_SYMBOL,
            np.array([entry[0] for entry in found], dtype=np.int64),
            np.array([entry[1] for entry in found], dtype=np.float32),
            np.array([entry[2] for entry in found]),
            np.array([entry[3] for entry in found]),
        )
        return True

    def _run_settled(self, job: Callable[[ScorerBox, int], None], count: int) -> bool:
        """Run `count` jobs in boxes that read the whole image first, as blind ones must."""
        _, self.faults = work(settled(self.setting), "chain", self.scorers, range(count), job)
        return not self.faults

    def _enumerate(
        self, box: ScorerBox, case: Case, frame: Frame, group: Group
    ) -> list[tuple[int, float, float, bool]]:
        """V SCOREs of one chunk, cut after each row's column; the symbol runs through them all.

        Returns (global target, true symbol's cost, log Σ exp(−cost), is a worst position).
        """
        columns = group.columns
        rows = np.flatnonzero(columns >= 0)
        vocabulary = self.setting.vocabulary
        costs = np.zeros((vocabulary, len(rows)))
        lengths = columns + 1
        inside = np.arange(self.setting.chunk)[None, :] < lengths[:, None]
        ids = np.where(inside, frame.ids, 0)
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
            result.append((target, true, float(log_sums[i]), int(row) in group.worst))
        return result

    # ---------------------------------------------------------------- records

    def _note(
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
                order = np.lexsort((~largest,))
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
