"""The bound holds as often as it says, is what the formula says, and NaN never lowers it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from verifier.errors import BadData
from verifier.sampling import Bound, bound, bounding, ceiling, draw, drawing, exact_delta, weights

TAU = 1e-4
ALPHA = 0.001
GRID = 1 << 32
ROOT = "cd" * 32

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Population:
    """A pass over N targets, its blind costs and reference, and the slack c."""

    charges: Array
    blind: Array
    reference: Array
    slack: float

    def bound(self, draws: npt.NDArray[np.int64], alpha: float = ALPHA, tau: float = TAU) -> Bound:
        return bound(
            draws,
            self.charges,
            self.blind,
            self.reference,
            slack_nats=self.slack,
            tau=tau,
            alpha=alpha,
        )

    def draws(self, nonce: bytes, many: int) -> npt.NDArray[np.int64]:
        weighed = weights(self.charges, self.reference, self.slack)
        return draw(nonce, ROOT, weighed, many)

    def capped(self) -> list[Fraction]:
        """g = min(b − x, max(u, τ)) of every target, exactly."""
        return [min(b - x, cap) for b, x, cap in self._costs()]

    def density(self) -> list[Fraction]:
        """N π of every target, exactly."""
        weighed = [int(u * (1 << 16)) for u in self._rooms()]
        total = sum(weighed)
        if total == 0:
            return [Fraction(1)] * len(weighed)
        half = Fraction(1, 2)
        return [half + half * len(weighed) * Fraction(w, total) for w in weighed]

    def most(self) -> Fraction:
        """B = max over all targets of max(u, τ) / (N π)."""
        caps = (max(u, Fraction(TAU)) for u in self._rooms())
        return max(cap / n_pi for cap, n_pi in zip(caps, self.density(), strict=True))

    def true_mean(self) -> float:
        return float(sum(self.capped())) / len(self.charges)

    def _rooms(self) -> list[Fraction]:
        pairs = zip(self.charges.tolist(), self.reference.tolist(), strict=True)
        return [
            max(Fraction(0), Fraction(r) + Fraction(self.slack) - Fraction(x)) for x, r in pairs
        ]

    def _costs(self) -> list[tuple[Fraction, Fraction, Fraction]]:
        caps = (max(u, Fraction(TAU)) for u in self._rooms())
        pairs = zip(self.blind.tolist(), self.charges.tolist(), caps, strict=True)
        return [(Fraction(b), Fraction(x), cap) for b, x, cap in pairs]


def population(charges: object, blind: object, reference: object, slack: float) -> Population:
    x, b, r = (np.array(values, dtype=np.float32) for values in (charges, blind, reference))
    return Population(x, b, r, slack)


def direct(made: Population, draws: list[int]) -> tuple[list[Decimal], Decimal]:
    """Y of every draw, and B, with 50 digits."""
    capped, density = made.capped(), made.density()
    with localcontext(Context(prec=50)):
        shown = [decimal(capped[t] / density[t]) for t in draws]
        return shown, decimal(made.most())


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def wealth(shown: list[Decimal], most: Decimal, claim: Decimal) -> Decimal:
    """Σ_f w_f Π_i (1 + f (μ − Y_i)/(B − μ)), as PROTOCOL §4.6 writes it."""
    with localcontext(Context(prec=50)):
        stakes = [Decimal(10) ** (Decimal(-3) + Decimal(3 * k) / 15) for k in range(15)]
        shares = [(Decimal(1), Decimal("0.5"))]
        shares += [(stake, Decimal("0.5") / 15) for stake in stakes]
        total = Decimal(0)
        for stake, share in shares:
            product = share
            for y in shown:
                product *= 1 + stake * (claim - y) / (most - claim)
            total += product
        return total


# ---------------------------------------------------------------- the formula

# rooms of these are exact in float64, so that whole units of weight are the same in fractions
costs = st.integers(0, 12 << 10).map(lambda units: units / 1024)


@st.composite
def populations(draw_from: st.DrawFn) -> tuple[Population, list[int]]:
    size = draw_from(st.integers(1, 12))
    arrays = [draw_from(st.lists(costs, min_size=size, max_size=size)) for _ in range(3)]
    slack = draw_from(st.sampled_from([0.25, 1.0, 3.0]))
    draws = draw_from(st.lists(st.integers(0, size - 1), max_size=30))
    made = population(*arrays, slack)
    if draw_from(st.booleans()):  # honest but for what was drawn above
        honest = np.where(np.arange(size) % 2 == 0, made.charges, made.blind)
        made = Population(made.charges, honest, made.reference, slack)
    return made, draws


@settings(deadline=None, max_examples=150)
@given(populations())
def test_delta_is_the_least_claim_that_is_bet_away(case: tuple[Population, list[int]]) -> None:
    """§4.6: by direct products in 50 digits; one step of the grid below it is not refuted."""
    made, draws = case
    found = made.bound(np.array(draws, dtype=np.int64))
    shown, most = direct(made, draws)
    assert found.most_nats == pytest.approx(float(most), rel=1e-12)
    mean = sum(shown) / len(shown) if shown else Decimal(0)
    assert found.mean_nats == pytest.approx(float(mean), rel=1e-12, abs=1e-12)
    steps = round(found.delta_nats / found.most_nats * GRID)
    assert found.delta_nats == pytest.approx(found.most_nats * steps / GRID, rel=1e-15)
    lowest = max(Decimal(0), mean) / most * GRID
    assert steps >= lowest - 1
    needed, slip = 1 / Decimal(ALPHA), Decimal("1e-7")
    if steps < GRID:
        assert wealth(shown, most, most * steps / GRID) >= needed * (1 - slip)
    if steps - 2 > lowest:
        assert wealth(shown, most, most * (steps - 2) / GRID) < needed * (1 + slip)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 3 << 20, (3 << 20) + 1, GRID - 2])
def test_a_claim_whose_wealth_is_just_what_is_needed_is_bet_away(steps: int) -> None:
    """§4.6: Σ_f w_f Π_i … ≥ 1/α, and δ is the least such point of the grid."""
    shares = np.array([0.0, 0.0, 0.5]) if steps > GRID // 2 else np.zeros(3)
    needed = bounding._log_wealth(shares, steps / GRID)
    assert bounding._log_wealth(shares, (steps - 1) / GRID) < needed
    assert bounding._least_refuted(shares, needed) == steps / GRID


def steady(deviating: int, size: int, room: float) -> Population:
    """`size` targets with the same room u (so B = u), of which some show all of it."""
    blind = np.where(np.arange(size) < deviating, 1 + room, 1)
    return population(np.ones(size), blind, np.full(size, 1.0), room)


@pytest.mark.parametrize("many", [1_000, 10_000, 50_000])
def test_without_a_deviation_delta_is_about_b_ln_2_over_alpha_by_m(many: int) -> None:
    """§4.6: "with no deviation δ ≈ B ln(2/α)/m"; exactly it is B (1 − (α/2)^(1/m)) or less."""
    made = steady(0, 100, 3.0)
    found = made.bound(made.draws(b"none", many))
    assert found.most_nats == pytest.approx(3.0, rel=1e-12)
    assert found.mean_nats == 0.0
    about = 3.0 * math.log(2 / ALPHA) / many
    assert 0.9 * about < found.delta_nats < about
    exactly = 3.0 * (1 - (ALPHA / 2) ** (1 / many))
    assert 0.9 * exactly < found.delta_nats <= exactly * (1 + 1e-6)


def test_the_sizes_to_expect_are_those_of_the_protocol() -> None:
    """§4.6: m = 10,000 → 0.005 nats with a bigram and c = 3, 0.0015 with c = 1."""
    random = np.random.default_rng(2)
    charges = random.gamma(2, 1.6, 30_000)
    bigram = population(charges, charges, charges + random.gamma(1, 1.5, 30_000), 3.0)
    strong = population(charges, charges, charges + random.normal(0, 0.3, 30_000), 1.0)
    wide, narrow = (
        made.bound(made.draws(b"sizes", 10_000)).delta_nats for made in (bigram, strong)
    )
    assert 0.002 < wide < 0.008
    assert 0.0005 < narrow < 0.002
    assert narrow < wide


def test_no_draws_prove_nothing() -> None:
    """§4.6: B if there is none, or m = 0."""
    made = steady(3, 10, 2.0)
    found = made.bound(np.zeros(0, dtype=np.int64))
    assert found.delta_nats == found.most_nats == 2.0
    assert (found.mean_nats, found.above_cap_nats, found.draws) == (0.0, 0.0, 0)


def test_draws_that_all_show_the_most_leave_the_most() -> None:
    """No μ below B is bet away."""
    made = steady(10, 10, 2.0)
    found = made.bound(made.draws(b"all", 50))
    assert found.delta_nats == found.most_nats == found.mean_nats == 2.0


def test_draws_below_the_charges_are_no_credit() -> None:
    """§4.6: μ from max(0, mean Y): a pass that charged too much has δ = 0 and no less."""
    made = population([2] * 10, [1] * 10, [2] * 10, 3.0)
    found = made.bound(made.draws(b"below", 2_000))
    assert (found.delta_nats, found.mean_nats) == (0.0, -1.0)


def test_where_no_room_is_left_tau_is_the_most() -> None:
    """§4.6: max(u, τ): a charge above reference + c can still be shown to be wrong by τ."""
    made = population([9, 9, 9], [9, 12, 9], [1, 1, 1], 3.0)
    found = made.bound(np.array([0, 1, 2]))
    assert found.most_nats == TAU
    assert found.mean_nats == pytest.approx(TAU / 3)
    assert found.above_cap_nats == pytest.approx((3 - TAU) / 3)


# ---------------------------------------------------------------- it holds as often as it says


def misses(made: Population, many: int, alpha: float, runs: int) -> int:
    """How often the bound lies below the true mean of g."""
    truth = made.true_mean()
    return sum(
        made.bound(made.draws(b"nonce %d" % i, many), alpha=alpha).delta_nats < truth
        for i in range(runs)
    )


def heavy(seed: int) -> Population:
    """Rooms and deviations of every size, a few large ones where the reference is worst."""
    random = np.random.default_rng(seed)
    charges = random.gamma(2, 1, 400)
    reference = charges + random.gamma(0.5, 3, 400) - 1
    gained = np.where(random.random(400) < 0.1, random.gamma(1, 1.5, 400), 0)
    return population(charges, charges + gained, reference, 1.0)


@pytest.mark.parametrize(
    ("made", "many"),
    [(steady(400, 1_000, 3.0), 50), (heavy(4), 60), (heavy(5), 20)],
    ids=["often", "heavy", "few"],
)
def test_the_bound_is_below_the_truth_no_more_often_than_alpha(made: Population, many: int) -> None:
    """§4.6: with probability 1 − α over the nonce, whatever the shape, with no least m."""
    alpha, runs = 0.1, 300
    missed = misses(made, many, alpha, runs)
    assert stats.binomtest(missed, runs, alpha, alternative="greater").pvalue > 1e-3


def test_rare_gains_are_missed_as_often_as_alpha_allows_and_no_more() -> None:
    """Half of α stands on the bettor who stakes everything: he loses when no draw hits.

    One target in 16.7 deviates, so that 50 draws hit none with probability 0.045, just below α/2. A
    bound that is always B would pass every other test of its coverage.
    """
    missed = misses(steady(60, 1_000, 3.0), 50, 0.1, 500)
    assert stats.binomtest(missed, 500, 0.94**50).pvalue > 0.01


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_what_the_draws_show_is_the_mean_over_all_targets(seed: int) -> None:
    """§4.6: each draw weighed by 1/(N π) estimates without bias: g, and the blind spots."""
    made = heavy(seed)
    random = np.random.default_rng(seed)
    beyond = made.blind + np.where(random.random(400) < 0.2, 6, 0).astype(np.float32)
    made = Population(made.charges, beyond, made.reference, made.slack)
    found = made.bound(made.draws(b"mean", 40_000))
    assert found.mean_nats == pytest.approx(made.true_mean(), abs=0.02)
    x, b, r = (a.astype(np.float64) for a in (made.charges, made.blind, made.reference))
    cap = np.maximum(np.maximum(0, r + 1 - x), TAU)
    above_cap = np.maximum(0, b - x - cap).mean()
    above_reference = np.maximum(0, b - r - 1).mean()
    assert above_cap > 0.2 and above_reference > 0.2
    assert found.above_cap_nats == pytest.approx(above_cap, rel=0.1)
    assert found.above_reference_nats == pytest.approx(above_reference, rel=0.1)
    assert found.draws == 40_000


# ---------------------------------------------------------------- it moves the way it must


@settings(deadline=None, max_examples=80)
@given(populations(), st.integers(0, 11), st.floats(0, 5, width=32))
def test_a_dearer_blind_cost_never_lowers_delta(
    case: tuple[Population, list[int]], at: int, by: float
) -> None:
    """Monotone in every draw."""
    made, draws = case
    dearer = made.blind.copy()
    dearer[at % len(dearer)] += np.float32(by)
    other = Population(made.charges, dearer, made.reference, made.slack)
    where = np.array(draws, dtype=np.int64)
    assert other.bound(where).delta_nats >= made.bound(where).delta_nats


@settings(deadline=None, max_examples=80)
@given(populations(), st.sampled_from([0.5, 0.1, 0.01]))
def test_a_smaller_risk_never_lowers_delta(
    case: tuple[Population, list[int]], alpha: float
) -> None:
    """§4.1: later attempts are decided at a smaller α."""
    made, draws = case
    where = np.array(draws, dtype=np.int64)
    assert made.bound(where, alpha / 10).delta_nats >= made.bound(where, alpha).delta_nats


def test_more_honest_draws_lower_delta_and_multiplicity_counts() -> None:
    """§4.6: draws keep their multiplicity."""
    made = steady(1, 10, 2.0)
    deltas = [made.bound(np.full(many, 5)).delta_nats for many in (0, 1, 10, 11, 100)]
    assert deltas == sorted(deltas, reverse=True)
    assert deltas[3] < deltas[2]
    twice = made.bound(np.array([0, 0, *[5] * 40])).delta_nats
    assert twice > made.bound(np.array([0, *[5] * 40])).delta_nats


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_a_blind_cost_that_is_no_cost_counts_as_the_most(value: float) -> None:
    """NaN loses; −∞ would lower the mean without end."""
    made = population([1, 1, 1], [1, 1, 1], [1, 2, 1], 3.0)
    most = population([1, 1, 1], [1, 5, 1], [1, 2, 1], 3.0)
    odd = population([1, 1, 1], [1, value, 1], [1, 2, 1], 3.0)
    where = np.array([0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2])
    found = odd.bound(where)
    assert found.delta_nats == most.bound(where).delta_nats > made.bound(where).delta_nats
    assert found.mean_nats == most.bound(where).mean_nats
    assert found.above_reference_nats == found.above_cap_nats == math.inf


def test_what_was_not_drawn_is_not_read() -> None:
    """`blind` has no value where nobody asked."""
    made = population([1, 1, 1], [1, np.nan, 1], [1, 2, 1], 3.0)
    whole = population([1, 1, 1], [1, 1, 1], [1, 2, 1], 3.0)
    where = np.array([0, 2, 2])
    assert made.bound(where) == whole.bound(where)


def test_targets_that_were_not_drawn_still_count_for_the_most() -> None:
    """§4.6: B is a maximum over all targets."""
    made = population([0, 4, 4], [0, 4, 4], [9, 4, 4], 3.0)
    assert made.bound(np.array([1, 2])).most_nats == pytest.approx(float(made.most()), rel=1e-12)


def test_the_bound_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty million targets are read block by block."""
    made = heavy(7)
    where = made.draws(b"blocks", 100)
    whole, exact = made.bound(where), exact_delta(made.charges, made.blind)
    monkeypatch.setattr(drawing, "BLOCK", 7)
    monkeypatch.setattr(bounding, "BLOCK", 7)
    assert made.bound(where) == whole
    assert exact_delta(made.charges, made.blind) == exact


