"""What does a sampled replay prove? The bound δ. (PROTOCOL §4.6)

π_t = ½/N + ½ w_t/Σw, from which each draw comes by a coin of its own. What a recheck compares must
come out the same on every machine, so sums are correctly rounded (`math.fsum`) and δ is the least
point of a fixed grid. The blind spot is estimated over all draws, each weighed by 1/(N π_t) ≤ 2:
the same mean as over the uniform ones alone, from twice as many. Must never let a cost that is not
a number lower a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from verifier.errors import BadData
from verifier.sampling.drawing import BLOCK, Doubles, Floats, Positions, rooms, units

_GRID = 1 << 32
_WEALTH = np.concatenate(([0.5], np.full(15, 0.5 / 15)))
_STAKES = np.concatenate(([1.0], np.geomspace(0.001, 1.0, 16)[:-1]))


@dataclass(frozen=True, slots=True)
class Bound:
    """What the sampled replay leaves open, in nats per target.

    With probability 1 − α over the nonce the score is at most `delta_nats` below what blind costs,
    counted up to max(reference + slack, charge + τ), would have given. `most_nats` is B, the most
    that one draw can show, and `mean_nats` what the draws showed. The blind spot, estimated: mean
    of (b − r − c)+ and of (b − x − max(u, τ))+.
    """

    delta_nats: float
    most_nats: float
    mean_nats: float
    above_reference_nats: float
    above_cap_nats: float
    draws: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a pass fixes before anything is drawn: Σw, and B in nats per target."""

    everything: int
    most_nats: float


def exact_delta(charges: Floats, blind: Floats) -> float:
    """max(0, Σ (b − x)) / N nats per target, when every target was replayed.

    A cost that is not a finite number makes it infinite. Raises BadData when nothing was charged.
    """
    if not len(charges):
        raise BadData("no target was charged", file="charges")
    total = math.fsum(
        deviation
        for start in range(0, len(charges), BLOCK)
        for deviation in _deviations(charges, blind, start).tolist()
    )
    return max(0.0, total) / len(charges)


def _deviations(charges: Floats, blind: Floats, start: int) -> Doubles:
    """One block of b − x; differences of float32 are exact in float64 but for the tiniest."""
    block = slice(start, start + BLOCK)
    with np.errstate(invalid="ignore"):
        apart: Doubles = blind[block].astype(np.float64) - charges[block].astype(np.float64)
    apart[~np.isfinite(apart)] = math.inf
    return apart


def bound(
    draws: Positions,
    charges: Floats,
    blind: Floats,
    reference: Floats,
    *,
    slack_nats: float,
    tau: float,
    alpha: float,
    fixed: Ceiling | None = None,
) -> Bound:
    """PROTOCOL §4.6's bound from `draws` (with multiplicity) of a pass over N targets.

    `charges`, `blind` and `reference` are nats [N]; `blind` is read only where it was drawn. The
    wealth of 16 bettors, who stake a share f against "the mean deviation is μ", grows by
    1 + f (μ − Y)/(B − μ) at each draw; by Markov it reaches 1/α with probability at most α if the
    claim is true. δ is the least μ that is bet away. A blind cost that is NaN or −∞ counts as
    the most that it can. `fixed` is this pass's `ceiling`, for who bounds many draws of one pass.
    Raises BadData when nothing was charged, or as `weights` does.
    """
    if fixed is None:
        fixed = ceiling(charges, reference, slack_nats=slack_nats, tau=tau)
    everything, most = fixed.everything, fixed.most_nats
    x, r = (values[draws].astype(np.float64) for values in (charges, reference))
    room = np.maximum(0.0, r + slack_nats - x)
    cap, density = np.maximum(room, tau), _density(room, everything, len(charges))
    b = blind[draws].astype(np.float64)
    b[~(b > -math.inf)] = math.inf
    shown = np.minimum(b - x, cap) / density
    return Bound(
        delta_nats=most * _least_refuted(shown / most, -math.log(alpha)),
        most_nats=most,
        mean_nats=_mean(shown),
        above_reference_nats=_mean(np.maximum(0.0, b - r - slack_nats) / density),
        above_cap_nats=_mean(np.maximum(0.0, b - x - cap) / density),
        draws=len(draws),
    )


def ceiling(charges: Floats, reference: Floats, *, slack_nats: float, tau: float) -> Ceiling:
    """Σw and B = max_t max(u_t, τ)/(N π_t) of a pass; the same whatever is drawn.

    Raises BadData when nothing was charged, or as `weights` does.
    """
    everything = sum(int(units(room).sum()) for _, room in rooms(charges, reference, slack_nats))
    if not len(charges):
        raise BadData("no target was charged", file="charges")
    most = 0.0
    for _, room in rooms(charges, reference, slack_nats):
        ratio = np.maximum(room, tau) / _density(room, everything, len(charges))
        most = max(most, float(ratio.max()))
    return Ceiling(everything, most)


def _density(room: Doubles, everything: int, targets: int) -> Doubles:
    """N π_t of each target, `everything` being Σw."""
    if everything == 0:
        return np.ones(len(room))
    density: Doubles = 0.5 + units(room).astype(np.float64) * (0.5 * targets / everything)
    return density


def _mean(values: Doubles) -> float:
    return math.fsum(values.tolist()) / len(values) if len(values) else 0.0


def _least_refuted(shares: Doubles, needed: float) -> float:
    """The least μ/B on the grid, from the mean of `shares` = Y/B on, with log wealth ≥ `needed`.

    1 where there is none. Wealth increases in μ there, so bisection finds it.
    """
    low, high = max(0, math.ceil(_mean(shares) * _GRID)), _GRID
    while low < high:
        middle = (low + high) // 2
        if _log_wealth(shares, middle / _GRID) >= needed:
            high = middle
        else:
            low = middle + 1
    return high / _GRID


def _log_wealth(shares: Doubles, claim: float) -> float:
    """log Σ_f w_f Π_i (1 + f (μ − Y_i)/(B − μ)), everything in units of B, `claim` = μ < 1."""
    steps = (claim - shares) / (1.0 - claim)
    with np.errstate(divide="ignore"):
        logs = [float(np.log1p(stake * steps).sum()) for stake in _STAKES.tolist()]
    return float(special.logsumexp(logs, b=_WEALTH))
