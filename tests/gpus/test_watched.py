"""What the witness of the GPUs adds to a budget: nothing, a fault, a doubt or a broken rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.audits import evidence as make
from tests.gpus.judging import made_up, packed, policy, witnessed
from tests.gpus.traced import CARD, FAIR, card, event, look, times, trace
from verifier.audits.gputrace import Context, Gpu, GpuTrace
from verifier.audits.gpuwatched import Watched, judged, machine_fault, watched
from verifier.records import GpuWitness, SeedEvidence

RULES = policy(1, limit_seconds=4.0)
NOTHING_USED: dict[str, Any] = {"gpu_seconds_at_least": None, "gpu_seconds_at_most": None}
SHOWN = {
    "gpus_watched": [CARD],
    "looks_per_second": 8.1,
    "joules": None,
    "xids_of_its_own": [],
}


def used(since: float, until: float, box: str = "train", **figures: int) -> Gpu:
    """A card on which a box holds a context."""
    mine = (Context(100, "box", box),)
    return card([look(at, mine if since <= at <= until else (), **figures) for at in times(9, 24)])


def said(*cards: Gpu, init: float | None = None, phase: str = "train", **changes: Any) -> Watched:
    return judged(trace(*cards, **changes), RULES, phase, init)


def seconds(least: float, most: float, before: float = 0.0) -> dict[str, Any]:
    return {
        **SHOWN,
        "gpu_seconds_at_least": least,
        "gpu_seconds_at_most": most,
        "gpu_before_the_clock_seconds": before,
    }


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (12.0, 15.0, Watched(shown=seconds(3.0, 3.25))),
        (12.0, 15.75, Watched(shown=seconds(3.75, 4.0))),
        (
            12.0,
            15.875,
            Watched(
                near="GPUs were used for 3.9 to 4.1 s: too near the limit",
                shown=seconds(3.875, 4.125),
            ),
        ),
        (
            12.0,
            16.0,
            Watched(
                near="GPUs were used for 4.0 to 4.2 s: too near the limit",
                shown=seconds(4.0, 4.25),
            ),
        ),
        (
            12.0,
            16.125,
            Watched(
                broken="GPUs were used for at least 4.1 of 4 s",
                shown=seconds(4.125, 4.375),
            ),
        ),
    ],
)
def test_training_s_use_is_held_against_its_limit(
    since: float, until: float, expected: Watched
) -> None:
    """At most the limit for certain, more than it for certain, or neither."""
    assert said(used(since, until)) == expected


def test_what_nobody_used_has_no_seconds() -> None:
    """Shown as that, and no doubt."""
    assert said(card([look(at) for at in times(9, 24)])) == Watched(shown={**SHOWN, **NOTHING_USED})


def test_the_clock_is_opened_when_the_data_is_there() -> None:
    """What came before is shown, and is not in the window that has to be fair either."""
    strange = [
        look(each.at, (*(each.contexts or ()), *((Context(7, "foreign", ""),) * (each.at == 11.0))))
        for each in used(10.5, 15.0).looks
    ]
    early = said(card(strange), init=2.0)
    assert (early.unfair, early.broken, early.near) == ("", "", "")
    assert early.shown["gpu_seconds_at_most"] == 3.125
    assert early.shown["gpu_before_the_clock_seconds"] == 1.5
    assert said(card(strange)).unfair == "GPU 0: used by process 7 besides"


def test_a_clock_that_opens_after_the_end_leaves_no_window() -> None:
    """Not a negative one."""
    assert said(used(12.0, 15.0), init=99.0).shown["gpu_seconds_at_most"] == 0.0


def test_only_training_s_own_time_is_limited() -> None:
    """Scoring has its budget elsewhere; its witness is asked for fairness, in all its boxes."""
    scoring = GpuTrace(
        {"0": used(11.0, 19.0, "pass")},
        tuple(
            event(what, at, box=box)
            for what, at, box in (
                ("box starts", 10.0, "pass"),
                ("box started", 10.0, "pass"),
                ("box ended", 19.5, "pass"),
                ("box starts", 19.5, "replay"),
                ("box started", 19.5, "replay"),
                ("box ended", 20.0, "replay"),
            )
        ),
        full=False,
    )
    assert judged(scoring, RULES, "score", None) == Watched(shown={**SHOWN, **NOTHING_USED})
    assert judged(scoring, RULES, "train", None).unknown == (
        "what was seen of the GPUs tells of no box from start to end"
    )


def test_another_box_opens_and_closes_no_clock_of_training() -> None:
    """What ran before it and after it is judged by itself."""
    marks = (
        ("box starts", 9.0, "other"),
        ("box starts", 10.0, "train"),
        ("box started", 10.0, "train"),
        ("box ended", 20.0, "train"),
        ("box ended", 22.0, "other"),
    )
    told = tuple(event(what, at, box=box) for what, at, box in marks)
    visitor = (Context(7, "foreign", ""),)
    seen = [look(at, visitor if at in {9.5, 21.0} else ()) for at in times(9, 24)]
    assert judged(GpuTrace({"0": card(seen)}, told, full=False), RULES, "train", None).unfair == ""


def test_a_script_s_use_is_shown_and_limited_elsewhere() -> None:
    """Training's limit is not that of a script that scores itself."""
    marks = (("box starts", 10.0), ("box started", 10.0), ("box ended", 20.0))
    told = tuple(event(what, at, box="script") for what, at in marks)
    script = GpuTrace({"0": used(11.0, 19.0, "script")}, told, full=False)
    assert judged(script, RULES, "script", None) == Watched(shown=seconds(8.0, 8.25))


