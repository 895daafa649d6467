"""Everyone draws the same positions from nonce and score root, and nobody's are favoured."""

from __future__ import annotations

import hashlib
from itertools import accumulate, count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from verifier.errors import BadData
from verifier.sampling import borders, chosen_seeds, draw, drawing, weights

NONCE = bytes(range(32))
ROOT = "ab" * 32
PINNED_DRAWS = [133, 299, 773, 715, 942, 967, 388, 293, 717, 285, 570, 757]
PINNED_BORDERS = [32, 33, 68, 72, 104, 136]
PINNED_SEEDS = (511238194, 945481902, 1276401983, 1464447325)


# ---------------------------------------------------------------- the same from the words alone


def words(label: bytes, nonce: bytes, root: str, turn: int, many: int) -> list[int]:
    """The stream as PROTOCOL §4.6 and the module's docstring say it, in plain integers."""
    state = hashlib.shake_256()
    for part in (label, nonce, root.encode()):
        state.update(len(part).to_bytes(8, "little") + part)
    state.update(turn.to_bytes(8, "little"))
    stream = state.digest(8 * many)
    return [int.from_bytes(stream[8 * i : 8 * i + 8], "little") for i in range(many)]


def below(label: bytes, nonce: bytes, root: str, bound: int, many: int) -> list[int]:
    """Words below the last multiple of `bound`; those above it are drawn again, in order."""
    found: list[int | None] = [None] * many
    whole = (1 << 64) // bound * bound
    for turn in count():
        wanting = [i for i, value in enumerate(found) if value is None]
        if not wanting:
            return [value for value in found if value is not None]
        for i, word in zip(wanting, words(label, nonce, root, turn, len(wanting)), strict=True):
            found[i] = word % bound if word < whole else None
    raise AssertionError


def drawn(nonce: bytes, root: str, weighed: list[int], many: int) -> list[int]:
    """One coin each, then a position of its own kind."""
    total = sum(weighed)
    coins = [word % 2 == 1 and total > 0 for word in words(b"coin", nonce, root, 0, many)]
    uniform = iter(below(b"uniform", nonce, root, len(weighed), coins.count(False)))
    points = iter(below(b"weighted", nonce, root, max(total, 1), coins.count(True)))
    ends = list(accumulate(weighed))
    found = []
    for coin in coins:
        point = next(points) if coin else -1
        found.append(
            next(t for t, end in enumerate(ends) if end > point) if coin else next(uniform)
        )
    return found


nonces = st.binary(max_size=40)
weight_lists = st.lists(st.one_of(st.just(0), st.integers(0, 1 << 30)), min_size=1, max_size=40)


@settings(deadline=None)
@given(nonces, st.text("0123456789abcdef", max_size=64), weight_lists, st.integers(0, 60))
def test_draws_are_what_shake_gives(nonce: bytes, root: str, weighed: list[int], many: int) -> None:
    """§4.6: an outsider with any SHAKE-256 and integers draws the same."""
    found = draw(nonce, root, np.array(weighed, dtype=np.int64), many)
    assert found.dtype == np.int64
    assert found.tolist() == drawn(nonce, root, weighed, many)


def test_a_single_unit_of_weight_is_weight() -> None:
    """Σw = 1: half of the draws fall on the one target that has it."""
    found = draw(NONCE, ROOT, np.array([0, 0, 1, 0], dtype=np.int64), 100)
    assert found.tolist() == drawn(NONCE, ROOT, [0, 0, 1, 0], 100)


def test_the_draws_of_one_nonce_and_root_are_pinned() -> None:
    """A change of a single word would make every finished ledger's positions wrong."""
    weighed = np.arange(1000, dtype=np.int64) ** 2
    assert draw(NONCE, ROOT, weighed, 12).tolist() == PINNED_DRAWS
    assert borders(NONCE, ROOT, np.array([70, 3, 64]), 32, 6).tolist() == PINNED_BORDERS
    assert chosen_seeds(NONCE, 4) == PINNED_SEEDS


def test_nonce_root_and_their_border_all_count() -> None:
    """Neither the box nor the author can make two runs share positions."""
    weighed = np.arange(1000, dtype=np.int64)
    first = draw(NONCE, ROOT, weighed, 20).tolist()
    others = [(NONCE[:-1], ROOT), (NONCE, ROOT[:-1]), (NONCE + b"a", ROOT[1:]), (ROOT.encode(), "")]
    for nonce, root in others:
        assert draw(nonce, root, weighed, 20).tolist() != first


# ---------------------------------------------------------------- what is drawn how often

ODD = (1 << 65) // 9  # 2⁶⁴ is 4½ times this: half of a careless remainder's range comes up 5 : 4


