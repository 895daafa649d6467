"""Which numbers stand behind the pictures? Charges and blind costs, binned.

Sizes are bounded whatever the data: a report of 62 million targets is no longer than one of 80,000,
and they are read in blocks. For pictures only: these sums are ordinary floats. Must never be what a
verdict rests on, nor draw a curve through evidence that contradicts itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from verifier.metric import document_nats
from verifier.records import Array, HeldOutFacts, Pass, Replay
from verifier.report.model import Bin, Curves, Deviation, Documents, DocumentScore, Replayed

BINS = 48
RANKED_AT_MOST = 400
CELLS = 48
LARGEST = 5
BLOCK_TARGETS = 1 << 21

APART_EDGES = 10.0 ** np.arange(-9.0, 2.5, 0.5)

Counts = npt.NDArray[np.int64]


def curves(
    held_out: HeldOutFacts, scoring: Pass, replay: Replay | None, chunk: int, tau: float | None
) -> Curves | None:
    """Every curve of one seed's pass; None when the charges are not those of the documents.

    `chunk` is the scorer's C; `tau` in nats, None where the policy is not known.
    """
    counts = held_out.target_counts.astype(np.int64)
    if len(counts) == 0 or counts.min() < 0 or not 0 < len(scoring.charges) == int(counts.sum()):
        return None
    longest = int(counts.max())
    chunks = growing(math.ceil(longest / chunk))
    by_chunk = binned(counts, scoring, (chunks - 1) * chunk + 1)
    return Curves(
        by_position=binned(counts, scoring, growing(longest)),
        by_chunk=tuple(
            part.model_copy(update={"first": first, "last": last - 1})
            for part, (first, last) in zip(by_chunk, pairwise(chunks.tolist()), strict=True)
        ),
        by_document=documents(held_out, scoring),
        replayed=None if replay is None else replayed(counts, scoring, replay, tau),
    )


def growing(longest: int) -> Counts:
    """Edges from 1 to `longest` + 1: single steps at first, then ever wider ones."""
    edges = np.geomspace(1, longest + 1, BINS + 1).round().astype(np.int64)
    found: Counts = np.unique(edges)
    return found


# ---------------------------------------------------------------- along the document


def binned(counts: Counts, scoring: Pass, edges: Counts) -> tuple[Bin, ...]:
    """Means over targets by position in their document, from 1; bin i is [edges i, edges i+1).

    `edges` begin with 1, and the longest document reaches into every bin.
    """
    bins = len(edges) - 1
    targets = np.zeros(bins, dtype=np.int64)
    sums = np.zeros((4, bins))
    known = len(scoring.reference) == len(scoring.charges)
    for block in blocks(counts):
        position = positions(counts[block.documents])
        at = np.searchsorted(edges, position, side="right") - 1
        charge = scoring.charges[block.targets].astype(np.float64)
        reference = scoring.reference[block.targets].astype(np.float64) if known else charge
        targets += np.bincount(at, minlength=bins)
        with np.errstate(invalid="ignore"):
            gain = reference - charge
            for row, values in enumerate((charge, reference, gain, gain * gain)):
                sums[row] += np.bincount(at, weights=values, minlength=bins)
    found = []
    for index, count in enumerate(targets.tolist()):
        charge_nats, reference_nats, gain_nats, square = (sums[:, index] / count).tolist()
        spread = math.sqrt(max(0.0, square - gain_nats**2) / count) if known else math.nan
        found.append(
            Bin(
                first=int(edges[index]),
                last=int(edges[index + 1]) - 1,
                targets=count,
                charge_nats=number(charge_nats),
                reference_nats=number(reference_nats) if known else None,
                gain_error_nats=number(spread),
            )
        )
    return tuple(found)


def positions(counts: Counts) -> Counts:
    """The position of every target in its document, from 1."""
    starts = np.cumsum(counts) - counts
    found: Counts = np.arange(1, int(counts.sum()) + 1, dtype=np.int64) - np.repeat(starts, counts)
    return found


@dataclass(frozen=True, slots=True)
class Block:
    """Whole documents, and their targets."""

    documents: slice
    targets: slice


def blocks(counts: Counts) -> Iterator[Block]:
    """Documents in order, about `BLOCK_TARGETS` targets at a time and never none."""
    ends = np.cumsum(counts)
    first, begin = 0, 0
    while first < len(counts):
        last = int(np.searchsorted(ends, begin + BLOCK_TARGETS, side="right"))
        last = max(first + 1, last)
        end = int(ends[last - 1])
        yield Block(slice(first, last), slice(begin, end))
        first, begin = last, end


# ---------------------------------------------------------------- by document


def documents(held_out: HeldOutFacts, scoring: Pass) -> Documents | None:
    """Bits per byte of every document that has bytes; None when there is none, or no number."""
    counts, sizes = held_out.target_counts.astype(np.int64), held_out.byte_counts
    if len(sizes) != len(counts):
        return None
    nats = np.zeros(len(counts))
    whole = np.zeros(len(counts), dtype=bool)
    for block in blocks(counts):
        charge = scoring.charges[block.targets]
        finite = np.isfinite(charge)
        # a charge that is no number must not spill into the running sums of other documents
        nats[block.documents] = document_nats(
            np.where(finite, charge, np.float32(0)), counts[block.documents]
        )
        strange = document_nats((~finite).astype(np.float32), counts[block.documents])
        whole[block.documents] = strange == 0
    weighed = np.flatnonzero((sizes > 0) & whole)
    if len(weighed) == 0:
        return None
    bpb = nats[weighed] / (math.log(2) * sizes[weighed])
    order = np.argsort(bpb, kind="stable")
    ranks = np.unique(np.linspace(0, len(order) - 1, RANKED_AT_MOST).round().astype(np.int64))
    return Documents(
        count=len(weighed),
        median_bpb=float(np.median(bpb)),
        ranked=tuple(
            DocumentScore(
                document=int(weighed[at]),
                bpb=float(bpb[at]),
                targets=int(counts[weighed[at]]),
                document_bytes=int(sizes[weighed[at]]),
            )
            for at in order[ranks].tolist()
        ),
    )


# ---------------------------------------------------------------- blind against charged


def replayed(counts: Counts, scoring: Pass, replay: Replay, tau: float | None) -> Replayed | None:
    """Blind costs against charges; None when they do not belong together."""
    targets = replay.targets
    if not 0 < len(targets) == len(replay.blind):
        return None
    if not 0 <= int(targets.min()) <= int(targets.max()) < len(scoring.charges):
        return None
    pairs = [slice(i, i + BLOCK_TARGETS) for i in range(0, len(targets), BLOCK_TARGETS)]
    top = max(highest(scoring.charges[targets[p]], replay.blind[p]) for p in pairs)
    cells = np.zeros((CELLS, CELLS, 2), dtype=np.int64)
    apart = np.zeros(len(APART_EDGES) + 1, dtype=np.int64)
    worst = np.zeros(0, dtype=np.int64)
    for pair in pairs:
        charge, blind = (
            values.astype(np.float64)
            for values in (scoring.charges[targets[pair]], replay.blind[pair])
        )
        distance = far(charge, blind)
        apart += np.bincount(
            np.searchsorted(APART_EDGES, distance, side="right"), minlength=len(apart)
        )
        at = (cell(charge, top), cell(blind, top))
        np.add.at(cells[..., 0], at, 1)
        np.add.at(cells[..., 1], at, distance > (math.inf if tau is None else tau))
        worst = np.concatenate((worst, pair.start + largest(distance, tau)))
    distance = far(scoring.charges[targets[worst]], replay.blind[worst])
    worst = worst[largest(distance, tau)]
    filled = np.argwhere(cells[..., 0])
    return Replayed(
        top_nats=top,
        cells=tuple((x, y, *cells[x, y].tolist()) for x, y in filled.tolist()),
        apart=tuple(apart.tolist()),
        beyond_tau=None if tau is None else int(cells[..., 1].sum()),
        largest=tuple(deviation(counts, scoring, replay, int(index)) for index in worst),
    )


def far(charge: Array, blind: Array) -> npt.NDArray[np.float64]:
    """|blind − charge| in nats; two equal infinities are no distance apart, NaN is beyond all."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(blind.astype(np.float64) - charge)
    distance[blind == charge] = 0.0
    return np.where(np.isnan(distance), np.inf, distance)