@pytest.mark.parametrize(
    "events",
    [
        (),
        ("box starts", "box started"),
        ("box started", "box ended"),
        ("box starts", "box started", "box ended", "box starts", "box started"),
    ],
)
def test_a_box_that_was_not_seen_from_start_to_end_is_not_known(events: tuple[str, ...]) -> None:
    """Whose use it was, and when its clock ran."""
    told = tuple(event(what, 10.0 + n, box="train") for n, what in enumerate(events))
    found = judged(GpuTrace({"0": used(12.0, 15.0)}, told, full=False), RULES, "train", None)
    assert found == Watched(unknown="what was seen of the GPUs tells of no box from start to end")


def test_without_a_look_nobody_watched() -> None:
    """One card that was looked at is somebody."""
    missing = Watched(unknown="nobody could watch the GPUs: NVML did not answer")
    assert said() == said(card([])) == missing
    assert said(card([]), used(12.0, 15.0)) != missing


def test_packing_on_a_gpu_and_work_after_the_end_are_outside_the_phase() -> None:
    """For certain, and whatever the seconds say."""
    packing = said(used(12.0, 15.0), used(12.0, 12.5, "pack"))
    assert packing.broken == "the packing command used a GPU, which is for training"
    assert packing.near == ""
    working = said(used(12.0, 23.0, utilization=9))
    assert working.broken == "training still worked on a GPU 3.0 s after its box had ended"
    assert working.near == "a context of its box was on a GPU 3.0 s after the box had ended"
    assert working.shown["outlived_seconds"] == 3.0


def test_a_context_that_outlives_its_box_leaves_a_doubt() -> None:
    """Unless there is a nearer one already."""
    long = policy(1, limit_seconds=20.0)
    idle = judged(trace(used(12.0, 21.0)), long, "train", None)
    assert (idle.broken, idle.shown["outlived_seconds"]) == ("", 1.0)
    assert idle.near == "a context of its box was on a GPU 1.0 s after the box had ended"
    near = judged(trace(used(12.0, 21.0)), policy(1, limit_seconds=9.125), "train", None)
    assert near.near.endswith("too near the limit")
    assert near.shown["outlived_seconds"] == 1.0
    within = said(used(12.0, 15.0))
    assert "outlived_seconds" not in within.shown


def test_another_card_or_an_answer_that_is_missing_leaves_it_unknown() -> None:
    """The card first."""
    silent = [replace(each, figures={**FAIR, "mig": None}) for each in used(12.0, 15.0).looks]
    assert said(card(silent)).unknown == "not known: MIG of GPU 0"
    other = said(card(silent, name="NVIDIA A100"))
    assert other.unknown == "the limits are meant for 1 H100, it ran on 1 NVIDIA A100"


