"""The numbers behind the pictures, against sums done the slow way."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.evidence import BYTES, COUNTS, EVERYWHERE, HONEST, N
from verifier.records import Array, HeldOutFacts, Pass, Replay
from verifier.report import curves as room
from verifier.report.curves import APART_EDGES, CELLS, curves, growing
from verifier.report.model import Curves, Replayed

TAU = 1e-4
POSITION = np.concatenate([np.arange(1, count + 1) for count in COUNTS])
DOCUMENT = np.repeat(np.arange(len(COUNTS)), COUNTS)


def scoring(**changes: object) -> Pass:
    made = make.seed_evidence(1).scoring
    assert made is not None
    return replace(made, **changes)  # type: ignore[arg-type]


def replay(blind: Array, targets: Array = EVERYWHERE) -> Replay:
    made = make.seed_evidence(1).replay
    assert made is not None
    return replace(made, blind=blind.astype(np.float32), targets=targets)


def drawn(
    held_out: HeldOutFacts | None = None,
    tau: float | None = TAU,
    blind: Array = HONEST,
    targets: Array = EVERYWHERE,
    **changes: object,
) -> Curves:
    made = curves(held_out or make.held_out(), scoring(**changes), replay(blind, targets), 16, tau)
    assert made is not None
    return made


def replayed(blind: Array, targets: Array = EVERYWHERE, tau: float | None = TAU) -> Replayed:
    made = drawn(blind=blind, targets=targets, tau=tau).replayed
    assert made is not None
    return made


def off(*places: tuple[int, float]) -> Array:
    """Honest costs, moved at some targets."""
    blind = HONEST.copy()
    for target, by in places:
        blind[target] += np.float32(by)
    return blind


# ---------------------------------------------------------------- along the document


@pytest.mark.parametrize("block", [1 << 21, 70, 1])
def test_bins_are_means_over_all_documents(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By position: every target once, however the documents are blocked."""
    monkeypatch.setattr(room, "BLOCK_TARGETS", block)
    reference = np.linspace(1, 5, N).astype(np.float32)
    bins = drawn(reference=reference).by_position
    assert bins[0].first == 1 and bins[-1].last == COUNTS.max()
    assert sum(part.targets for part in bins) == N
    for part, following in pairwise(bins):
        assert following.first == part.last + 1
    for part in bins:
        inside = (part.first <= POSITION) & (part.last >= POSITION)
        gain = (reference.astype(float) - HONEST)[inside]
        assert part.targets == inside.sum()
        assert part.charge_nats == pytest.approx(HONEST[inside].mean(dtype=float))
        assert part.reference_nats == pytest.approx(reference[inside].mean(dtype=float))
        assert part.gain_error_nats == pytest.approx(gain.std() / np.sqrt(len(gain)), abs=1e-9)


def test_chunks_are_counted_from_one() -> None:
    """60 targets at 16 a chunk: four chunks, the last one shorter."""
    bins = drawn().by_chunk
    assert [(part.first, part.last) for part in bins] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    for part in bins:
        inside = part.first == (POSITION - 1) // 16 + 1
        assert part.targets == inside.sum()
        assert part.charge_nats == pytest.approx(HONEST[inside].mean(dtype=float))


def test_bins_grow_and_stay_few() -> None:
    """However long a document is."""
    edges = growing(1_000_000)
    assert edges[0] == 1 and edges[-1] == 1_000_001
    assert len(edges) <= room.BINS + 1
    assert growing(1).tolist() == [1, 2]
    assert growing(4).tolist() == [1, 2, 3, 4, 5]


def test_without_a_reference_nothing_is_compared() -> None:
    """Charges are drawn, savings are not."""
    bins = drawn(reference=np.zeros(3, dtype=np.float32)).by_position
    assert all(part.charge_nats is not None for part in bins)
    assert all(part.reference_nats is None and part.gain_error_nats is None for part in bins)


def test_a_charge_that_is_no_number_leaves_a_gap() -> None:
    """In its own bins only."""
    charges = HONEST.copy()
    charges[1], charges[5] = np.nan, np.inf
    bins = drawn(charges=charges).by_position
    gaps = [part.first for part in bins if part.charge_nats is None]
    assert gaps == [2, 6]


@pytest.mark.parametrize(
    "counts", [np.zeros(0, np.int32), np.array([N + 1, -1], np.int32), COUNTS[:-1], COUNTS + 1]
)
def test_charges_that_are_not_the_documents_are_not_drawn(counts: Array) -> None:
    """A curve through a contradiction would look like a fact."""
    held_out = replace(make.held_out(), target_counts=counts)
    assert curves(held_out, scoring(), None, 16, TAU) is None
    none = replace(make.held_out(), target_counts=np.zeros(2, np.int32))
    assert curves(none, scoring(charges=np.zeros(0, np.float32)), None, 16, TAU) is None


# ---------------------------------------------------------------- by document


