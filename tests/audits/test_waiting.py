"""What others took from a box, told from what it did to itself, by written traces."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audits.traces import HERTZ, recorded, table_of, trace, without
from verifier.audits.waiting import NEEDED, held, read, share_held, windows
from verifier.records import CpuWitness, WaitingToldBy


def share(witness: CpuWitness) -> float:
    found = share_held(witness)
    assert found is not None
    return found


ALONE: dict[str, dict[str, Any]] = {
    "has all it may use": {},
    "has all it may use beside busy others": {"others": 1.0},
    "sleeps beside busy others": {"box": 0.0, "others": 2.0},
    "keeps four threads busy on one processor of its own": {"waits": 3.0},
    "keeps four threads busy beside busy others": {"waits": 3.0, "others": 1.0},
    "waits for itself on an idle machine": {"box": 0.8, "waits": 0.4},
    "may use more than there is": {"box": 2.0, "threads": 8.0, "waits": 6.0},
}


@pytest.mark.parametrize("how", ALONE)
def test_what_a_box_does_to_itself_is_nobody_elses_doing(how: str) -> None:
    """DESIGN §6: threads without number, sleep and an idle machine excuse nothing."""
    assert share(trace(**ALONE[how])) < 1e-6


@pytest.mark.parametrize(
    ("expected", "how"),
    [
        (0.5, {"box": 0.5, "waits": 0.5, "others": 1.5}),
        (0.25, {"box": 0.75, "waits": 0.25, "others": 1.25}),
        # Four threads where two are allowed: others have one of two processors.
        (0.5, {"box": 1.0, "waits": 3.0, "others": 1.0, "threads": 2.0}),
        # Eight threads, each with half a processor: twice as long, not eight times.
        (0.5, {"box": 4.0, "waits": 4.0, "others": 4.0, "threads": 8.0, "cores": 8}),
        # Six of eight threads run all the time, two wait.
        (1 / 4, {"box": 6.0, "waits": 2.0, "others": 4.0, "threads": 8.0, "cores": 8}),
        # One thread where eight are allowed waits half of its time.
        (0.5, {"box": 0.5, "waits": 0.5, "others": 7.5, "threads": 8.0, "cores": 8}),
        # The machine below gave a third away: no task of ours was seen to wait.
        (1 / 3, {"box": 2 / 3, "stolen": 1 / 3, "cores": 1}),
    ],
)
def test_what_others_took_is_how_much_longer_it_took(expected: float, how: dict[str, Any]) -> None:
    """Used and held back together are the whole time."""
    assert share(trace(**how)) == pytest.approx(expected, rel=1e-6)


def test_pressure_of_a_group_says_the_same_as_the_waits_of_its_tasks() -> None:
    """It counts the time while any waited; a lone thread is held back no longer than that."""
    told = {"waiting": WaitingToldBy.GROUP}
    lone = trace(box=0.5, waits=0.5, others=7.5, threads=8.0, cores=8, **told)
    assert share(lone) == pytest.approx(0.5)
    all_of_them = trace(box=4.0, waits=1.0, others=4.0, threads=8.0, cores=8, **told)
    assert share(all_of_them) == pytest.approx(0.5)
    assert share(trace(waits=1.0, others=1.0, **told)) < 1e-6


def test_the_pressure_of_the_whole_machine_excuses_nobody() -> None:
    """Somebody waited there; whether it was the box nobody can say."""
    assert share_held(trace(waits=1.0, others=2.0, waiting=WaitingToldBy.MACHINE)) is None


@pytest.mark.parametrize(
    "column",
    [name for name in NEEDED if name.endswith("_seconds") and name != "asleep_seconds"],
)
def test_a_figure_that_was_not_counted_is_not_zero(column: str) -> None:
    """Nothing is said of a phase of which a figure is missing, and nothing is excused."""
    assert share_held(without(trace(box=0.5, waits=0.5, others=1.5), column)) is None


def test_a_gap_in_the_looks_loses_nothing_but_detail() -> None:
    """Figures are running totals."""
    whole = trace(box=0.5, waits=0.5, others=1.5)
    table = table_of(whole)
    kept = np.r_[0:100, 700:1001]
    assert share(recorded({n: c[kept] for n, c in table.items()})) == pytest.approx(share(whole))


def test_a_machine_that_stood_still_held_its_box_back() -> None:
    """A frozen virtual machine counts nothing, not even idling, while the clock goes on."""
    table = table_of(trace(seconds=60))
    gone = table["seconds"] > 30
    for name in table:
        if name == "seconds":
            table[name][gone] += 40.0
    assert share(recorded(table)) == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("gap", "counted", "expected"),
    [
        (4.0, 0.25, 0.75),
        (4.0, 0.5, 0.0),
        (4.0, 0.75, 0.0),
        (2.0, 0.0, 1.0),
        (1.9, 0.0, 0.0),
        (1.0, 0.9, 0.0),
    ],
)
def test_a_clock_that_counts_a_little_less_stood_nowhere(
    gap: float, counted: float, expected: float
) -> None:
    """Two seconds at least, of which more than half were not counted; idle is counted too."""
    table = table_of(trace(seconds=gap, box=0.0))
    table["machine_counted_seconds"] = 2 * counted * table["seconds"]
    ends = {name: column[[0, -1]] for name, column in table.items()}
    assert share(recorded(ends)) == pytest.approx(expected)


@pytest.mark.parametrize("at", [1, 999, 1000])
def test_whenever_a_machine_slept_it_is_told(at: int) -> None:
    """From the first look of a part to its last."""
    table = table_of(trace())
    table["asleep_seconds"][at:] += 90.0
    found = read(recorded(table))
    assert found is not None
    for until in (math.inf, 100.0):
        part = held(found, 0.0, until)
        assert part is not None
        assert (part.watched_seconds, part.asleep_seconds) == (pytest.approx(100), 90.0)


def test_a_machine_that_does_not_tell_its_sleep_was_not_suspended() -> None:
    """What else was counted is told all the same, of the whole phase."""
    found = read(without(trace(box=0.5, waits=0.5, others=1.5), "asleep_seconds"))
    assert found is not None
    whole = held(found)
    assert whole is not None
    assert (whole.share, whole.asleep_seconds) == (pytest.approx(0.5), 0.0)
    assert whole.watched_seconds == pytest.approx(100)


def test_a_machine_that_was_suspended_says_for_how_long() -> None:
    """The monotonic clock stands still meanwhile, so that no other figure shows it."""
    table = table_of(trace())
    table["asleep_seconds"][500:] += 90.0
    found = read(recorded(table))
    assert found is not None
    part = held(found)
    assert part is not None
    assert (part.asleep_seconds, part.share) == (90.0, 0.0)
    before = held(found, 0.0, 40.0)
    assert before is not None and before.asleep_seconds == 0.0


def test_a_part_of_a_phase_is_judged_by_itself() -> None:
    """INIT does not count towards TRAIN."""
    table = table_of(trace(box=1.0, others=1.0))
    late = np.maximum(0.0, table["seconds"] - 50.0)
    table["box_cpu_seconds"] -= 0.5 * late
    table["machine_busy_seconds"] -= 0.0 * late
    table["waited_seconds"] += 0.5 * late
    found = read(recorded(table))
    assert found is not None
    first, second = held(found, 0.0, 50.0), held(found, 50.0)
    assert first is not None and second is not None
    assert first.share == pytest.approx(0.0, abs=1e-6)
    assert second.share == pytest.approx(0.5)
    assert held(found, 200.0) is None


def test_a_phase_shorter_than_a_window_is_one_window() -> None:
    """Two looks are enough, and one is none."""
    for seconds in (0.4, 0.1):
        witness = trace(seconds=seconds, box=0.5, waits=0.5, others=1.5)
        short = read(witness)
        assert short is not None
        assert [(w.begin, w.end) for w in windows(short)] == [(0.0, seconds)]
        assert share(witness) == pytest.approx(0.5)
    assert share_held(trace(seconds=0.0)) is None


def test_two_looks_at_once_saw_nobody_held_back() -> None:
    """No time went by."""
    once = {name: column[[0, 0]] for name, column in table_of(trace()).items()}
    assert share(recorded(once)) == 0.0


def test_a_column_that_was_not_recorded_holds_no_number() -> None:
    """Nobody takes it for zero."""
    found = read(trace())
    assert found is not None
    column = found.column("temperature")
    assert column.shape == found.seconds.shape and np.isnan(column).all()


def test_what_is_needed_is_enough() -> None:
    """An older witness recorded no more."""
    table = table_of(trace(box=0.5, waits=0.5, others=1.5))
    looks = np.stack([table[name] for name in NEEDED], axis=1).ravel()
    assert share(broken(columns=NEEDED, looks=looks)) == pytest.approx(0.5)


@pytest.mark.parametrize(("figure", "counted"), [(1e15, True), (1.01e15, False), (math.inf, False)])
def test_a_figure_that_nobody_can_have_counted_is_none(figure: float, counted: bool) -> None:
    """No kernel counts to so many seconds; the rest of the column stands."""
    table = table_of(trace())
    table["waited_seconds"][7] = -figure
    found = read(recorded(table))
    assert found is not None
    numbers = np.isfinite(found.column("waited_seconds"))
    assert numbers[7] == counted and np.delete(numbers, 7).all()


def test_a_window_is_as_long_as_was_asked_for() -> None:
    """To the look; what is left at the end is a shorter one."""
    found = read(trace(seconds=3.5))
    assert found is not None
    bounds = [(window.begin, window.end) for window in windows(found)]
    assert bounds == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 3.5)]


def broken(**changes: Any) -> CpuWitness:
    return replace(trace(), **changes)


def swapped() -> CpuWitness:
    table = table_of(trace())
    table["seconds"][5] = 99.0
    return recorded(table)


@pytest.mark.parametrize(
    "witness",
    [
        broken(columns=("seconds",)),
        broken(columns=()),
        broken(looks=np.zeros(0)),
        broken(looks=trace().looks[:-1]),
        broken(cores=0),
        without(trace(), "seconds"),
        swapped(),
    ],
)
def test_a_trace_that_is_none_excuses_nothing(witness: CpuWitness) -> None:
    """A ledger may be anybody's."""
    assert read(witness) is None
    assert share_held(witness) is None


@given(st.lists(st.floats(), min_size=3 * len(NEEDED), max_size=3 * len(NEEDED)), st.booleans())
def test_whatever_stands_in_a_trace_the_share_is_one(values: list[float], group: bool) -> None:
    """Between 0 and 1, or not known."""
    looks = np.array(values).reshape(3, len(NEEDED))
    looks[:, 0] = (0.0, 1.5, 5.0)
    witness = replace(
        trace(),
        columns=NEEDED,
        looks=looks.ravel(),
        waiting=WaitingToldBy.GROUP if group else WaitingToldBy.TASKS,
    )
    found = share_held(witness)
    assert found is None or (0 <= found <= 1 and math.isfinite(found))


def test_windows_add_up_to_the_whole() -> None:
    """Nothing is counted twice or left out."""
    found = read(trace(seconds=10, box=0.7, others=0.4))
    assert found is not None
    for at_least in (1 / HERTZ, 0.5, 3.0, 99.0):
        parts = list(windows(found, at_least=at_least))
        assert sum(part.wall_seconds for part in parts) == pytest.approx(10)
        assert sum(part.used_seconds or 0 for part in parts) == pytest.approx(7)
        assert sum(part.others_seconds or 0 for part in parts) == pytest.approx(4)