def test_what_a_pass_fixes_can_be_given_instead_of_found_again() -> None:
    """Many draws of one pass share Σw and B; each bound is the same to the last bit."""
    made = heavy(7)
    rule = {"slack_nats": made.slack, "tau": TAU}
    fixed = ceiling(made.charges, made.reference, **rule)
    for nonce in (b"one", b"two"):
        where = made.draws(nonce, 100)
        found = bound(
            where, made.charges, made.blind, made.reference, alpha=ALPHA, fixed=fixed, **rule
        )
        assert found == made.bound(where)


def test_a_bound_over_nothing_is_an_error() -> None:
    """Empty evidence is refused."""
    nothing = population([], [], [], 3.0)
    with pytest.raises(BadData, match=r"^charges: no target was charged"):
        nothing.bound(np.zeros(0, dtype=np.int64))


def test_charges_that_are_no_numbers_have_no_bound() -> None:
    """As `weights` refuses them."""
    odd = population([1, np.inf], [1, 1], [1, 1], 3.0)
    with pytest.raises(BadData, match="cannot be weighed"):
        odd.bound(np.array([0]))


# ---------------------------------------------------------------- everything replayed


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 12, width=32)] * 2), min_size=1, max_size=60))
def test_exact_delta_is_the_mean_deviation(pairs: list[tuple[float, float]]) -> None:
    """§4.3: δ = max(0, Σ (b − x))/N, exact, no statistics, no cap."""
    x, b = (np.array(values, dtype=np.float32) for values in zip(*pairs, strict=True))
    total = sum((Fraction(later) - Fraction(earlier) for earlier, later in pairs), Fraction(0))
    expected = max(0.0, float(total)) / len(pairs)
    assert exact_delta(x, b) == pytest.approx(expected, rel=1e-15, abs=1e-300)


