"""Blind replay: what does each drawn token cost when the box cannot have seen it? (PROTOCOL §4)

Theory of operation. The pass told the scorer a chunk's tokens and asked what they cost: a cheat
answers with their help. In the replay a *fresh* box gets the same documents, in the same rows,
among other companions, and must commit the whole distribution at a position before the token at
that position leaves the host. The host normalises it (float64) and reads the blind cost itself.
Soundness does not rest on the box not knowing that it is audited: it cannot name a token it was
not given. So a prefix frame never holds anything at or after the position asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.errors import BoxLost
from verifier.records import ProtocolFault
from verifier.scoring.box import ScorerBox
from verifier.scoring.passing import Advance, Scoring, Targets, work
from verifier.scoring.plan import EMPTY, Batch, Frame, Ids, frames, shuffled
from verifier.scoring.settling import settled

LONE_BATCHES = 4
EVERYWHERE_SHARE = 0.1

Asked = Mapping[int, npt.NDArray[np.int64]]

NOWHERE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class BlindRow:
    """One row of a replayed batch: what is shown of its targets, and where it is asked, ascending.

    Nothing is shown beyond the last position asked: who waits for the rest would only pay for it.
    """

    document: int
    ids: Ids
    asked: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Blind costs and log Σ of what was asked, by global target index; NaN where not asked."""

    blind: npt.NDArray[np.float32]
    log_sums: npt.NDArray[np.float32]
    documents: int
    busy_seconds: float
    machine_faults: int
    faults: tuple[ProtocolFault, ...]


def companion(ids: Ids) -> BlindRow:
    """A row that only keeps others company: shown, and asked nowhere."""
    return BlindRow(EMPTY, ids, NOWHERE)


def everywhere(length: int) -> npt.NDArray[np.int64]:
    """All positions of a document of so many targets."""
    return np.arange(length)


def asked_everywhere(targets: Targets) -> dict[int, npt.NDArray[np.int64]]:
    """Every position of every document."""
    return {d: everywhere(length) for d, length in enumerate(np.diff(targets.offsets))}


def asked_at(
    targets: Targets,
    drawn: npt.NDArray[np.int64],
    end_likelihood: npt.NDArray[np.float64],
    decoys: int,
) -> dict[int, npt.NDArray[np.int64]]:
    """Positions by document for drawn global targets, decoys for drawn ends included.

    Each drawn end, and each of `decoys` likeliest ends elsewhere, has its predecessor asked too, so
    that being asked tells nothing. A document with over a tenth of its positions drawn is asked
    everywhere: a token's cost then hardly grows and its pattern says nothing at all.
    """
    wanted = np.unique(drawn)
    ends = targets.offsets[1:] - 1
    if np.isin(wanted, ends).any():
        likeliest = np.lexsort((-end_likelihood,))[: 8 * decoys]
        false_ends = likeliest[~np.isin(likeliest, ends)][:decoys]
        near = np.concatenate((wanted[np.isin(wanted, ends)], false_ends))
        first = targets.offsets[targets.documents_of(near)]
        wanted = np.unique(np.concatenate((wanted, near, np.maximum(near - 1, first))))
    document = targets.documents_of(wanted)
    asked: dict[int, npt.NDArray[np.int64]] = {}
    for d in np.unique(document):
        length = int(targets.offsets[d + 1] - targets.offsets[d])
        positions = wanted[document == d] - targets.offsets[d]
        dense = len(positions) > EVERYWHERE_SHARE * length
        asked[int(d)] = everywhere(length) if dense else positions
    return asked


def random_rows(
    key: bytes, count: int, like: Sequence[int], training: Ids | None, vocabulary: int
) -> list[Ids]:
    """`count` rows of random ids seen in training, with lengths drawn from `like`."""
    seed = np.frombuffer(key[:8].ljust(8, b"\0"), "<u8")[0]
    random = np.random.default_rng(int(seed))
    if training is None or len(training) == 0:
        training = np.arange(vocabulary, dtype=np.int32)
    rows = []
    for _ in range(count):
        length = int(random.choice(np.asarray(like)))
        rows.append(training[random.integers(len(training), size=length)])
    return rows


