"""What a thousand nonces should see is computed right, and draws or bounds that err are noticed."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks import nonces
from tests.attacks.nonces import Recorded, chance_of_one_draw, chance_of_seeing, tally
from tests.attacks.weak import compared
from verifier import sampling

TAU, SLACK, ROOT = 1e-4, 3.0, "ab" * 32


def recorded(charges: object, blind: object, reference: object) -> Recorded:
    x, b, r = (np.array(values, dtype=np.float32) for values in (charges, blind, reference))
    return Recorded(x, b, r, ROOT, SLACK, TAU)


def cheating(share: float, gain: float, size: int = 2_000) -> Recorded:
    """So many of the targets cost `gain` less than they cost blind."""
    random = np.random.default_rng(3)
    blind = random.gamma(2, 1.5, size)
    cheats = np.arange(size) < share * size
    random.shuffle(cheats)
    charges = np.where(cheats, np.maximum(blind - gain, 0), blind)
    return recorded(charges, blind, blind + random.gamma(1, 1, size))


costs = st.integers(0, 12 << 10).map(lambda units: units / 1024)


@settings(deadline=None)
@given(st.lists(st.tuples(costs, costs, costs), min_size=1, max_size=20))
def test_the_chance_of_one_draw_is_the_sum_of_its_targets_chances(
    targets: list[tuple[float, float, float]],
) -> None:
    """§4.6: half uniform, half in proportion to ⌊2¹⁶ u⌋; all uniform if those are all 0."""
    whole = [int(max(Fraction(0), Fraction(r) + 3 - Fraction(x)) * 65536) for x, _, r in targets]
    chance = Fraction(0)
    for (x, b, _), weight in zip(targets, whole, strict=True):
        even = Fraction(1, len(targets))
        own = Fraction(weight, sum(whole)) if sum(whole) else even
        chance += (even + own) / 2 * (abs(b - x) > TAU)
    assert chance_of_one_draw(recorded(*zip(*targets, strict=True))) == chance


def test_the_chance_of_seeing_is_one_minus_the_product_of_misses() -> None:
    """Known case: one of four targets, no weights, three draws."""
    made = recorded([9, 9, 9, 9], [9, 9, 9, 10], [0, 0, 0, 0])
    assert chance_of_one_draw(made) == Fraction(1, 4)
    assert chance_of_seeing(made, 3) == pytest.approx(1 - 0.75**3, rel=1e-14)
    assert chance_of_seeing(recorded([1], [2], [1]), 1) == 1.0
    assert chance_of_seeing(recorded([1], [1], [1]), 100) == 0.0


def test_within_tau_is_no_deviation_and_no_number_is_one() -> None:
    """§4.4, on either side; NaN loses."""
    made = recorded([1, 1, 1, 1], [1 + 5e-5, 1 + 2e-4, 1 - 2e-4, np.nan], [1, 1, 1, 1])
    assert made.deviates.tolist() == [False, True, True, True]


def test_the_mean_of_g_is_capped_where_the_reference_ends() -> None:
    """§4.6: g = min(b − x, max(u, τ)); beside it the mean of b − x has no cap."""
    made = recorded([1, 1, 9, 2], [6, 2, 10, 1], [1, 1, 1, 2])
    assert made.mean_capped() == pytest.approx((3 + 1 + TAU - 1) / 4, rel=1e-12)
    assert made.mean_gained() == pytest.approx((5 + 1 + 1 - 1) / 4, rel=1e-12)


@pytest.mark.parametrize("made", [cheating(0.005, 2.0), cheating(0.5, 0.01), cheating(0, 0)])
def test_draws_and_bounds_keep_what_the_protocol_promises(made: Recorded) -> None:
    """§4.6: seen as often as theory says, and δ no more often below the truth than α allows."""
    found = tally(made, 200, (0.05,), nonces=80)
    assert found.wrong() == ""
    assert 0 <= found.seen <= found.nonces == 80
    assert found.mean_capped == made.mean_capped()


def test_without_a_deviation_nobody_sees_one() -> None:
    """The honest are left alone, whatever the nonce."""
    found = tally(cheating(0, 0), 500, (0.05,), nonces=50)
    assert (found.seen, found.expected, found.below) == (0, 0.0, {0.05: 0})


def test_draws_that_avoid_what_deviates_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red if the rate is no longer held against the theory."""
    made = cheating(0.005, 2.0)
    clean = np.flatnonzero(~made.deviates)
    monkeypatch.setattr(sampling, "draw", lambda *_: clean[:200])
    assert "0.0% saw it" in tally(made, 200, (0.05,), nonces=50).wrong()


