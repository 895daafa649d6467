"""Was the host's clock fair? Readings, and what follows from them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from verifier.sandbox import clock
from verifier.sandbox.clock import Reading, Stopwatch, read_clocks, starved_since

PRESSURE = (
    "some avg10=60.00 avg60=40.00 avg300=70.00 total={}\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)


@pytest.fixture
def pressure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pressure file of our own."""
    path = tmp_path / "cpu"
    path.write_text(PRESSURE.format(0))
    monkeypatch.setattr(clock, "PRESSURE_FILE", path)
    return path


def watch_over(monkeypatch: pytest.MonkeyPatch, began: Reading, ended: Reading) -> str:
    """What a stopwatch says that saw these two readings."""
    readings = iter((began, ended))
    monkeypatch.setattr(clock, "read_clocks", lambda: next(readings))
    return Stopwatch().unfair()


def test_a_stretch_in_which_nothing_happened_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks went on alike, some waiting is normal."""
    began, ended = Reading(100.0, 500.0, 10.0), Reading(200.0, 600.0, 60.0)
    assert watch_over(monkeypatch, began, ended) == ""


def test_a_machine_that_slept_is_unfair(monkeypatch: pytest.MonkeyPatch) -> None:
    """The boot clock went on while the monotonic one stood."""
    began, ended = Reading(100.0, 500.0, None), Reading(200.0, 661.0, None)
    assert watch_over(monkeypatch, began, ended) == "the machine was suspended for 61 s"


def test_a_machine_without_a_cpu_to_spare_is_unfair(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than half of the time somebody waited."""
    began, ended = Reading(100.0, 500.0, 10.0), Reading(200.0, 600.0, 61.0)
    said = watch_over(monkeypatch, began, ended)
    assert said == "some task waited for a CPU during 51% of the time"


@pytest.mark.parametrize("stalled", [(None, 90.0), (10.0, None), (None, None)])
def test_a_kernel_that_does_not_measure_excuses_nothing(
    monkeypatch: pytest.MonkeyPatch, stalled: tuple[float | None, float | None]
) -> None:
    """Starvation must be seen to count."""
    began, ended = Reading(100.0, 500.0, stalled[0]), Reading(200.0, 600.0, stalled[1])
    assert watch_over(monkeypatch, began, ended) == ""


def test_no_time_at_all_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is divided by it."""
    same = Reading(100.0, 500.0, 10.0)
    assert watch_over(monkeypatch, same, same) == ""


def test_the_clocks_are_the_hosts(pressure: Path) -> None:
    """Monotonic and boot clock go on; the stall is in seconds."""
    pressure.write_text(PRESSURE.format(2_500_000))
    first, watch = read_clocks(), Stopwatch()
    time.sleep(0.01)
    second = read_clocks()
    assert first.stalled == 2.5
    assert second.monotonic - first.monotonic >= 0.01
    assert second.boot - first.boot >= 0.01
    assert watch.seconds() >= 0.01
    assert watch.unfair() == ""


@pytest.mark.parametrize(
    ("seconds", "starved"), [(5, True), (10, True), (11, False), (60, False), (61, True)]
)
def test_the_shortest_average_that_covers_the_stretch_counts(
    pressure: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, starved: bool
) -> None:
    """Ten seconds at 60 %, sixty at 40 %, three hundred at 70 %."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    assert starved_since(1000.0 - seconds) == starved


def test_without_a_pressure_file_nobody_was_starved(
    pressure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent, empty, or of another form."""
    pressure.write_text("some avg10=90.00\n")
    assert read_clocks().stalled is None
    pressure.write_text("")
    assert not starved_since(time.monotonic())
    pressure.unlink()
    assert not starved_since(time.monotonic()) and read_clocks().stalled is None