@pytest.mark.parametrize(
    ("cards", "fault"),
    [
        (1, "GPU 0: cut into parts (MIG)"),
        (3, "; ".join(f"GPU {n}: cut into parts (MIG)" for n in range(3))),
        (4, "; ".join(f"GPU {n}: cut into parts (MIG)" for n in range(3)) + " and 1 more"),
    ],
)
def test_the_first_three_faults_are_said(cards: int, fault: str) -> None:
    """And how many more there are."""
    found = said(*(used(12.0, 15.0, mig=1) for _ in range(cards)))
    assert found.unfair == fault


# ---------------------------------------------------------------- from the ledger


def seed(*witnesses: GpuWitness, init: float | None = None) -> SeedEvidence:
    made = make.evidence().seeds[0]
    assert made.training is not None
    return replace(made, gpus=witnesses, training=replace(made.training, init_seconds=init))


def strange(at: float, label: str = "train") -> list[dict[str, Any]]:
    """A run of 10 s from 1 to 11, with a stranger at one look."""
    visitor = {"pid": 7, "owner": "foreign", "box": ""}
    return [
        {**e, "contexts": [*e["contexts"], visitor]} if e["kind"] == "poll" and e["at"] == at else e
        for e in made_up(label=label)
    ]


def test_a_policy_without_gpus_asks_for_no_witness() -> None:
    """Whatever was seen."""
    assert watched(seed(witnessed(packed(strange(5.0)))), policy(0), "train") == Watched()


def test_the_last_witness_of_the_phase_is_the_one_that_counts() -> None:
    """A run that the machine spoiled was repeated; other phases have their own."""
    rules = policy(1)
    fair, foul = packed(made_up()), packed(strange(5.0))
    pass_of = witnessed(packed(made_up(label="pass")), phase="score")
    again = watched(seed(witnessed(foul), witnessed(fair), pass_of), rules, "train")
    assert (again.unfair, again.unknown, again.near) == ("", "", "")
    worse = watched(seed(witnessed(fair), witnessed(foul), pass_of), rules, "train")
    assert worse.unfair == "GPU 0: used by process 7 besides"
    assert watched(seed(witnessed(fair)), rules, "score") == Watched(
        unknown="nobody watched the GPUs"
    )
    assert watched(seed(witnessed(fair[:-9])), rules, "train").unknown == (
        "what was seen of the GPUs cannot be read: line 124 of its trace breaks off"
    )


@pytest.mark.parametrize(("init", "unfair"), [(None, True), (3.0, True), (5.0, False)])
def test_a_sealed_start_opens_training_s_clock_and_no_other(
    init: float | None, unfair: bool
) -> None:
    """A stranger at 5 s, four after the box's start."""
    found = watched(seed(witnessed(packed(strange(5.0))), init=init), policy(1), "train")
    assert bool(found.unfair) is unfair
    told = witnessed(packed(strange(5.0)))
    assert bool(machine_fault(told, policy(1), init)) is unfair
    scoring = witnessed(packed(strange(5.0, "pass")), phase="score")
    assert watched(seed(scoring, init=init), policy(1), "score").unfair


def test_scoring_s_boxes_are_no_training_s() -> None:
    """Each phase is asked for its own: a fault of one is none of the other."""
    told = packed(strange(5.0, "pass"))
    assert machine_fault(witnessed(told, phase="score"), policy(1), None)
    assert machine_fault(witnessed(told), policy(1), None) == ""


def test_how_much_may_be_slowed_is_the_policy_s_word() -> None:
    """The share that its witness allows."""
    told = packed(
        {**e, "throttle_reasons": 0x20} if e["kind"] == "poll" and e["at"] < 2 else e
        for e in made_up()
    )
    for share, fault in ((0.5, False), (0.01, True)):
        rules = make.changed(policy(1), witness={"throttled_at_most": share})
        assert bool(machine_fault(witnessed(told), rules, None)) is fault
        assert bool(watched(seed(witnessed(told)), rules, "train").unfair) is fault