def test_draws_that_favour_no_target_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red if the half in proportion to w is left out of draws or theory."""
    made = recorded([0] * 10 + [6] * 990, [5] * 10 + [6] * 990, [9] * 10 + [3] * 990)

    def uniform(under: bytes, _: str, weights: np.ndarray, count: int) -> np.ndarray:
        seed = int.from_bytes(under[:8], "little")
        return np.random.default_rng(seed).integers(0, len(weights), count)

    assert tally(made, 5, (0.05,), nonces=60).wrong() == ""
    monkeypatch.setattr(sampling, "draw", uniform)
    assert "saw it" in tally(made, 5, (0.05,), nonces=60).wrong()


def test_a_bound_without_a_margin_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red if δ is no longer held against the mean of g: what was shown is too low half the time."""
    right = sampling.bound

    def bold(*draws: object, **rule: object) -> sampling.Bound:
        found = right(*draws, **rule)  # type: ignore[arg-type]
        return dataclasses.replace(found, delta_nats=found.mean_nats)

    monkeypatch.setattr(sampling, "bound", bold)
    assert "below the truth" in tally(cheating(0.05, 2.0), 200, (0.05,), nonces=50).wrong()


def test_nonces_differ_and_stay_the_same() -> None:
    """Two runs of the table draw the same thousand."""
    drawn = [nonces.nonce(number) for number in range(1_000)]
    assert len(set(drawn)) == 1_000
    assert drawn == [nonces.nonce(number) for number in range(1_000)]


# ---------------------------------------------------------------- boxes beside offline draws


def offline(made: Recorded) -> np.ndarray:
    weights = sampling.weights(made.charges, made.reference, SLACK)
    return sampling.draw(b"n", ROOT, weights, 100)


def test_a_box_that_answers_as_recorded_agrees() -> None:
    """The same positions, costs and δ."""
    made = cheating(0.1, 2.0)
    found = compared(made, offline(made), made.blind, b"n", 0.001)
    assert (found.wrong, found.box_apart_nats) == ("", 0.0)
    assert found.box_delta_nats == found.offline_delta_nats > 0


@pytest.mark.parametrize(
    ("moved", "says"), [(0.0, "other positions"), (1.0, "nats from"), (math.nan, "nats from")]
)
def test_a_box_that_is_asked_elsewhere_or_answers_otherwise_does_not(
    moved: float, says: str
) -> None:
    """Red if positions or costs are no longer compared."""
    made = cheating(0.1, 2.0)
    draws = offline(made)
    blind = made.blind.copy()
    blind[draws[0]] += np.float32(moved)
    asked = draws[::-1] if moved == 0.0 else draws
    assert says in compared(made, asked, blind, b"n", 0.001).wrong


def test_a_box_whose_bound_is_another_does_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red if δ is no longer compared."""
    made, right = cheating(0.1, 2.0), sampling.bound
    found = iter((0.5, 0.25))

    def unlike(*draws: object, **rule: object) -> sampling.Bound:
        return dataclasses.replace(right(*draws, **rule), delta_nats=next(found))  # type: ignore[arg-type]

    monkeypatch.setattr(sampling, "bound", unlike)
    assert "the box's δ is 0.5" in compared(made, offline(made), made.blind, b"n", 0.001).wrong
