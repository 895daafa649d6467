"""What deviates, and how surely? One-sided tests of two costs of the same tokens. (PROTOCOL §4.5)

p-values keep six digits: libraries differ in the last bits, and a recheck elsewhere must not. Must
never call few or identical differences a proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from verifier.sampling.drawing import Doubles, Floats

BROKEN_P = 5e-7
LARGEST_NATS = 1e3
"""One difference counts as no more: a single infinite cost would drown every other."""

_SUM_NOISE_NATS = 1e-6


@dataclass(frozen=True, slots=True)
class Shift:
    """How much more `later` costs than `earlier`, nats per token, and how surely (one-sided).

    `mean` and `largest` over all `count` tokens compared; `t_p` of a t-test over all of them;
    `sign_p` of a sign test over the `moved` ones.
    """

    count: int
    moved: int
    mean: float
    largest: float
    t_p: float
    sign_p: float


def shift(later: Floats, earlier: Floats, tau: float) -> Shift:
    """Compare two costs of the same tokens (nats [n]); a token moved if they differ by more than τ.

    The t-test's standard deviation is at least τ, which honest answers may differ by: few or
    identical differences are no proof. A difference that is not a number counts as none.
    """
    with np.errstate(invalid="ignore"):
        apart = later.astype(np.float64) - earlier.astype(np.float64)
    apart = np.clip(np.nan_to_num(apart), -LARGEST_NATS, LARGEST_NATS)
    moved = apart[np.abs(apart) > tau]
    ups = np.count_nonzero(moved > 0)
    return Shift(
        count=len(apart),
        moved=len(moved),
        mean=math.fsum(apart.tolist()) / max(len(apart), 1),
        largest=float(apart.max()) if len(apart) else 0.0,
        t_p=_above_zero(apart, tau),
        sign_p=_six_digits(special.bdtrc(ups - 1, len(moved), 0.5)),
    )


def above_one(log_sums: Floats) -> float:
    """p of "probabilities sum to more than 1 on average": a one-sided t-test of mean log Σ > 0.

    The standard deviation is at least 1e-6 nats, below which float32 rounds by itself.
    """
    sums = np.clip(log_sums.astype(np.float64), -LARGEST_NATS, LARGEST_NATS)
    return _above_zero(np.nan_to_num(sums), _SUM_NOISE_NATS)


def _above_zero(values: Doubles, least_deviation: float) -> float:
    """One-sided p of mean > 0 by Student's t; 1 for fewer than two values."""
    count = len(values)
    if count < 2:
        return 1.0
    mean = math.fsum(values.tolist()) / count
    variance = math.fsum(((values - mean) ** 2).tolist()) / (count - 1)
    t = mean / math.sqrt(max(variance, least_deviation**2) / count)
    return _six_digits(special.stdtr(count - 1, -t))


def _six_digits(p: np.floating) -> float:
    return float(f"{p:.6g}")
