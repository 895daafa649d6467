"""When a box used the GPUs, at least and at most; and what was left of it afterwards. (R2)"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.gpus.traced import card, event, look, times, trace
from verifier.audits.gputrace import Context, Gpu
from verifier.audits.gpuuse import LISTED_LATE_SECONDS, Outlived, Use, outlived, use_of

TRAIN = Context(100, "box", "train")
OTHERS = (Context(7, "foreign", ""), Context(8, "box", "pass"), Context(9, "unknown", "train"))


def held(since: float, until: float, *whose: Context, **changes: Any) -> Gpu:
    """A card that holds contexts at every look of a span, and at each one what others hold."""
    told = [
        look(at, (*OTHERS, *(whose or (TRAIN,))) if since <= at <= until else OTHERS, **figures(at))
        for at in times(9.0, 24.0)
        for figures in (changes.get("figures", lambda at: {}),)
    ]
    return card(told)


def test_use_lies_between_the_looks_around_it() -> None:
    """From the last look before a context was listed to the first one after."""
    assert use_of(trace(held(12.0, 15.0)), "train") == Use((11.875, 12.0), (15.0, 15.125))


def test_over_several_cards_the_first_and_the_last_use_count() -> None:
    """A card that was never used says nothing."""
    cards = (held(12.0, 15.0), card([look(10.0)]), held(11.0, 13.0), held(14.0, 16.0))
    assert use_of(trace(*cards), "train") == Use((10.875, 11.0), (16.0, 16.125))
    assert use_of(trace(cards[1]), "train") is None
    assert use_of(trace(held(12.0, 15.0, OTHERS[1])), "train") is None


def test_what_nobody_saw_the_beginning_or_end_of_has_none() -> None:
    """Unbounded, not zero."""
    told = card([look(at, (TRAIN,)) for at in (10.0, 11.0)])
    assert use_of(trace(told), "train") == Use((-math.inf, 10.0), (11.0, math.inf))


def test_a_look_that_was_refused_bounds_nothing() -> None:
    """The next one does that was answered; looks take their time."""
    told = [look(10.0), look(11.0, None), look(12.0, (TRAIN,)), look(13.0, None), look(14.0)]
    assert use_of(trace(card(told)), "train") == Use((10.0, 12.0), (12.0, 14.0))


@pytest.mark.parametrize(
    ("opened", "seconds"),
    [
        ((10.0, 10.0), (2.0, 3.5)),
        ((12.25, 12.5), (1.5, 2.75)),
        ((11.25, 12.5), (1.5, 3.5)),
        ((14.5, 14.75), (0.0, 0.5)),
        ((15.5, 16.0), (0.0, 0.0)),
        ((14.25, 14.25), (0.0, 0.75)),
    ],
)
def test_seconds_run_from_when_the_clock_was_opened(
    opened: tuple[float, float], seconds: tuple[float, float]
) -> None:
    """What was before it does not count; nothing is less than nothing."""
    assert Use((11.5, 12.0), (14.0, 15.0)).seconds(opened) == seconds


# ---------------------------------------------------------------- afterwards


@pytest.mark.parametrize(
    ("until", "left"),
    [(20.0, None), (20.25, None), (20.375, 0.375), (22.0, 2.0)],
)
def test_a_context_that_is_listed_after_its_box_outlived_it(
    until: float, left: float | None
) -> None:
    """For three tenths of a second it may still be listed; an idle one did not work."""
    found = outlived(trace(held(12.0, until)), "train")
    assert found == (None if left is None else Outlived(left, worked=False))


def busy(until: float, **told: int | None) -> Any:
    return lambda at: {"utilization": 1 if at <= until else 0, **told}


@pytest.mark.parametrize(
    ("until", "worked"), [(20.0, False), (22.5, False), (22.625, True), (23.0, True)]
)
def test_a_card_that_was_busy_long_after_was_working(until: float, worked: bool) -> None:
    """Utilisation falls within two and a half seconds; nobody else may have been on the card."""
    alone = card(
        [look(at, (TRAIN,) if at <= 23.0 else (), **busy(until)(at)) for at in times(9.0, 24.0)]
    )
    assert outlived(trace(alone), "train") == Outlived(3.0, worked)
    crowd = held(12.0, 23.0, figures=busy(until))
    assert outlived(trace(crowd), "train") == Outlived(3.0, worked=False)


def test_utilisation_that_was_not_told_is_no_work() -> None:
    """Nor is what a stranger did after the box's context was gone."""
    told = [look(at, (TRAIN,), utilization=None) for at in times(9.0, 23.0)]
    assert outlived(trace(card(told)), "train") == Outlived(3.0, worked=False)
    later = [
        look(at, (TRAIN,) if at <= 21.0 else OTHERS[:1], utilization=9) for at in times(9.0, 24.0)
    ]
    assert outlived(trace(card(later)), "train") == Outlived(1.0, worked=False)


def test_of_several_cards_the_one_that_worked_is_told_then_the_longest() -> None:
    """In any order."""
    idle, longer = (
        card([look(at, (TRAIN,) if at <= until else ()) for at in times(9.0, 25.0)])
        for until in (23.5, 24.5)
    )
    worked = card(
        [look(at, (TRAIN,) if at <= 23.0 else (), utilization=5) for at in times(9.0, 24.0)]
    )
    for cards in ((idle, worked, longer), (longer, idle, worked), (worked, longer, idle)):
        assert outlived(trace(*cards), "train") == Outlived(3.0, worked=True)
    for pair in ((idle, longer), (longer, idle)):
        assert outlived(trace(*pair), "train") == Outlived(4.5, worked=False)


def test_without_its_end_nothing_outlives_a_box() -> None:
    """Of several ends the last counts."""
    told = trace(held(12.0, 23.0))
    assert outlived(told, "pack") is None
    later = trace(held(12.0, 23.0), events=(event("box ended", 22.0, box="train"),))
    assert outlived(later, "train") == Outlived(1.0, worked=False)
    other = trace(held(12.0, 23.0), events=(event("box ended", 22.0, box="pack"),))
    assert outlived(other, "train") == Outlived(3.0, worked=False)


def test_a_context_listed_to_the_last_moment_that_it_may_be_is_gone() -> None:
    """And not listed in the next one."""
    last = 20.0 + LISTED_LATE_SECONDS
    assert outlived(trace(card([look(last, (TRAIN,)), look(20.5)])), "train") is None
    later = math.nextafter(last, math.inf)
    assert outlived(trace(card([look(later, (TRAIN,))])), "train") is not None