def blind_batches(
    key: bytes,
    targets: Targets,
    batches: Sequence[Batch],
    asked: Asked,
    filler: Sequence[Ids],
) -> list[list[BlindRow]]:
    """The replay's batches: each asked document once, in the row it had in the pass.

    Rows are filled independently, in an order drawn from `key`, so companions are random in length.
    Documents that are shown only in part go by the number of targets shown, longest first: what
    runs side by side then ends together, and a document's own length is still random. A few
    documents are taken out and replayed alone among `filler` rows (random ids).
    """
    width = len(batches[0].documents)
    row_of = {d: row for batch in batches for row, d in batch.real()}
    order = shuffled(key + b"/documents", sorted(asked))
    lone = order[: min(LONE_BATCHES, -(-len(batches) // 2))]
    empty = companion(targets.row(EMPTY))

    def row(d: int) -> BlindRow:
        return BlindRow(d, targets.row(d)[: int(asked[d][-1]) + 1], asked[d])

    def hidden(d: int) -> int:
        shown = int(asked[d][-1]) + 1
        return -shown * (shown < len(targets.row(d)))

    queues: list[list[BlindRow]] = [[] for _ in range(width)]
    for d in sorted(order[len(lone) :], key=hidden):
        queues[row_of[d]].append(row(d))
    depth = max(len(queue) for queue in queues)
    result = [[q[i] if i < len(q) else empty for q in queues] for i in range(depth)]
    for i, d in enumerate(lone):
        start, own = i * width, row(d)
        some = filler[start : start + width]
        extra = [companion(ids[: len(own.ids)]) for ids in some]
        extra += [empty] * (width - len(extra))
        extra[row_of[d]] = own
        result.append(extra)
    mixed = shuffled(key + b"/batches", list(range(len(result))))
    return [result[i] for i in mixed]


def ask_rows(
    rows: Sequence[BlindRow], frame: Frame, width: int
) -> Iterator[tuple[Frame, npt.NDArray[np.bool_], npt.NDArray[np.int64]]]:
    """The PREDICTs of one chunk: the k-th asks each row's k-th position in it, ascending.

    Yields (prefix frame, ask bool [B], position in the document int64 [B]).
    """
    first = frame.index * width
    inside = [row.asked[(row.asked >= first) & (row.asked < first + width)] for row in rows]
    columns = np.arange(width)[None, :]
    for k in range(max(len(positions) for positions in inside)):
        ask = np.array([k < len(positions) for positions in inside])
        position = np.array([int(p[k]) if k < len(p) else first for p in inside])
        lengths = (position - first).astype(np.int32)
        prefix = np.where(columns < lengths[:, None], frame.ids, 0)
        yield Frame(frame.index, prefix, lengths), ask, position


def blind_costs(
    logs: npt.NDArray[np.float32], true_ids: Ids
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(costs, log Σ), float64 [n] nats, of unnormalised logs [n, V]."""
    wide = logs.astype(np.float64)
    top = wide.max(axis=1)
    log_sums = top + np.log(np.exp(wide - top[:, None]).sum(axis=1))
    costs = log_sums - wide[np.arange(len(wide)), true_ids]
    # A cost beyond every float32 is +∞, as that of an impossible symbol.
    with np.errstate(over="ignore"):
        return costs.astype(np.float32), log_sums.astype(np.float32)


def replay_batch(
    box: ScorerBox,
    targets: Targets,
    rows: Sequence[BlindRow],
    blind: npt.NDArray[np.float32],
    log_sums: npt.NDArray[np.float32],
    advance: Advance,
) -> None:
    """RESET BEGIN, then per chunk PREDICT… OBSERVE; results go to their global target index.

    Ends with the last chunk in which something is asked: in one of `rows` something is.
    """
    width = box.setting.chunk
    last = max(int(row.asked[-1]) // width for row in rows if len(row.asked))
    box.reset()
    box.begin([row.document for row in rows])
    starts = np.array([targets.offsets[max(row.document, 0)] for row in rows])
    for frame in frames([row.ids for row in rows], width):
        for prefix, ask, position in ask_rows(rows, frame, width):
            logs = box.predict(prefix, ask)
            where = (starts + position)[ask]
            costs, sums = blind_costs(logs, targets.ids[where])
            blind[where], log_sums[where] = costs, sums
            advance(float(ask.sum()))
        if frame.index < last:
            box.observe(frame)


def run_replay(scoring: Scoring, replayed: Sequence[Sequence[BlindRow]]) -> ReplayResult:
    """Replay every batch in fresh boxes. Boxes that the machine lost are replaced once.

    Raises BoxLost the second time.
    """
    targets = scoring.targets
    blind, log_sums = targets.unanswered(), targets.unanswered()

    def job(box: ScorerBox, index: int) -> None:
        replay_batch(box, targets, replayed[index], blind, log_sums, scoring.advance)

    lost = 0
    while True:
        try:
            busy, faults = work(
                settled(scoring.setting), "replay", scoring.scorers, range(len(replayed)), job
            )
            break
        except BoxLost:
            lost += 1
            if lost == 2:
                raise
    documents = sum(row.document != EMPTY for rows in replayed for row in rows)
    return ReplayResult(blind, log_sums, documents, busy, lost, faults)
