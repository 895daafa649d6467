"""What makes a card unfair, and what nobody told: each by itself, at its borders. (R2)"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gpus.traced import CARD, OURS, card, event, look, times, trace
from verifier.audits import gpufair
from verifier.audits.gpufair import Fairness, fairness
from verifier.audits.gputrace import Context, Gpu, Look

WINDOW = (10.0, 20.0)
AT_MOST = 0.05
ALL = times(9.0, 21.0)


def looks(since: float = 10.0, until: float = 20.0, **figures: int | None) -> list[Look]:
    """Of the whole window and a second around it; `figures` from `since` to `until`."""
    return [look(at, **(figures if since <= at <= until else {})) for at in ALL]


def found(*cards: Gpu, **changes: Any) -> Fairness:
    return fairness(trace(*cards, **changes), WINDOW, AT_MOST)


def faults(*cards: Gpu, **changes: Any) -> list[str]:
    """What is unfair; nothing else is missing."""
    fair = found(*cards, **changes)
    assert fair.unknown == ()
    return list(fair.faults)


def test_a_card_at_rest_is_fair_and_shown() -> None:
    """Its name, how often it was looked at, what it took."""
    fair = found(card(looks()), card(looks(), name="other"))
    assert (fair.faults, fair.unknown) == ((), ())
    assert fair.shown == {
        "gpus_watched": [CARD, "other"],
        "looks_per_second": 8.1,
        "joules": None,
        "xids_of_its_own": [],
    }


def test_the_card_that_was_looked_at_least_is_shown_in_hundredths() -> None:
    """Of no card there is no look."""
    fewer = card([look(at) for at in times(10.0, 12.875)])
    made = trace(card(looks()), fewer)
    assert fairness(made, (10.0, 13.0), AT_MOST).shown["looks_per_second"] == 8.0
    assert fairness(trace(card(looks())), (10.0, 13.0), AT_MOST).shown["looks_per_second"] == 8.33
    assert fairness(trace(), WINDOW, AT_MOST).shown["looks_per_second"] == 0.0


def test_energy_is_added_up_over_cards_that_all_told_it() -> None:
    """From the last answer before the window to the first one after it."""
    told = [look(at, energy_mj=int(at * 1000)) for at in ALL]
    sparse = [
        look(at, **({"energy_mj": int(at * 1000)} if at in {9.5, 20.5} else {})) for at in ALL
    ]
    once = [look(at, **({"energy_mj": 7} if at == 15 else {})) for at in ALL]
    assert found(card(told), card(sparse)).shown["joules"] == 21.2
    assert found(card(told), card(once)).shown["joules"] is None
    assert found(card(told), card(looks())).shown["joules"] is None


@pytest.mark.parametrize(("at", "said"), [(9.875, 0), (10.0, 1), (20.0, 1), (20.125, 0)])
def test_what_befell_the_driver_counts_within_the_window(at: float, said: int) -> None:
    """Both its ends belong to it."""
    lost, xid = event("driver lost", at, error=15), event("xid", at, gpu="0", code=79)
    assert faults(card(looks()), events=(lost,)) == ["the driver went away (error 15)"][:said]
    assert faults(card(looks()), events=(xid,)) == ["GPU 0: Xid 79"][:said]


def test_a_driver_that_stays_away_is_told_once_and_others_go_on() -> None:
    """At every try it is missed again; what came before the window hides nothing."""
    early = event("driver lost", 1.0, error=9)
    lost = [event("driver lost", at, error=1) for at in (11.0, 12.0)]
    strange = (event("fan", 12.5), event("xid", 13.0, code=48))
    assert faults(card(looks()), events=(early, *lost, *strange)) == [
        "the driver went away (error 1)",
        "GPU ?: Xid 48",
    ]


def test_a_program_s_own_xids_are_shown_and_no_fault() -> None:
    """Up to sixteen of them."""
    own = tuple(event("xid", 11.0, gpu="0", code=13) for _ in range(17))
    fair = found(card(looks()), events=(*own, event("xid", 1.0, gpu="0", code=31)))
    assert fair.faults == ()
    assert fair.shown["xids_of_its_own"] == [13] * 16
    other = found(card(looks()), events=(event("xid", 11.0, gpu="0", code=79),))
    assert other.shown["xids_of_its_own"] == []


@pytest.mark.parametrize("code", [[], {}, "13", 10**400, None])
def test_a_code_that_is_no_number_is_no_program_s_own(code: Any) -> None:
    """Attack: a trace that anybody wrote; it crashes nobody."""
    fair = found(card(looks()), events=(event("xid", 11.0, gpu="0", code=code),))
    assert len(fair.faults) == 1
    assert fair.shown["xids_of_its_own"] == []


@pytest.mark.parametrize("limit", [-1, 10**400, True, "700"])
def test_a_limit_that_no_card_has_is_not_known(limit: Any) -> None:
    """Attack: numbers that no float holds."""
    fair = found(card(looks(), power_default_mw=limit))
    assert (fair.faults, fair.unknown) == ((), ("the card's own power limit of GPU 0",))


def test_a_full_trace_did_not_see_what_came_later() -> None:
    """Whatever else it tells."""
    said = ["its trace is full: what came later was not watched"]
    assert faults(card(looks()), full=True) == said


# ---------------------------------------------------------------- looks


def without(*gaps: tuple[float, float], step: float = 0.125) -> Gpu:
    """A card that nobody looked at strictly within each gap."""
    every = [at for at in ALL if at % step == 0]
    return card([look(at) for at in every if not any(a < at < b for a, b in gaps)])


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        (without((12.0, 13.0)), []),
        (without((12.0, 13.125)), ["GPU 0: nobody looked at it for 1.1 s"]),
        (without((9.0, 10.0)), []),
        (without((8.0, 10.5)), []),
        (without((8.0, 11.125)), ["GPU 0: nobody looked at it for 1.1 s"]),
        (without((9.5, 10.625)), ["GPU 0: nobody looked at it for 1.1 s"]),
        (without((18.875, 22.0)), ["GPU 0: nobody looked at it for 1.1 s"]),
        (without((19.5, 20.625)), ["GPU 0: nobody looked at it for 1.1 s"]),
        (without((19.0, 20.0)), []),
        (without((11.0, 11.5), (12.0, 12.5)), []),
        (without((11.0, 11.5), (12.0, 12.625)), ["GPU 0: nobody looked at it for 1.1 s, added up"]),
        (without(*((at, at + 0.375) for at in range(11, 19))), []),
        (without(step=0.25), ["GPU 0: only 4.1 looks a second"]),
    ],
)
def test_a_card_is_looked_at_often_enough(watched: Gpu, said: list[str]) -> None:
    """No second without a look, five a second, and at most a tenth of the run in wide gaps."""
    assert faults(watched) == said


def test_five_looks_a_second_are_enough() -> None:
    """Counted within the window."""
    inside = times(10.0, 20.0)
    for count, said in ((50, []), (49, ["GPU 0: only 4.9 looks a second"])):
        kept = [at for n, at in enumerate(inside) if n * count // 81 != (n + 1) * count // 81]
        assert faults(card([look(at) for at in (9.875, *kept, 20.125)])) == said


@pytest.mark.parametrize(
    ("seconds", "blind", "said"),
    [(30.0, 6, []), (30.0, 7, ["GPU 0: nobody looked at it for 3.5 s, added up"])],
)
def test_a_tenth_of_a_long_run_may_be_blind(seconds: float, blind: int, said: list[str]) -> None:
    """Half a second at a time."""
    gaps = [(12.0 + 2 * n, 12.5 + 2 * n) for n in range(blind)]
    every = [at for at in times(9.0, 41.0) if not any(a < at < b for a, b in gaps)]
    made = trace(card([look(at) for at in every]))
    assert list(fairness(made, (10.0, 10.0 + seconds), AT_MOST).faults) == said


def test_only_the_next_look_after_a_run_counts() -> None:
    """Also where one fell on its last moment."""
    late = card([*(look(at) for at in times(9.0, 20.0)), look(21.125)])
    assert faults(late) == ["GPU 0: nobody looked at it for 1.1 s"]
    later = card([*(look(at) for at in times(9.0, 20.125)), look(22.0)])
    assert faults(later) == []


def test_a_gap_is_blind_when_it_is_wider_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when it is as wide."""
    monkeypatch.setattr(gpufair, "BLIND_SECONDS", 0.375)
    assert faults(without(*((at, at + 0.375) for at in range(11, 19)))) == []