def test_exact_delta_loses_nothing_to_a_large_neighbour() -> None:
    """Sums are correctly rounded, in any order."""
    x = np.array([1e8, 0, 0, 0], dtype=np.float32)
    b = np.array([0, 1e8, 1e-6, 0], dtype=np.float32)
    assert exact_delta(x, b) == float(np.float32(1e-6)) / 4
    assert exact_delta(x[::-1], b[::-1]) == float(np.float32(1e-6)) / 4


def test_blind_costs_below_the_charges_are_no_debt() -> None:
    """δ is never negative: a pass that charged too much is not made better by it."""
    assert exact_delta(np.full(3, 2, dtype=np.float32), np.ones(3, dtype=np.float32)) == 0.0


@pytest.mark.parametrize("values", [[np.nan], [-np.inf], [np.inf], [-np.inf, np.inf], [np.nan, -1]])
def test_a_cost_that_is_no_number_makes_delta_infinite(values: list[float]) -> None:
    """NaN loses, on either side, and two infinities do not cancel."""
    odd = np.array([1, *values, 1], dtype=np.float32)
    good = np.ones(len(odd), dtype=np.float32)
    assert exact_delta(good, odd) == math.inf
    assert exact_delta(odd, good) == math.inf
    assert exact_delta(odd, odd) == math.inf


def test_exact_delta_over_nothing_is_an_error() -> None:
    """Empty evidence is refused."""
    nothing = np.zeros(0, dtype=np.float32)
    with pytest.raises(BadData, match=r"^charges: no target was charged"):
        exact_delta(nothing, nothing)
