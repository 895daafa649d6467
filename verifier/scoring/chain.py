"""When charges and blind costs differ: which rule broke? A chain of fresh boxes. (PROTOCOL §4.5)

Each step repeats the worst deviating batch with one thing changed; the first step that answers
differently names the rule. Here only their order is kept: `cases.py` chooses batches, rows and
positions, `steps.py` runs boxes and records answers, and what a difference means is judged in
`audits/`, from the arrays alone, so anyone can judge again.

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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifier.policy import ReplayRule
from verifier.records import ChainStep, ProtocolFault, Step
from verifier.sampling import BROKEN_P, shift
from verifier.scoring.box import Floats
from verifier.scoring.cases import Case, Cases
from verifier.scoring.passing import Scoring
from verifier.scoring.plan import Ids
from verifier.scoring.replay import ReplayResult
from verifier.scoring.steps import Steps


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The steps that were run, in order, and the faults that ended them."""

    steps: tuple[ChainStep, ...]
    faults: tuple[ProtocolFault, ...]


class Chain:
    """The order of the steps for one seed. `charges` and `replay.blind`: by global target index."""

    def __init__(
        self,
        scoring: Scoring,
        charges: Floats,
        replay: ReplayResult,
        rule: ReplayRule,
        filler: Sequence[Ids],
    ) -> None:
        """`filler`: rows of random ids seen in training, for companions."""
        self.charges, self.rule = charges, rule
        self.cases = Cases(scoring, charges, replay.blind, rule, filler)
        self.steps = Steps(scoring, self.cases)

    def run(self) -> ChainResult:
        """Worst batch first; the next one only while the deciding step leaves a doubt."""
        for case in self.cases.worst_first():
            if self.run_case(case):
                break
        return ChainResult(tuple(self.steps.recorded()), self.steps.faults)

    def run_case(self, case: Case) -> bool:
        """All steps for one batch, in order, until one decides. True: no further batch needed."""
        run = self.steps
        whole = self.cases.pairs(case, case.all_rows)
        if not run.scored(case, {Step.AGAIN: case.rows, Step.AGAIN_TWICE: case.rows}, None):
            return True
        again, twice = run.of(Step.AGAIN, whole), run.of(Step.AGAIN_TWICE, whole)
        if not self.differs(again, twice) and self.differs(again, self.charges[whole]):
            return self.beyond_doubt(again, self.charges[whole])
        if not run.scored(case, {Step.OBSERVED_ONLY: case.rows}, case.chunk):
            return True
        in_chunk = self.cases.pairs(case, case.all_rows, case.chunk)
        only = run.of(Step.OBSERVED_ONLY, in_chunk)
        noisy = self.differs(again, twice)
        tainted = noisy or self.differs(only, run.of(Step.AGAIN, in_chunk))
        return self.companions(case, case.chunk if tainted else None, noisy=noisy)

    def companions(self, case: Case, chunk: int | None, *, noisy: bool) -> bool:
        """Step c. With `chunk`, only that chunk is scored and OBSERVED_ONLY is the yardstick.

        Boxes that are `noisy` differ here too, which tells nothing: the chain goes on.
        """
        run = self.steps
        kept = self.cases.pairs(case, case.kept, chunk)
        others = self.cases.among_other_documents(case)
        changed = {
            Step.OTHER_LENGTHS: others,
            Step.RANDOM_COMPANIONS: self.cases.among_random_ids(case),
        }
        if not run.scored(case, changed, chunk, case.kept):
            return True
        yardstick = run.of(Step.AGAIN if chunk is None else Step.OBSERVED_ONLY, kept)
        if any(self.differs(run.of(step, kept), yardstick) for step in changed):
            empty = self.cases.alone(case)
            if not run.scored(case, {Step.EMPTY_COMPANIONS: empty}, chunk, case.kept):
                return True
            if not noisy:
                return self.beyond_doubt(run.of(Step.EMPTY_COMPANIONS, kept), yardstick)
        return self.blind_steps(case, others)

    def blind_steps(self, case: Case, others: list[Ids]) -> bool:
        """Step d: the same rows blind, then every symbol in the place of the true one."""
        if not self.steps.blind(case, others) or not self.steps.every_symbol(case):
            return True
        kept = self.cases.pairs(case, case.kept)
        return self.beyond_doubt(self.steps.of(Step.BLIND, kept), self.charges[kept])

    def differs(self, one: Floats, other: Floats) -> bool:
        """Any of the pairs apart by more than τ."""
        return bool(np.any(np.abs(one - other) > self.rule.tau_nats))

    def beyond_doubt(self, later: Floats, earlier: Floats) -> bool:
        """Whether `later` costs more so surely that another batch would add nothing."""
        found = shift(later, earlier, self.rule.tau_nats)
        return min(found.t_p, found.sign_p) < BROKEN_P
