"""The pass: what does each held-out token cost? Commit → charge → reveal. (PROTOCOL §3)

Per batch: RESET, BEGIN, then per chunk SCORE → check → append → OBSERVE. A chunk's charges are in
the host's array before the chunk is observed. Batches are independent by RESET, so any number of
scorers gives the same charges; only `stream` needs one box for all.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.records import Adaptation, ProtocolFault
from verifier.scoring.box import Broke, Floats, ScorerBox, Setting
from verifier.scoring.plan import Batch, Ids, frames

Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Targets:
    """The secret as scoring needs it: `ids` int32 [N] in canonical order, `offsets` int64 [D+1]."""

    ids: Ids
    offsets: npt.NDArray[np.int64]

    def row(self, document: int) -> Ids:
        """The targets of one document, END last; empty for an empty row."""
        if document < 0:
            return self.ids[:0]
        return self.ids[self.offsets[document] : self.offsets[document + 1]]

    def rows(self, batch: Batch) -> list[Ids]:
        """The targets of each row of a batch."""
        return [self.row(document) for document in batch.documents]

    def documents_of(self, where: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The document that each of these targets, by global index, belongs to."""
        return np.searchsorted(self.offsets, where, side="right") - 1

    def unanswered(self) -> Floats:
        """NaN for each target, float32 [N]: where costs are put when they come."""
        return np.full(len(self.ids), np.nan, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PassResult:
    """Charges float32 [N] in nats, NaN where none was made, and what it took."""

    charges: Floats
    charged: int
    busy_seconds: float
    wall_seconds: float
    faults: tuple[ProtocolFault, ...]


@dataclass(frozen=True, slots=True)
class Scoring:
    """One seed's scoring: how boxes are opened, the secret, its plan, and who is told of progress.

    `scorers` boxes run at a time; `advance` is called with the number of targets just answered.
    """

    setting: Setting
    targets: Targets
    batches: Sequence[Batch]
    adaptation: Adaptation
    scorers: int
    advance: Advance


def work(
    setting: Setting,
    phase: str,
    scorers: int,
    jobs: Sequence[int],
    job: Callable[[ScorerBox, int], None],
    jobs_per_box: int | None = None,
) -> tuple[float, tuple[ProtocolFault, ...]]:
    """Do every job once in `scorers` fresh boxes at a time; the first fault stops all.

    A box takes jobs until none is left, or `jobs_per_box` of them. Returns the busiest thread's
    busy seconds and the faults. Raises what our own side raises.
    """
    pending: queue.SimpleQueue[int] = queue.SimpleQueue()
    for item in jobs:
        pending.put(item)
    busy: list[float] = []
    faults: list[ProtocolFault] = []
    raised: list[BaseException] = []

    def serve() -> None:
        try:
            spent = 0.0
            while not pending.empty() and not faults and not raised:
                with ScorerBox(setting, phase) as box:
                    for item in _taken(pending, jobs_per_box):
                        job(box, item)
                        if faults or raised:
                            break
                    spent += box.busy_seconds
            busy.append(spent)
        except Broke as broke:
            faults.append(broke.fault)
        # a thread has no caller to raise to: handed on below, never swallowed
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    threads = [threading.Thread(target=serve) for _ in range(min(scorers, max(1, len(jobs))))]
    for thread in threads:
        thread.start()
    with _interruptible(raised):
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]
    return max(busy, default=0.0), tuple(faults)


def _taken(pending: queue.SimpleQueue[int], at_most: int | None) -> Iterator[int]:
    """Take jobs while there are any, `at_most` of them."""
    taken = 0
    while at_most is None or taken < at_most:
        try:
            yield pending.get_nowait()
        except queue.Empty:
            return
        taken += 1


@contextlib.contextmanager
def _interruptible(raised: list[BaseException]) -> Iterator[None]:
    """Ctrl-C in the waiting thread stops the workers at their next job."""
    try:
        yield
    except KeyboardInterrupt as error:
        raised.append(error)
        raise


def run_pass(scoring: Scoring) -> PassResult:
    """Charge every target once. Faults end the pass and leave NaN where nothing was charged."""
    setting, targets, batches = scoring.setting, scoring.targets, scoring.batches
    charges = targets.unanswered()
    stream = scoring.adaptation is Adaptation.STREAM
    began = time.monotonic()

    def charge(box: ScorerBox, index: int) -> None:
        batch = batches[index]
        if not stream or index == 0:
            box.reset()
        box.begin(batch.documents)
        for frame in frames(targets.rows(batch), setting.chunk):
            costs = box.score(frame)
            for row, document in batch.real():
                length = int(frame.lengths[row])
                first = int(targets.offsets[document]) + frame.index * setting.chunk
                charges[first : first + length] = costs[row, :length]
            box.observe(frame)
            scoring.advance(float(frame.lengths.sum()))

    scorers = 1 if stream else scoring.scorers
    busy, faults = work(setting, "pass", scorers, range(len(batches)), charge)
    return PassResult(
        charges=charges,
        charged=int((~np.isnan(charges)).sum()),
        busy_seconds=busy,
        wall_seconds=time.monotonic() - began,
        faults=faults,
    )
