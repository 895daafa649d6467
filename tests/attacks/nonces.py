"""What would a thousand nonces have seen of one pass whose every blind cost is known?

Draws and bounds are the verifier's own. What they should come to is computed here in another way,
from the recorded pairs and PROTOCOL §4.6's words alone: exact chances, exact means.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import stats

from verifier import sampling

NONCES = 1_000
SURE_P = 1e-5
"""Below this the figures contradict the theory: by luck alone, one in a hundred thousand rows."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A pass and its whole blind replay: nats float32 [N] each, and what its draws begin with.

    `slack_nats` and `tau` are the policy's c and τ.
    """

    charges: Floats
    blind: Floats
    reference: Floats
    score_root: str
    slack_nats: float
    tau: float

    @property
    def deviates(self) -> npt.NDArray[np.bool_]:
        """Where charge and blind cost are more than τ apart, bool [N]."""
        apart = np.abs(self.blind.astype(np.float64) - self.charges.astype(np.float64))
        return ~(apart <= self.tau)

    @property
    def room(self) -> npt.NDArray[np.float64]:
        """u = max(0, r + c − x), nats [N]."""
        below = self.reference.astype(np.float64) + self.slack_nats - self.charges
        return np.where(below > 0, below, 0.0)

    def mean_capped(self) -> float:
        """The mean of g = min(b − x, max(u, τ)) over all targets: what δ must not fall below."""
        gained = self.blind.astype(np.float64) - self.charges.astype(np.float64)
        capped = np.minimum(gained, np.maximum(self.room, self.tau))
        return math.fsum(capped.tolist()) / len(capped)

    def mean_gained(self) -> float:
        """The mean of b − x over all targets."""
        gained = self.blind.astype(np.float64) - self.charges.astype(np.float64)
        return math.fsum(gained.tolist()) / len(gained)


def chance_of_one_draw(recorded: Recorded) -> Fraction:
    """Σ π over the targets that deviate, exactly: half uniform, half in proportion to ⌊2¹⁶ u⌋."""
    hit = recorded.deviates
    whole = np.ldexp(recorded.room, 16).astype(np.uint64)
    uniform = Fraction(int(np.count_nonzero(hit)), len(hit))
    total = sum(whole.tolist())
    if total == 0:
        return uniform
    return (uniform + Fraction(sum(whole[hit].tolist()), total)) / 2


def chance_of_seeing(recorded: Recorded, draws: int) -> float:
    """1 − Π (1 − p) over `draws` independent draws that each hit with the same chance p."""
    hit = chance_of_one_draw(recorded)
    return 1.0 if hit == 1 else -math.expm1(draws * math.log1p(-float(hit)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of `nonces` nonces with `draws` draws each: how many saw a deviation, and what δ they gave.

    `below` counts by α how often δ was below the true mean of g; `median_delta` by α, in nats.
    """

    draws: int
    nonces: int
    seen: int
    expected: float
    mean_capped: float
    below: Mapping[float, int]
    median_delta: Mapping[float, float]

    def wrong(self) -> str:
        """What contradicts PROTOCOL §4.6, in words; "" if nothing does."""
        said = []
        if stats.binomtest(self.seen, self.nonces, self.expected).pvalue < SURE_P:
            share = self.seen / self.nonces
            said.append(f"{share:.1%} saw it, where {self.expected:.1%} should")
        for alpha, count in self.below.items():
            test = stats.binomtest(count, self.nonces, alpha, alternative="greater")
            if test.pvalue < SURE_P:
                said.append(
                    f"δ was below the truth {count} times in {self.nonces} at α = {alpha:g}"
                )
        return "; ".join(said)


def nonce(number: int) -> bytes:
    """The nonce of that number, the same in every run."""
    return hashlib.sha256(b"attacks/nonce/" + number.to_bytes(8, "little")).digest()


def tally(
    recorded: Recorded,
    draws: int,
    alphas: tuple[float, ...],
    *,
    nonces: int = NONCES,
    advance: Callable[[float], None] = lambda _: None,
) -> Tally:
    """Draw and bound with the verifier's own code, once per nonce."""
    rule = {"slack_nats": recorded.slack_nats, "tau": recorded.tau}
    weights = sampling.weights(recorded.charges, recorded.reference, recorded.slack_nats)
    fixed = sampling.ceiling(recorded.charges, recorded.reference, **rule)
    deviates, truth = recorded.deviates, recorded.mean_capped()
    deltas: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    seen = 0
    for number in range(nonces):
        drawn = sampling.draw(nonce(number), recorded.score_root, weights, draws)
        seen += bool(deviates[drawn].any())
        for alpha, found in deltas.items():
            bound = sampling.bound(
                drawn,
                recorded.charges,
                recorded.blind,
                recorded.reference,
                alpha=alpha,
                fixed=fixed,
                **rule,
            )
            found.append(bound.delta_nats)
        advance(1)
    return Tally(
        draws=draws,
        nonces=nonces,
        seen=seen,
        expected=chance_of_seeing(recorded, draws),
        mean_capped=truth,
        below={alpha: sum(delta < truth for delta in found) for alpha, found in deltas.items()},
        median_delta={alpha: float(np.median(found)) for alpha, found in deltas.items()},
    )
