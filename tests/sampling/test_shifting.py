"""Two costs of the same tokens differ by how much, and how surely: as the textbooks' tests say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from verifier.sampling import BROKEN_P, LARGEST_NATS, above_one, shift

TAU = 1e-4
RANDOM = np.random.default_rng(11)


def six(value: float) -> float:
    return float(f"{value:.6g}")


@pytest.mark.parametrize("size", [2, 3, 30, 5_000])
@pytest.mark.parametrize("by", [-0.5, 0.0, 0.02, 1.0])
def test_the_t_test_is_scipys(size: int, by: float) -> None:
    """§4.5: one-sided, later costs higher."""
    earlier = RANDOM.gamma(2, 1, size)
    later = earlier + RANDOM.normal(by, 0.3, size)
    found = shift(later, earlier, TAU)
    expected = stats.ttest_1samp(later - earlier, 0, alternative="greater")
    assert found.t_p == pytest.approx(expected.pvalue, rel=1e-5)
    assert found.mean == pytest.approx((later - earlier).mean())
    assert found.largest == (later - earlier).max()
    assert found.count == size


@settings(deadline=None)
@given(st.lists(st.sampled_from([-2 * TAU, -TAU / 2, 0.0, TAU / 2, 2 * TAU]), max_size=60))
def test_the_sign_test_is_scipys_over_the_tokens_that_moved(apart: list[float]) -> None:
    """§4.5: over the tokens that moved by more than τ."""
    later = np.array(apart) + 1
    found = shift(later, np.ones(len(apart)), TAU)
    ups, downs = apart.count(2 * TAU), apart.count(-2 * TAU)
    assert found.moved == ups + downs
    expected = 1.0
    if ups + downs:
        expected = stats.binomtest(ups, ups + downs, 0.5, alternative="greater").pvalue
    assert found.sign_p == pytest.approx(expected, rel=1e-5)


def test_a_token_moved_if_it_differs_by_more_than_tau() -> None:
    """τ itself is what two honest answers may differ by."""
    later = np.array([0.25, 0.5, -0.5, 0.0])
    assert shift(later, np.zeros(4), 0.25).moved == 2


def test_identical_differences_are_no_proof() -> None:
    """The deviation is at least τ: a hundred tokens that all differ by τ/10 say t = 1."""
    apart = np.full(100, TAU / 10)
    found = shift(apart, np.zeros(100), TAU)
    assert found.t_p == pytest.approx(stats.t.sf(1, 99), rel=1e-5)
    assert found.moved == 0


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_tokens_prove_nothing(size: int) -> None:
    """No test has fewer; nothing divides by zero."""
    found = shift(np.full(size, 9.0), np.zeros(size), TAU)
    assert (found.count, found.t_p) == (size, 1.0)
    assert found.sign_p == (0.5 if size else 1.0)
    assert (found.mean, found.largest) == (9.0 * size, 9.0 * size)


def test_a_difference_that_is_no_number_counts_as_none() -> None:
    """NaN is no gain, nor are two equal infinities."""
    later = np.array([np.nan, np.inf, 1.0, 2.0])
    earlier = np.array([1.0, np.inf, np.nan, 1.0])
    found = shift(later, earlier, TAU)
    assert (found.count, found.moved, found.mean, found.largest) == (4, 1, 0.25, 1.0)


def test_an_infinite_cost_drowns_no_other() -> None:
    """One difference counts as at most 1,000 nats, either way."""
    up = shift(np.array([np.inf, 1.0]), np.zeros(2), TAU)
    assert (up.largest, up.mean) == (LARGEST_NATS, (LARGEST_NATS + 1) / 2)
    down = shift(np.array([-np.inf, 1.0]), np.zeros(2), TAU)
    assert (down.largest, down.mean) == (1.0, (1 - LARGEST_NATS) / 2)
    assert shift(np.array([5e3]), np.zeros(1), TAU).largest == LARGEST_NATS


def test_float32_costs_are_compared_in_float64() -> None:
    """Their difference is exact there."""
    one = np.float32(0.1)
    later, earlier = np.array([16 + one], dtype=np.float32), np.array([one], dtype=np.float32)
    expected = float(later[0]) - float(earlier[0])
    assert shift(later, earlier, TAU).largest == expected


def test_p_values_keep_six_digits() -> None:
    """Libraries differ in the last bits, and a recheck elsewhere must not."""
    earlier = RANDOM.gamma(2, 1, 40)
    found = shift(earlier + RANDOM.normal(0.1, 0.3, 40), earlier, TAU)
    assert found.t_p == six(found.t_p)
    assert found.sign_p == six(found.sign_p)
    sums = above_one(RANDOM.normal(0, 1, 9))
    assert sums == six(sums)


def test_twenty_two_of_twenty_two_is_broken_and_twenty_one_is_not() -> None:
    """§4.5: p < 5e-7, one-sided: half to the power of 21 is 4.77e-7."""
    assert shift(np.ones(21), np.zeros(21), TAU).sign_p == six(0.5**21) < BROKEN_P
    assert shift(np.ones(20), np.zeros(20), TAU).sign_p == six(0.5**20) > BROKEN_P


def test_log_sums_above_zero_are_tested_as_scipy_does() -> None:
    """§4.5d: log Σ > 0 on average over the uniform positions."""
    for by in (-0.01, 0.0, 0.002, 0.01):
        sums = RANDOM.normal(by, 0.01, 64)
        expected = stats.ttest_1samp(sums, 0, alternative="greater").pvalue
        assert above_one(sums) == pytest.approx(expected, rel=1e-5)


def test_rounding_of_float32_is_no_sum_above_one() -> None:
    """The deviation is at least 1e-6 nats: 64 sums of 1e-8 say t = 0.08."""
    assert above_one(np.full(64, 1e-8)) == pytest.approx(stats.t.sf(0.08, 63), rel=1e-5)
    assert above_one(np.full(64, 2e-6)) < 1e-6
    assert above_one(np.full(64, -2e-6)) > 0.999


def test_sums_that_are_no_number_are_neither_above_nor_below() -> None:
    """NaN counts as 0; an infinite sum as no more than 1,000 nats."""
    assert above_one(np.full(64, np.nan)) == 0.5
    sums = np.array([np.inf, *[-100.0] * 9])
    clipped = np.array([LARGEST_NATS, *[-100.0] * 9])
    assert above_one(sums) == above_one(clipped)
    assert above_one(-sums) == above_one(-clipped)
    assert math.isclose(above_one(np.zeros(0)), 1.0)
