"""The number is exact: no order, batch, shard or size of a charge can move it."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.errors import BadData
from verifier.metric import (
    BLOCK,
    Charges,
    ExactSum,
    bits_per_byte,
    document_nats,
    exact_sum,
    nats,
)

LARGEST_BITS = 0x7F7FFFFF
UNIT = Fraction(1, 1 << 149)

# Every float32 that is a charge: +0, denormals, normal numbers, the largest one.
edges = st.sampled_from([0, 1, 2, 0x7FFFFF, 0x800000, 0x800001, 0x3F800000, LARGEST_BITS])
bit_patterns = st.one_of(edges, st.integers(0, LARGEST_BITS))
charge_arrays = st.lists(bit_patterns, max_size=60).map(
    lambda bits: np.array(bits, dtype=np.uint32).view(np.float32)
)


def true_sum(charges: npt.NDArray[np.floating]) -> Fraction:
    return sum((Fraction(float(charge)) for charge in charges), Fraction(0))


def true_bpb(charges: Charges, document_bytes: int) -> float:
    """Σ / (ln 2 · bytes) with 120 digits, rounded once by way of a fraction."""
    with localcontext(Context(prec=120)):
        per_bit = Fraction(Decimal(2).ln()) * document_bytes
    found = true_sum(charges) / per_bit
    return found.numerator / found.denominator


@settings(deadline=None)
@given(charge_arrays)
def test_the_sum_is_the_sum_of_fractions(charges: Charges) -> None:
    """§5: every float32 is an integer times 2⁻¹⁴⁹; add the integers."""
    found = exact_sum(charges)
    assert found.units * UNIT == true_sum(charges)
    assert found.count == len(charges)


@settings(deadline=None)
@given(charge_arrays, st.randoms(use_true_random=False), st.integers(1, 9))
def test_any_order_and_any_shards_give_the_same_sum(charges, random, shards) -> None:
    """DESIGN §4: the same for any order, batch, shard or thread count, and shards merge."""
    whole = exact_sum(charges)
    mixed = charges.copy()
    random.shuffle(mixed)
    parts = np.array_split(mixed, shards)
    assert exact_sum(*parts) == whole
    merged = ExactSum()
    for part in parts:
        merged = exact_sum(part) + merged
    assert merged == whole
    assert exact_sum(charges[::-1]) == whole
    assert exact_sum(np.repeat(charges, 2)[::2]) == whole


@settings(deadline=None)
@given(charge_arrays)
def test_nats_are_rounded_once(charges: Charges) -> None:
    """§5: the nearest float64 to the exact sum, whatever it is."""
    total = true_sum(charges)
    assert nats(exact_sum(charges)) == total.numerator / total.denominator


@settings(deadline=None)
@given(charge_arrays.filter(len), st.integers(1, 1 << 40))
def test_bits_per_byte_are_rounded_once(charges: Charges, document_bytes: int) -> None:
    """§5: the quotient in 60 digits, rounded once; here against 120 digits."""
    found = bits_per_byte(exact_sum(charges), document_bytes)
    assert found == true_bpb(charges, document_bytes)


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("beside", [-1, 1])
def test_a_quotient_beside_the_middle_of_two_floats_is_rounded_to_its_own_side(
    odd: int, beside: int
) -> None:
    """§5: sixty digits; 28, Python's own, take it for the middle and round half to even."""
    below = (1 << 52) + odd
    middle = Fraction(2 * below + 1, 2)
    with localcontext(Context(prec=120)):
        units = int(middle * Fraction(Decimal(2).ln()) * (1 << 149)) + (beside << 40)
    document_bytes = 1 << 10
    found = bits_per_byte(ExactSum(units * document_bytes, 1), document_bytes)
    assert found == below + (beside > 0)


def test_what_a_running_sum_would_lose_is_kept() -> None:
    """A float sum of these is off by more than half; so is one that rounds at every block."""
    large = np.float32(2.0**24)
    small = np.full(4 * BLOCK, 2.0**-30, dtype=np.float32)
    charges = np.concatenate(([large], small)).astype(np.float32)
    exact = (1 << 24) + Fraction(4 * BLOCK, 1 << 30)
    assert exact_sum(charges).units * UNIT == exact
    assert float(charges.sum(dtype=np.float32)) != float(exact)
    tiny = np.full(3, np.float32(2.0**-149))
    assert exact_sum(np.array([3e38], dtype=np.float32), tiny).units % (1 << 149) == 3


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_blocks_meet_without_a_seam(count: int) -> None:
    """Every length around the size of a block, the largest mantissas in one bin."""
    bits = np.full(count, 0x40FFFFFF, dtype=np.uint32)
    found = exact_sum(bits.view(np.float32))
    assert found == ExactSum(count * (((1 << 24) - 1) << (0x81 - 1)), count)


