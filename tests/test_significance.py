"""Is one set of runs surely better than another? Against the reference implementation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from verifier.significance import one_sided, sample, two_sided, with_one_more

BPB = st.floats(min_value=0.5, max_value=3.0)
RUNS = st.lists(BPB, min_size=2, max_size=6)


def spread(values: Sequence[float]) -> bool:
    return max(values) - min(values) > 1e-6


@given(ours=RUNS, theirs=RUNS, margin=st.floats(min_value=0, max_value=0.1))
def test_welch_agrees_with_the_reference_on_either_side(
    ours: list[float], theirs: list[float], margin: float
) -> None:
    """R7: one-sided, with a margin, and two-sided."""
    assume(spread(ours) and spread(theirs))
    a, b = sample(ours), sample(theirs)
    moved = [value + margin for value in ours]
    less = stats.ttest_ind(moved, theirs, equal_var=False, alternative="less").pvalue
    both = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
    assert one_sided(a, b, margin) == pytest.approx(less, abs=1e-9)
    assert two_sided(a, b) == pytest.approx(both, abs=1e-9)


@given(ours=RUNS, threshold=BPB)
def test_a_single_earlier_run_is_a_threshold_for_one_sample(
    ours: list[float], threshold: float
) -> None:
    """A number without a spread adds none of its own."""
    assume(spread(ours))
    expected = stats.ttest_1samp(ours, threshold, alternative="less").pvalue
    assert one_sided(sample(ours), sample([threshold])) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((1.0,), (1.1, 1.2)), ((1.0,), (1.1,)), ((1.0, 1.0), (1.1, 1.1)), ((1.0, 1.0), (1.1,))],
)
def test_one_run_of_ours_or_no_spread_has_no_p(
    ours: tuple[float, ...], theirs: tuple[float, ...]
) -> None:
    """Missing evidence is never a pass: NaN loses every comparison."""
    assert math.isnan(one_sided(sample(ours), sample(theirs)))
    assert math.isnan(two_sided(sample(ours), sample(theirs)))


def test_one_more_run_like_the_others_makes_surer() -> None:
    """What "needs one more seed" rests on."""
    ours, theirs = sample([1.0, 1.01]), sample([1.02, 1.03, 1.025])
    assert one_sided(with_one_more(ours), theirs) < one_sided(ours, theirs)


@pytest.mark.parametrize("values", [(), (1.0, math.nan), (math.inf,)])
def test_a_sample_of_nothing_or_of_no_number_is_refused(values: tuple[float, ...]) -> None:
    """An empty result must not count as one."""
    with pytest.raises(ValueError, match="finite"):
        sample(values)