def test_a_short_run_is_measured_by_its_own_time() -> None:
    """Half a second, of which the card was slowed for four hundredths."""
    told = [look(at, violation_thermal_ns=40_000_000 * (at > 10.25)) for at in ALL]
    fair = fairness(trace(card(told)), (10.0, 10.5), AT_MOST)
    assert fair.faults == ("GPU 0: slowed by heat for 0.0 of 0.5 s, as its own counter says",)
    assert fair.shown["looks_per_second"] == 10.0


def test_a_moment_needs_no_number_of_looks() -> None:
    """A window of a second or less is between two looks; an empty one divides by nothing."""
    made = trace(card([look(at) for at in (9.875, 10.25, 10.625, 11.0, 11.375)]))
    for window in ((10.0, 11.0), (10.0, 10.0)):
        assert fairness(made, window, AT_MOST).faults == ()
    assert fairness(made, (10.0, 11.125), AT_MOST).faults == ("GPU 0: only 2.7 looks a second",)


def test_a_look_that_was_refused_saw_nothing() -> None:
    """Unless it always was: then it is not looking that was lacking."""
    refused = [look(at, None if 12.0 < at < 13.5 else ()) for at in ALL]
    assert faults(card(refused)) == ["GPU 0: nobody looked at it for 1.5 s"]
    never = found(card([look(at, None) for at in ALL]))
    assert (never.faults, never.unknown) == ((), ("contexts of GPU 0",))


