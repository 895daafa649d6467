"""Is one set of runs surely better than another? Welch's test, and one sample against a number.

The one implementation behind the audit `record` and the leaderboard's history (R7). Values are
whatever falls when a submission gets better: bits per byte or nats. Must never know which policy
asks, nor round: the caller compares with its own threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr


@dataclass(frozen=True, slots=True)
class Sample:
    """Runs of one configuration: how many, their mean, and their variance with n - 1 below."""

    count: int
    mean: float
    variance: float

    @property
    def of_mean(self) -> float:
        """The variance of the mean; 0 for a single run, which is then taken as a number."""
        return self.variance / self.count if self.count > 1 else 0.0


def sample(values: Sequence[float]) -> Sample:
    """Count, mean and variance of at least one finite value. Raises ValueError otherwise."""
    if not values or not all(map(math.isfinite, values)):
        raise ValueError("a sample needs values, all finite")
    count = len(values)
    mean = math.fsum(values) / count
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Sample(count, mean, squares / (count - 1) if count > 1 else 0.0)


def one_sided(ours: Sample, theirs: Sample, margin: float = 0.0) -> float:
    """p of "ours is not lower than theirs by more than `margin`" (Welch 1947).

    A single run on their side is a number without a spread, which makes it the test of one sample
    against a threshold. NaN where nothing can be said: one run of ours, or no spread anywhere.
    """
    t, freedom = _statistic(ours, theirs, margin)
    return math.nan if math.isnan(t) else float(stdtr(freedom, t))


def two_sided(ours: Sample, theirs: Sample) -> float:
    """p of "both have the same mean" (Welch 1947); NaN as for `one_sided`."""
    t, freedom = _statistic(ours, theirs, 0.0)
    return math.nan if math.isnan(t) else min(1.0, 2 * float(stdtr(freedom, -abs(t))))


def with_one_more(ours: Sample) -> Sample:
    """What one more run would make of `ours` if it came out like those before it."""
    return Sample(ours.count + 1, ours.mean, ours.variance)


def _statistic(ours: Sample, theirs: Sample, margin: float) -> tuple[float, float]:
    """t, negative where ours is lower by more than `margin`, and Welch-Satterthwaite's freedom."""
    spread = ours.of_mean + theirs.of_mean
    if ours.count < 2 or spread <= 0.0:
        return math.nan, math.nan
    below = ours.of_mean**2 / (ours.count - 1)
    if theirs.count > 1:
        below += theirs.of_mean**2 / (theirs.count - 1)
    if below <= 0.0:
        return math.nan, math.nan
    t = (ours.mean + margin - theirs.mean) / math.sqrt(spread)
    return t, spread**2 / below
