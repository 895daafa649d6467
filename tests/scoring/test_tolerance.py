"""τ follows from the worst of enough honest answers, and from nothing less."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.scoring.tolerance import (
    POSITIONS_AT_LEAST,
    TAU_AT_LEAST,
    TAU_AT_MOST,
    Deviations,
    deviations,
    failed,
    rounded_up,
    tolerance,
)

CHARGES = np.linspace(0.5, 4, 1000, dtype=np.float32)


def measured(worst: float, positions: int = POSITIONS_AT_LEAST) -> Deviations:
    """An example whose answers are at most `worst` apart."""
    return Deviations(positions=positions, unequal=1, mean_nats=0.0, worst_nats=worst, quantiles={})


def test_deviations_are_taken_without_sign_and_the_worst_is_kept() -> None:
    """§4.4: blind costs above and below the charge alike."""
    blind = CHARGES.copy()
    blind[3] += np.float32(0.25)
    blind[7] -= np.float32(0.5)
    found = deviations(CHARGES, blind)
    assert (found.positions, found.unequal, found.worst_nats) == (1000, 2, 0.5)
    assert found.quantiles["0.5"] == 0.0
    assert found.quantiles["0.9999"] == 0.5
    assert found.mean_nats == pytest.approx(0.00075)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_costs_that_are_no_numbers_are_a_failure(bad: float) -> None:
    """An example that answers nonsense says nothing about the device."""
    blind = CHARGES.copy()
    blind[0] = bad
    assert deviations(CHARGES, blind).fault == "1 costs are not finite"
    assert deviations(CHARGES[:0], blind[:0]).fault == "nothing was replayed"


def test_an_example_that_failed_has_no_figures() -> None:
    """None of them can be taken for one that was measured."""
    found = failed("why")
    figures = (found.positions, found.unequal, found.mean_nats, found.worst_nats)
    assert (figures, found.quantiles, found.fault) == ((0, 0, 0.0, 0.0), {}, "why")


def test_tau_is_seven_times_the_worst_of_all_examples_rounded_up() -> None:
    """§4.4: as on the CPU; the best-behaved example changes nothing."""
    found = tolerance([measured(1.31e-5), measured(5e-7)])
    assert (found.tau_nats, found.worst_nats, found.why) == (1e-4, 1.31e-5, "")
    assert found.positions == 2 * POSITIONS_AT_LEAST
    assert tolerance([measured(6e-4)]).tau_nats == 5e-3
    assert tolerance([measured(0.0142)]).tau_nats == TAU_AT_MOST


def test_answers_equal_to_the_last_bit_still_leave_a_tolerance() -> None:
    """A float32 of some nats has no digits below it."""
    assert tolerance([measured(0.0)]).tau_nats == TAU_AT_LEAST


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([], "0 positions are too few"),
        ([measured(1e-5, POSITIONS_AT_LEAST - 1)], "79,999 positions are too few"),
        ([measured(1e-5), failed("no")], "1 of 2 examples failed"),
        ([measured(0.02)], "τ would be 0.2 nats"),
        ([measured(1e-5), measured(math.nan)], "1 of 2 examples failed"),
    ],
)
def test_there_is_no_tau_without_enough_good_answers(examples: list[Deviations], said: str) -> None:
    """Law 4: missing evidence is no τ, and says why."""
    found = tolerance(examples)
    assert found.tau_nats is None
    assert said in found.why
    assert found.positions == sum(each.positions for each in examples)


def test_what_was_measured_is_told_where_no_tau_follows() -> None:
    """Whoever is refused sees how far off they are."""
    assert tolerance([]).worst_nats == 0.0
    assert tolerance([measured(1e-5, 7), measured(0.02, 7)]).worst_nats == 0.02


@pytest.mark.parametrize("nats", [0.0, math.inf, math.nan, 1.0])
def test_what_has_no_further_digit_stays(nats: float) -> None:
    """0 and what is no number too."""
    assert repr(rounded_up(nats)) == repr(nats)


@given(st.floats(min_value=1e-9, max_value=1.0))
def test_rounding_up_never_makes_a_tolerance_smaller(nats: float) -> None:
    """One digit, at most the next."""
    up = rounded_up(nats)
    assert nats <= up * (1 + 1e-9)
    assert float(f"{up:.0e}") == up
    assert up <= 2 * nats * (1 + 1e-9)