def test_words_beyond_the_last_multiple_are_drawn_again() -> None:
    """§4.6: exact integer sums; without the rejection the lower half would have 5/9."""
    weighed = [ODD // 2, ODD - ODD // 2]
    found = draw(NONCE, ROOT, np.array(weighed, dtype=np.int64), 2_000)
    assert found.tolist() == drawn(NONCE, ROOT, weighed, 2_000)
    many = drawing._below(b"weighted", NONCE, ROOT, ODD, 20_000)
    low = int(np.count_nonzero(many < ODD // 2))
    assert many.min() >= 0 and many.max() < ODD
    assert stats.binomtest(low, 20_000, 0.5).pvalue > 1e-3


def test_the_last_word_below_the_last_multiple_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """2⁶⁴ − 2 is the last of the words that threes share evenly; the one after it is not."""
    turns = [[(1 << 64) - 2, (1 << 64) - 1, 3], [4]]

    def scripted(label: bytes, nonce: bytes, root: str, turn: int, many: int) -> object:
        assert len(turns[turn]) == many
        return np.array(turns[turn], dtype=np.uint64)

    monkeypatch.setattr(drawing, "_words", scripted)
    assert drawing._below(b"uniform", NONCE, ROOT, 3, 3).tolist() == [2, 1, 0]


@pytest.mark.parametrize("bound", [1, 2, 1 << 40, 3, (1 << 62) - 1])
def test_integers_below_any_bound_stay_below_it(bound: int) -> None:
    """1 and powers of two divide 2⁶⁴: nothing is rejected, nothing loops."""
    found = drawing._below(b"uniform", NONCE, ROOT, bound, 500)
    assert found.tolist() == below(b"uniform", NONCE, ROOT, bound, 500)
    assert found.max() < bound


@pytest.mark.parametrize("nonce", [b"one", b"two", b"three"])
def test_half_of_the_draws_are_uniform_and_half_in_proportion(nonce: bytes) -> None:
    """§4.6: π_t = ½/N + ½ w_t/Σw, by chi-square."""
    weighed = np.array([0, 7, 0, 0, 1, 20, 3, 0, 9, 0], dtype=np.int64)
    many = 40_000
    density = 0.5 / len(weighed) + 0.5 * weighed / weighed.sum()
    counted = np.bincount(draw(nonce, ROOT, weighed, many), minlength=len(weighed))
    assert stats.chisquare(counted, many * density).pvalue > 1e-3


def test_all_draws_are_uniform_when_nothing_has_weight() -> None:
    """§4.6: all uniform if Σw = 0."""
    counted = np.bincount(draw(NONCE, ROOT, np.zeros(8, dtype=np.int64), 16_000), minlength=8)
    assert stats.chisquare(counted).pvalue > 1e-3


def test_draws_are_independent_of_the_draw_before() -> None:
    """§4.6: i.i.d., with replacement: pairs fill their table evenly."""
    found = draw(NONCE, ROOT, np.ones(4, dtype=np.int64), 16_001)
    pairs = np.bincount(found[:-1] * 4 + found[1:], minlength=16)
    assert stats.chisquare(pairs).pvalue > 1e-3


@pytest.mark.parametrize("many", [0, 5])
def test_nothing_can_be_drawn_from_nothing(many: int) -> None:
    """An error of ours to have asked, never a division by zero."""
    with pytest.raises(BadData, match=r"^charges: no target to draw from"):
        draw(NONCE, ROOT, np.zeros(0, dtype=np.int64), many)


def test_no_draw_is_an_empty_list() -> None:
    """`replay: all` draws nothing."""
    found = draw(NONCE, ROOT, np.ones(3, dtype=np.int64), 0)
    assert (found.dtype, found.tolist()) == (np.int64, [])


# ---------------------------------------------------------------- weights


def test_weights_are_whole_units_of_the_room_below_the_reference() -> None:
    """§4.6: u = max(0, r + c − x), w = ⌊2¹⁶ u⌋."""
    charges = np.array([1.0, 1.0, 9.0, 4.0, 0.0], dtype=np.float32)
    reference = np.array([1.0, 1 + 2**-17, 1.0, 1.0, 5.5], dtype=np.float32)
    assert weights(charges, reference, 3.0).tolist() == [3 << 16, 3 << 16, 0, 0, 17 << 15]
    assert weights(charges, reference, 3.0).dtype == drawing.units(charges * 1.0).dtype == np.int64
    assert weights(charges, reference, 3.0 + 2**-17).tolist()[:2] == [3 << 16, (3 << 16) + 1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["charge", "reference"])
def test_weights_of_what_is_no_number_are_refused_by_target(which: str, value: float) -> None:
    """An infinite charge must not simply have no weight, nor NaN some."""
    arrays = {name: np.ones(9, dtype=np.float32) for name in ("charge", "reference")}
    arrays[which][4] = value
    with pytest.raises(BadData, match="cannot be weighed") as caught:
        weights(arrays["charge"], arrays["reference"], 3.0)
    assert (caught.value.file, caught.value.place) == ("charges", "target 4")


def test_an_infinite_charge_has_no_room_below_an_infinite_reference() -> None:
    """∞ − ∞ is refused in words, like any other."""
    forever = np.array([1, np.inf], dtype=np.float32)
    with pytest.raises(BadData, match="cannot be weighed"):
        weights(forever, forever, 3.0)


def test_weights_that_could_overflow_their_sum_are_refused() -> None:
    """§4.6: exact integer sums, in 64 bits."""
    charges = np.full(4, 3, dtype=np.float32)
    fits, too_much = (np.full(4, room) for room in (2.0**44 - 2**20, 2.0**44))
    assert weights(charges, fits, 3.0).sum() < 1 << 62
    with pytest.raises(BadData, match="cannot be weighed"):
        weights(charges, too_much, 3.0)


def test_charges_and_reference_belong_together() -> None:
    """One reference for each charge."""
    with pytest.raises(BadData, match=r"^reference: 2 references for 3 charges"):
        weights(np.ones(3, dtype=np.float32), np.ones(2, dtype=np.float32), 3.0)


def test_weights_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty million targets are weighed block by block; a refusal counts from the first."""
    random = np.random.default_rng(1)
    charges, reference = random.uniform(0, 9, (2, 50)).astype(np.float32)
    whole = weights(charges, reference, 1.0)
    monkeypatch.setattr(drawing, "BLOCK", 7)
    assert weights(charges, reference, 1.0).tolist() == whole.tolist()
    charges[45] = np.nan
    with pytest.raises(BadData) as caught:
        weights(charges, reference, 1.0)
    assert caught.value.place == "target 45"


# ---------------------------------------------------------------- borders and seeds


def near(counts: list[int], chunk: int) -> list[int]:
    """At most one away from a chunk's start or its document's end, in its own document."""
    found = []
    first = 0
    for targets in counts:
        marks = {0, *range(0, targets, chunk), targets - 1}
        around = {mark + by for mark in marks for by in (-1, 0, 1)}
        found += [first + t for t in sorted(around) if 0 <= t < targets]
        first += targets
    return found


counts_lists = st.lists(st.integers(0, 30), max_size=8)


@settings(deadline=None)
@given(counts_lists, st.integers(1, 12), st.integers(0, 200))
def test_borders_are_next_to_chunk_starts_and_document_ends(
    counts: list[int], chunk: int, many: int
) -> None:
    """§4.6: a separate list; all of them, or as many as asked, chosen by the nonce."""
    found = borders(NONCE, ROOT, np.array(counts, dtype=np.int32), chunk, many).tolist()
    candidates = near(counts, chunk)
    ranks = words(b"borders", NONCE, ROOT, 0, len(candidates))
    chosen = [t for _, t in sorted(zip(ranks, candidates, strict=True))][:many]
    assert found == sorted(chosen)


def test_borders_differ_from_nonce_to_nonce() -> None:
    """Nobody knows which are looked at."""
    counts = np.full(50, 100, dtype=np.int32)
    first = borders(NONCE, ROOT, counts, 32, 20).tolist()
    assert first != borders(NONCE[1:], ROOT, counts, 32, 20).tolist()
    assert first != borders(NONCE, ROOT[1:], counts, 32, 20).tolist()


def test_seeds_are_what_shake_gives() -> None:
    """§8: SHAKE-256("seed" ‖ nonce ‖ i), 31 bits each, none of them searched for."""
    digests = (
        hashlib.shake_256(b"seed" + NONCE + i.to_bytes(8, "little")).digest(4) for i in range(50)
    )
    expected = tuple(int.from_bytes(digest, "little") >> 1 for digest in digests)
    found = chosen_seeds(NONCE, 50)
    assert found == expected
    assert chosen_seeds(NONCE, 3) == found[:3]
    assert chosen_seeds(NONCE, 0) == ()
    assert max(found) < 1 << 31
    assert chosen_seeds(NONCE[1:], 3) != found[:3]


def test_no_seed_stands_twice() -> None:
    """Two of 120,000 draws from 31 bits are alike (here some are): the next one is taken."""
    many = 120_000
    found = chosen_seeds(NONCE, many)
    assert len(set(found)) == many
    following = hashlib.shake_256(b"seed" + NONCE + many.to_bytes(8, "little")).digest(4)
    assert int.from_bytes(following, "little") >> 1 in found