def test_a_million_charges_are_summed_as_integers() -> None:
    """Against Python's own integers, with every exponent in use."""
    random = np.random.default_rng(3)
    bits = random.integers(0, LARGEST_BITS, 100_000, dtype=np.uint32, endpoint=True)
    charges = np.tile(bits.view(np.float32), 10)
    assert exact_sum(charges).units * UNIT == 10 * true_sum(charges[:100_000])


def test_arrays_of_any_shape_and_memory_maps_are_summed(tmp_path: Path) -> None:
    """Batches [B, C], views with strides, files on disk."""
    batch = np.arange(600, dtype=np.float32).reshape(20, 30) / 7
    (tmp_path / "charges.f32").write_bytes(batch.tobytes())
    mapped = np.memmap(tmp_path / "charges.f32", dtype="<f4", mode="r")
    assert exact_sum(batch) == exact_sum(batch.T) == exact_sum(mapped)
    assert exact_sum(batch).units * UNIT == true_sum(batch.reshape(-1))


@pytest.mark.parametrize(
    "value",
    [np.nan, -np.nan, np.inf, -np.inf, -1.0, -0.0, -1e-45, np.float32(-3.4e38)],
)
@pytest.mark.parametrize("at", [0, 5, BLOCK - 1, BLOCK, BLOCK + 9])
def test_what_is_no_charge_is_refused_by_its_index(value: float, at: int) -> None:
    """§5: a set sign bit or exponent 255 never reaches a bin; NaN loses."""
    charges = np.ones(BLOCK + 10, dtype=np.float32)
    charges[at] = value
    with pytest.raises(BadData, match="is not a charge") as caught:
        exact_sum(charges)
    assert (caught.value.file, caught.value.place) == ("charges", f"target {at}")


def test_the_first_wrong_charge_is_counted_over_all_shards() -> None:
    """The index a person can look up is that of the whole, and the first one's."""
    good = np.ones(BLOCK + 3, dtype=np.float32)
    bad = np.array([1, 2, np.inf, np.nan], dtype=np.float32)
    with pytest.raises(BadData) as caught:
        exact_sum(good, good[:4], bad)
    assert caught.value.place == f"target {BLOCK + 3 + 4 + 2}"
    assert "inf" in str(caught.value)


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", ">f4"])
def test_only_float32_is_summed(dtype: str) -> None:
    """A charge is a float32 as the scorer committed it; another type was rounded somewhere."""
    with pytest.raises(BadData, match=r"^charges: charges must be float32"):
        exact_sum(np.ones(3, dtype=dtype))


@pytest.mark.parametrize("document_bytes", [0, -1])
def test_no_bytes_are_an_error(document_bytes: int) -> None:
    """§5: 0 bytes: an error, never a number."""
    with pytest.raises(BadData, match=r"^documents: .* bytes of documents"):
        bits_per_byte(exact_sum(np.ones(3, dtype=np.float32)), document_bytes)


def test_no_charges_are_an_error_and_not_the_best_number() -> None:
    """Empty evidence is refused; charges of 0 are charges."""
    with pytest.raises(BadData, match=r"^charges: no target was charged"):
        bits_per_byte(exact_sum(), 100)
    assert bits_per_byte(exact_sum(np.zeros(1, dtype=np.float32)), 100) == 0.0


def test_the_unit_is_bits_per_byte() -> None:
    """Nats become bits by ln 2: eight bytes for ln 2 each are one bit per byte, nearly."""
    charges = np.full(8, math.log(2), dtype=np.float32)
    exact = float(np.float32(math.log(2))) / math.log(2)
    assert bits_per_byte(exact_sum(charges), 8) == pytest.approx(exact, rel=1e-15)


def test_nats_of_each_document_add_up_for_pictures() -> None:
    """float64 [D]: an empty document costs nothing."""
    charges = np.array([1, 2, 3, 4, 5], dtype=np.float32)
    counts = np.array([2, 0, 3], dtype=np.int32)
    assert document_nats(charges, counts).tolist() == [3.0, 0.0, 12.0]
    assert document_nats(charges[:0], counts[:0]).tolist() == []


def test_nats_of_a_document_do_not_drift_with_what_came_before() -> None:
    """Two million nats before it take no digit of the last document's."""
    charges = np.array([2e6, 0.1, 0.1], dtype=np.float32)
    counts = np.array([1, 2], dtype=np.int32)
    assert document_nats(charges, counts)[1] == pytest.approx(0.2, abs=1e-7)