def test_a_long_look_reaches_to_its_end() -> None:
    """A gap begins when the look before it was over."""
    slow = [Look(at, at + 0.5 if at == 12.0 else at, (), look(at).figures) for at in ALL]
    kept = [each for each in slow if not 12.0 < each.at < 13.5]
    assert faults(card(kept)) == ["GPU 0: nobody looked at it for 1.6 s, added up"]
    early = [Look(at, at + 0.5 if at == 9.5 else at, (), look(at).figures) for at in ALL]
    assert faults(card([each for each in early if not 9.5 < each.at < 11.0])) == []


# ---------------------------------------------------------------- others


def visited(*visitors: Context, at: float = 15.0) -> Gpu:
    """Our own process all along, and others at one look."""
    return card([look(each, (OURS, *(visitors if each == at else ()))) for each in ALL])


def stranger(pid: int) -> Context:
    return Context(pid, "foreign", "")


def nobody(pid: int) -> Context:
    return Context(pid, "unknown", "")


@pytest.mark.parametrize(
    ("visitors", "said"),
    [
        ((), []),
        ((stranger(9),), ["GPU 0: used by process 9 besides"]),
        (
            (stranger(9), stranger(7), stranger(8)),
            ["GPU 0: used by process 7, 8, 9 besides"],
        ),
        (
            (stranger(9), stranger(7), stranger(8), stranger(6)),
            ["GPU 0: used by process 6, 7, 8 … besides"],
        ),
        ((nobody(9),), ["GPU 0: used by process 9, of which nobody can tell whose it is"]),
        (
            (Context(9, "box", "pass"),),
            ["GPU 0: used by process 9, of which nobody can tell whose it is"],
        ),
        (
            (Context(9, "unknown", "train"),),
            ["GPU 0: used by process 9, of which nobody can tell whose it is"],
        ),
        ((stranger(9), nobody(9)), ["GPU 0: used by process 9 besides"]),
        (
            (nobody(8), stranger(9)),
            [
                "GPU 0: used by process 9 besides",
                "GPU 0: used by process 8, of which nobody can tell whose it is",
            ],
        ),
    ],
)
def test_whoever_else_is_on_a_card_is_named(visitors: tuple[Context, ...], said: list[str]) -> None:
    """Strangers, and those of whom nobody knows; each once."""
    assert faults(visited(*visitors)) == said


