"""Which documents, rows and positions does the chain look at? Pure: no box is touched. (§4.5)

A case is one batch that holds a document whose blind cost left its charge. The rows that matter
are kept; the others are companions, and what stands in their place is chosen here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.policy import ReplayRule
from verifier.scoring.box import Floats
from verifier.scoring.passing import Scoring, Targets
from verifier.scoring.plan import EMPTY, Batch, Ids

KEPT_SHARE = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One deviating batch. `kept` rows stay, the others are the companions that change."""

    batch: Batch
    rows: list[Ids]
    kept: tuple[int, ...]
    chunk: int

    @property
    def all_rows(self) -> range:
        """Every row of the batch, the empty ones too."""
        return range(len(self.batch.documents))


@dataclass(frozen=True, slots=True)
class Group:
    """Positions of one chunk that are cut at once: `columns` int32 [B], −1 where a row has none.

    `worst` are the rows whose column is one of the largest deviations; the others' are uniform.
    """

    chunk: int
    columns: npt.NDArray[np.int32]
    worst: set[int]

    @property
    def uniform(self) -> int:
        """How many of its positions were not chosen for their deviation."""
        return int((self.columns >= 0).sum()) - len(self.worst)


class Cases:
    """The deviations of one seed, by global target index, and what can stand beside them."""

    def __init__(
        self,
        scoring: Scoring,
        charges: Floats,
        blind: Floats,
        rule: ReplayRule,
        filler: Sequence[Ids],
    ) -> None:
        """`charges` and `blind` float32 [N]; `filler`: rows of random ids seen in training."""
        self.targets: Targets = scoring.targets
        self.batches = scoring.batches
        self.width = scoring.setting.chunk
        self.rule, self.filler = rule, filler
        excess = np.nan_to_num(blind - charges, posinf=1e6)
        self.excess = np.where(np.abs(excess) > rule.tau_nats, excess, 0.0)

    def worst_first(self) -> list[Case]:
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
            chunk = int(np.abs(inside).argmax()) // self.width
            others = [row for row, _ in batch.real() if row not in rows]
            others.sort(key=lambda r, b=batch: -moved[b.documents[r]])  # type: ignore[misc]
            kept = tuple((rows + others)[:keep])
            cases.append(Case(batch, self.targets.rows(batch), kept, chunk))
        return sorted(cases, key=lambda case: -sum(gained[d] for _, d in case.batch.real()))

    def pairs(
        self, case: Case, rows: Sequence[int], chunk: int | None = None
    ) -> npt.NDArray[np.int64]:
        """Global target indices of these rows, or of one chunk of them."""
        parts = []
        for row in rows:
            document = case.batch.documents[row]
            if document == EMPTY:
                continue
            first, last = (int(self.targets.offsets[document + i]) for i in (0, 1))
            if chunk is not None:
                first, last = (
                    first + chunk * self.width,
                    min(last, first + (chunk + 1) * self.width),
                )
            parts.append(np.arange(first, max(first, last)))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    # ---------------------------------------------------------------- positions

    def positions(self, case: Case) -> list[Group]:
        """Where every symbol is tried: the worst positions, and uniform ones.

        All rows of a chunk are cut at once, so positions are grouped by chunk: the worst ones
        first, every other row of their chunk filled with a uniform position; then further chunks
        until there are enough uniform ones.
        """
        random = np.random.default_rng(int(case.batch.documents[case.kept[0]]))
        where = self.pairs(case, case.all_rows)
        order = where[np.lexsort((-self.excess[where],))]
        worst = order[: self.rule.chain_largest]
        worst = worst[self.excess[worst] > 0]
        row_of = {d: row for row, d in case.batch.real()}
        places = np.stack((self.targets.documents_of(worst), worst)).T.tolist()
        groups: list[Group] = []
        for document, target in places:
            position, row = target - int(self.targets.offsets[document]), row_of[document]
            chunk, column = position // self.width, position % self.width
            group = next((g for g in groups if g.chunk == chunk and row not in g.worst), None)
            if group is None:
                group = Group(chunk, self._uniform(case, chunk, random), set())
                groups.append(group)
            group.columns[row] = column
            group.worst.add(row)
        longest = max(len(row) for row in case.rows)
        chunks = -(-longest // self.width)
        while sum(group.uniform for group in groups) < self.rule.chain_uniform:
            chunk = int(random.integers(chunks))
            groups.append(Group(chunk, self._uniform(case, chunk, random), set()))
        return groups

    def _uniform(
        self, case: Case, chunk: int, random: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """One uniform column in `chunk` for each row that reaches it, −1 for the others."""
        inside = [min(self.width, len(row) - chunk * self.width) for row in case.rows]
        columns = [int(random.integers(n)) if n > 0 else -1 for n in inside]
        return np.array(columns, dtype=np.int32)

    # ---------------------------------------------------------------- companions

    def alone(self, case: Case) -> list[Ids]:
        """The kept rows and nobody else."""
        return self._fill(case, [])

    def among_random_ids(self, case: Case) -> list[Ids]:
        """The kept rows among rows of random ids seen in training."""
        return self._fill(case, self.filler)

    def among_other_documents(self, case: Case) -> list[Ids]:
        """The kept rows among rows of other batches, the most different in length first."""
        own = {d for _, d in case.batch.real()}
        mean = float(np.mean([len(case.rows[row]) for row in case.kept]))
        others = [d for b in self.batches for _, d in b.real() if d not in own]
        lengths = np.diff(self.targets.offsets)
        others.sort(key=lambda d: (-abs(float(lengths[d]) - mean), d))
        return self._fill(case, [self.targets.row(d) for d in others] or list(self.filler)[::-1])

    def _fill(self, case: Case, rows: Sequence[Ids]) -> list[Ids]:
        """The kept rows as they are; the others replaced by `rows`, then by nothing."""
        empty = self.targets.row(EMPTY)
        spare = iter(rows)
        return [
            ids if row in case.kept else next(spare, empty) for row, ids in enumerate(case.rows)
        ]