def test_documents_are_ranked_by_bits_per_byte() -> None:
    """Best first, with the median over all."""
    documents = drawn().by_document
    assert documents is not None
    nats = np.array([HONEST[d == DOCUMENT].sum(dtype=float) for d in range(len(COUNTS))])
    bpb = nats / np.log(2) / BYTES
    assert [score.document for score in documents.ranked] == np.argsort(bpb).tolist()
    assert [score.bpb for score in documents.ranked] == pytest.approx(sorted(bpb))
    assert documents.median_bpb == pytest.approx(np.median(bpb))
    worst = documents.ranked[-1]
    assert (worst.targets, worst.document_bytes) == (
        COUNTS[worst.document],
        BYTES[worst.document],
    )


def test_a_document_without_bytes_or_number_is_left_out() -> None:
    """It has no bits per byte; all others keep theirs."""
    sizes, charges = BYTES.copy(), HONEST.copy()
    sizes[2], charges[0] = 0, np.inf
    documents = drawn(replace(make.held_out(), byte_counts=sizes), charges=charges).by_document
    assert documents is not None and documents.count == len(COUNTS) - 2
    assert {score.document for score in documents.ranked} == {1, 3, 4, 5}


def test_without_bytes_no_document_is_ranked() -> None:
    """Nor where the two counts do not belong together."""
    for sizes in (np.zeros_like(BYTES), BYTES[:-1]):
        assert drawn(replace(make.held_out(), byte_counts=sizes)).by_document is None


def test_many_documents_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """First and last stay."""
    whole = drawn().by_document
    monkeypatch.setattr(room, "RANKED_AT_MOST", 3)
    thinned = drawn().by_document
    assert whole is not None and thinned is not None
    assert thinned.count == whole.count == 6
    assert [s.document for s in thinned.ranked] == [whole.ranked[i].document for i in (0, 2, 5)]


# ---------------------------------------------------------------- blind against charged


@pytest.mark.parametrize("block", [1 << 21, 7])
def test_deviations_are_counted_and_placed(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Largest first, by document (from 0) and position in it (from 1)."""
    monkeypatch.setattr(room, "BLOCK_TARGETS", block)
    found = replayed(off((0, 0.5), (79, 2.0), (80, -1.0), (239, 3e-5)))
    assert found.beyond_tau == 3
    assert [(w.target, w.document, w.position) for w in found.largest] == [
        (79, 1, 50),
        (80, 2, 1),
        (0, 0, 1),
    ]
    assert found.largest[0].blind_nats == pytest.approx(HONEST[79] + 2.0)
    assert found.largest[0].charge_nats == HONEST[79]
    assert sum(found.apart) == N
    assert found.apart[0] == N - 4
    assert sum(targets for _, _, targets, _ in found.cells) == N
    assert sum(beyond for *_, beyond in found.cells) == 3


def test_only_what_was_replayed_is_shown() -> None:
    """A sample stands where its targets stand."""
    targets = np.array([3, 100, 200])
    found = replayed(off((100, 1.0))[targets], targets)
    assert sum(found.apart) == 3
    assert [(worst.target, worst.document) for worst in found.largest] == [(100, 2)]


def test_no_more_than_the_largest_few_are_listed() -> None:
    """A cheat on every target fills no page."""
    assert len(replayed(HONEST + 1).largest) == room.LARGEST


def test_a_blind_cost_that_is_no_number_is_farthest() -> None:
    """NaN and infinity deviate; two equal infinities do not."""
    blind, charges = HONEST.copy(), HONEST.copy()
    blind[4], blind[9] = np.nan, np.inf
    blind[12] = charges[12] = np.inf
    found = drawn(blind=blind, charges=charges).replayed
    assert found is not None
    assert found.beyond_tau == 2
    assert found.apart[-1] == 2
    assert {worst.target for worst in found.largest} == {4, 9}
    assert {worst.blind_nats for worst in found.largest} == {None}
    assert found.top_nats == pytest.approx(HONEST.max())
    assert max(y for _, y, *_ in found.cells) == CELLS - 1


def test_without_a_tolerance_nothing_deviates_yet() -> None:
    """τ is the policy's: differences are listed, not judged."""
    found = replayed(off((5, 1.0)), tau=None)
    assert found.beyond_tau is None
    assert sum(beyond for *_, beyond in found.cells) == 0
    assert [worst.target for worst in found.largest] == [5]


def test_half_decades_hold_what_they_say() -> None:
    """0.5 nats stands between 10⁻⁰·⁵ and 1."""
    found = replayed(off((5, 0.5)))
    place = int(np.flatnonzero(np.array(found.apart)[1:])[0])
    assert APART_EDGES[place] <= 0.5 < APART_EDGES[place + 1]


@pytest.mark.parametrize(
    ("blind", "targets"),
    [
        (HONEST[:0], EVERYWHERE[:0]),
        (HONEST, EVERYWHERE[:-1]),
        (HONEST[:2], np.array([0, N])),
        (HONEST[:2], np.array([-1, 0])),
    ],
)
def test_a_replay_that_does_not_fit_is_not_drawn(blind: Array, targets: Array) -> None:
    """Nor is one in which nothing was asked."""
    assert drawn(blind=blind, targets=targets).replayed is None