@pytest.mark.parametrize(("at", "said"), [(9.875, 0), (10.0, 1), (20.0, 1), (20.125, 0)])
def test_who_came_before_or_afterwards_disturbed_nobody(at: float, said: int) -> None:
    """Both ends of the window belong to it."""
    assert len(faults(visited(stranger(9), at=at))) == said


# ---------------------------------------------------------------- slowed, broken, cut


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (0x20, "slowed by heat"),
        (0x40, "slowed by heat"),
        (0x80, "slowed by the power brake"),
        (0x08, "slowed by its hardware"),
        (0x02, "held to lower clocks that somebody set"),
        (0x04, ""),
        (0x01 | 0x10 | 0x100, ""),
    ],
)
def test_a_reason_for_lower_clocks_counts_by_its_share_of_the_looks(bits: int, said: str) -> None:
    """A twentieth may be slowed; full work's own power cap and idling are no reason."""
    inside = times(10.0, 20.0)
    for count, over in ((4, False), (5, True)):
        slowed = set(inside[:count])
        told = [look(at, throttle_reasons=bits if at in slowed else 0) for at in ALL]
        assert faults(card(told)) == (
            [f"GPU 0: {said} for 6% of the time"] if over and said else []
        )


def test_the_share_is_of_the_looks_that_told() -> None:
    """Who refuses to answer does not make the rest look better."""
    inside = times(10.0, 20.0)
    told = [look(at, throttle_reasons=0x20 if at in inside[:4] else None) for at in ALL]
    assert found(card(told)).faults == ("GPU 0: slowed by heat for 100% of the time",)
    at_limit = trace(
        card([look(at, throttle_reasons=0x20 * (at < 15)) for at in times(10, 19.875)])
    )
    assert fairness(at_limit, WINDOW, 0.5).faults == ()


def test_one_answer_is_all_of_them() -> None:
    """However few there are."""
    made = trace(card([look(10.0, throttle_reasons=0x20), look(11.0)]))
    assert fairness(made, (10.0, 10.5), 0.75).faults == (
        "GPU 0: slowed by heat for 100% of the time",
    )


def test_causes_in_turn_are_added_up() -> None:
    """Each below the bound, together above it; one alone is named by itself."""
    reasons = {10.0: 0x20, 10.125: 0x80, 10.25: 0x08, 10.375: 0x02, 10.5: 0x40}
    told = [look(at, throttle_reasons=reasons.get(at, 4)) for at in ALL]
    assert faults(card(told)) == ["GPU 0: slowed for 6% of the time, by several causes"]
    inside = times(10.0, 20.0)
    exact = {at: (0x20, 0x80)[n % 2] for n, at in enumerate(inside[:40])}
    of_eighty = [look(at, throttle_reasons=exact.get(at, 4)) for at in times(10.0, 19.875)]
    made = trace(card(of_eighty))
    assert fairness(made, WINDOW, 0.5).faults == ()
    assert fairness(made, WINDOW, 0.25).faults == (
        "GPU 0: slowed for 50% of the time, by several causes",
    )