def largest(distance: npt.NDArray[np.float64], tau: float | None) -> Counts:
    """The places of the `LARGEST` largest beyond `tau`, largest first."""
    order = np.argsort(-distance, kind="stable")[:LARGEST]
    return order[distance[order] > (tau or 0.0)].astype(np.int64)


def highest(*costs: Array) -> float:
    """The largest finite cost, at least 1 nat."""
    return max([1.0, *(float(c[np.isfinite(c)].max(initial=0.0)) for c in costs)])


def cell(costs: npt.NDArray[np.float64], top: float) -> Counts:
    """Which of `CELLS` equal steps up to `top` each cost is in; no number counts as the top."""
    share = np.nan_to_num(costs, nan=top, posinf=top, neginf=0.0) / top
    return np.clip((share * CELLS).astype(np.int64), 0, CELLS - 1)


def deviation(counts: Counts, scoring: Pass, replay: Replay, index: int) -> Deviation:
    """Where replayed target `index` stands, and both its costs."""
    target = int(replay.targets[index])
    ends = np.cumsum(counts)
    document = int(np.searchsorted(ends, target, side="right"))
    return Deviation(
        target=target,
        document=document,
        position=target - int(ends[document] - counts[document]) + 1,
        charge_nats=number(float(scoring.charges[target])),
        blind_nats=number(float(replay.blind[index])),
    )


def number(value: float) -> float | None:
    """None for what is no finite number."""
    return value if math.isfinite(value) else None
