"""How far are two honest answers apart on one device, and what τ follows? (PROTOCOL §4.4)

Two answers to one question: a target's charge, which `score` gave among the pass's companions, and
its blind cost, which `predict` gave in a fresh box among others. Must never take a submission's
answers for honest ones: only the project's own examples are measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from verifier.records import Array

MULTIPLE = 7
"""τ over the worst that was seen: the largest of more tokens than were measured is larger."""
POSITIONS_AT_LEAST = 80_000
"""As many as the CPU's τ was first taken from; the tail of fewer says little."""
TAU_AT_MOST = 0.1
"""More than this a policy cannot hold (`ReplayRule.tau_nats`)."""
TAU_AT_LEAST = 1e-6
"""A float32 of some nats is no finer, so that answers equal to the last bit give no τ of 0."""
QUANTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviations:
    """|blind − charge| over the positions of one example, nats per token.

    `fault` says why there is nothing to go by, "" where there is; then the rest is 0 or empty.
    """

    positions: int
    unequal: int
    mean_nats: float
    worst_nats: float
    quantiles: Mapping[str, float]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What follows from all examples. `tau_nats` None: no τ, and `why` says so."""

    positions: int
    worst_nats: float
    tau_nats: float | None
    why: str


def deviations(charges: Array, blind: Array) -> Deviations:
    """Compare float32 `charges` [n] with `blind` costs [n] of the same targets, in float64."""
    apart = np.abs(blind.astype(np.float64) - charges)
    if len(apart) == 0:
        return failed("nothing was replayed")
    if not np.all(np.isfinite(apart)):
        return failed(f"{int(np.sum(~np.isfinite(apart))):,} costs are not finite")
    return Deviations(
        positions=len(apart),
        unequal=int(np.count_nonzero(apart)),
        mean_nats=float(apart.mean()),
        worst_nats=float(apart.max()),
        quantiles={f"{q:g}": float(np.quantile(apart, q, method="higher")) for q in QUANTILES},
    )


def failed(why: str) -> Deviations:
    """An example that gave nothing to go by."""
    return Deviations(
        positions=0, unequal=0, mean_nats=0.0, worst_nats=0.0, quantiles={}, fault=why
    )


def tolerance(measured: Sequence[Deviations]) -> Tolerance:
    """`MULTIPLE` times the worst of all, rounded up to one digit; none where any example failed."""
    positions = sum(found.positions for found in measured)
    worst = max((found.worst_nats for found in measured), default=0.0)
    tau = max(TAU_AT_LEAST, rounded_up(MULTIPLE * worst))
    faults = sum(bool(found.fault) or not math.isfinite(found.worst_nats) for found in measured)
    if faults:
        why = f"{faults} of {len(measured)} examples failed"
    elif positions < POSITIONS_AT_LEAST:
        why = f"{positions:,} positions are too few, at least {POSITIONS_AT_LEAST:,} are needed"
    elif tau > TAU_AT_MOST:
        why = f"τ would be {tau:g} nats, and no policy may have more than {TAU_AT_MOST:g}"
    else:
        return Tolerance(positions=positions, worst_nats=worst, tau_nats=tau, why="")
    return Tolerance(positions=positions, worst_nats=worst, tau_nats=None, why=why)


def rounded_up(nats: float) -> float:
    """The next number of one significant digit, but for a share of 1e-9; 0, NaN and ∞ stay."""
    if not math.isfinite(nats):
        return nats
    # What a product of floats leaves in its last digits must not make a 7 an 8.
    number = Decimal(f"{nats:.9e}")
    digit = Decimal(f"1e{number.adjusted()}")
    return float(number.quantize(digit, rounding=ROUND_CEILING))