@pytest.mark.parametrize(("nanoseconds", "over"), [(500_000_000, False), (600_000_000, True)])
def test_the_driver_s_own_counter_of_heat_counts_too(nanoseconds: int, over: bool) -> None:
    """By what it grew, from the last answer before the window on."""
    told = [look(at, violation_thermal_ns=7 + (nanoseconds if at > 15 else 0)) for at in ALL]
    said = ["GPU 0: slowed by heat for 0.6 of 10.0 s, as its own counter says"]
    assert faults(card(told)) == (said if over else [])
    never = [look(at, violation_thermal_ns=None) for at in ALL]
    assert faults(card(never)) == []


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"mig": 1}, ["cut into parts (MIG)"]),
        ({"mps": 2}, ["shared by MPS"]),
        ({"rows_pending": 1}, ["rows of its memory wait to be replaced"]),
        ({"rows_failed": 1}, ["rows of its memory wait to be replaced"]),
        ({"ecc_uncorrected": 3}, ["memory errors that could not be corrected: 3"]),
        ({"power_limit_mw": 500_000}, ["held to 500 of 700 W"]),
        ({"power_limit_mw": 700_500}, ["allowed 700.5 W, its own are 700"]),
        ({"ecc_corrected": 9, "sm_mhz": 1, "memory_used": 5}, []),
    ],
)
@pytest.mark.parametrize("when", [(15.0, 15.0), (20.125, 21.0)])
def test_a_card_that_is_not_whole_is_unfair(
    figures: dict[str, int], said: list[str], when: tuple[float, float]
) -> None:
    """At one look of the window, or at the first one after it."""
    told = looks(*when, **figures)
    if when[0] == 15.0:
        told = [each if each.at <= 15.0 else look(each.at, **ecc(figures)) for each in told]
    assert faults(card(looks()), card(told)) == [f"GPU 1: {each}" for each in said]


def ecc(figures: dict[str, int]) -> dict[str, int]:
    """A counter stays where it is."""
    return {name: value for name, value in figures.items() if name == "ecc_uncorrected"}


def test_errors_from_before_are_no_fault() -> None:
    """Only what was counted while it mattered."""
    assert faults(card([look(at, ecc_uncorrected=5) for at in ALL])) == []


# ---------------------------------------------------------------- what nobody told


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("mps", "MPS"),
        ("throttle_reasons", "why clocks were lowered"),
        ("mig", "MIG"),
        ("ecc_uncorrected", "memory errors"),
        ("rows_pending", "remapped rows"),
        ("rows_failed", "remapped rows"),
        ("power_limit_mw", "the power limit"),
    ],
)
def test_a_figure_that_was_refused_once_or_never_asked_is_not_known(figure: str, said: str) -> None:
    """Neither is zero."""
    refused = looks(15.0, 15.0, **{figure: None})
    never = [
        Look(at, at, (), {name: v for name, v in look(at).figures.items() if name != figure})
        for at in ALL
    ]
    for told in (refused, never):
        assert found(card(looks()), card(told)).unknown == (f"{said} of GPU 1",)


def test_what_several_cards_did_not_tell_is_said_of_each() -> None:
    """In their order."""
    told = card(looks(15.0, 15.0, mig=None))
    assert found(told, card(looks()), told).unknown == ("MIG of GPU 0", "MIG of GPU 2")


def test_a_card_that_tells_nothing_is_known_for_nothing() -> None:
    """Each thing once."""
    blind = [Look(at, at, None, {}) for at in ALL]
    fair = found(card(blind, power_default_mw="700", events={"error": 3}))
    assert fair.faults == ()
    assert fair.unknown == tuple(
        f"{each} of GPU 0"
        for each in (
            "contexts",
            "MPS",
            "why clocks were lowered",
            "MIG",
            "memory errors",
            "remapped rows",
            "the card's own power limit",
            "the power limit",
            "Xids",
        )
    )


def test_a_power_limit_means_nothing_without_the_card_s_own() -> None:
    """Not known, and no fault."""
    fair = found(card([look(at, power_limit_mw=9) for at in ALL], power_default_mw=None))
    assert (fair.faults, fair.unknown) == ((), ("the card's own power limit of GPU 0",))
    refused = found(card([look(at, power_limit_mw=None) for at in ALL]))
    assert (refused.faults, refused.unknown) == ((), ("the power limit of GPU 0",))


def test_contexts_told_at_one_look_of_the_window_were_told() -> None:
    """How often is another question."""
    rare = [look(at, () if at == 15.0 else None) for at in ALL]
    fair = found(card(rare))
    assert (fair.faults, fair.unknown) == (("GPU 0: nobody looked at it for 5.0 s",), ())
    outside = found(card([look(at, () if at == 9.5 else None) for at in ALL]))
    assert outside.unknown == ("contexts of GPU 0",)
