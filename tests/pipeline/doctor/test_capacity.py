"""What starves or stretches a run is told before one begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.doctor.test_confinement import machine
from verifier.pipeline.doctor import State, capacity

GOVERNOR = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
NO_TURBO = "sys/devices/system/cpu/intel_pstate/no_turbo"
BOOST = "sys/devices/system/cpu/cpufreq/boost"
CALM = "some avg10=0.40 avg60=1.00 avg300=15.08 total=31716150126\nfull avg10=0.00\n"


def test_swap_little_memory_and_a_sleeping_clock_are_weak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each starves or stretches a run."""
    meminfo = "MemTotal:  4000000 kB\nSwapTotal: 2000000 kB\n"
    memory, swap = capacity.memory(machine(tmp_path, **{"proc/meminfo": meminfo}))
    assert (memory.state, swap.state) == (State.WEAKER, State.WEAKER)
    assert "1.9 GiB" in swap.found
    clocks = {capacity.time.CLOCK_BOOTTIME: 1000.0, capacity.time.CLOCK_MONOTONIC: 400.0}
    monkeypatch.setattr(capacity.time, "clock_gettime", clocks.__getitem__)
    clock = capacity.clock(tmp_path)
    assert clock.state is State.WEAKER
    assert "600 s" in clock.found


def test_much_memory_and_no_swap_are_no_remark(tmp_path: Path) -> None:
    """One line, and well."""
    meminfo = "MemTotal:  24000000 kB\nSwapTotal: 0 kB\n"
    (memory,) = capacity.memory(machine(tmp_path, **{"proc/meminfo": meminfo}))
    assert (memory.state, memory.found) == (State.WELL, "23 GiB")


def test_a_machine_without_image_tools_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to install."""
    monkeypatch.setattr("verifier.image.base.shutil.which", lambda _: None)
    images = capacity.images()
    assert images.state is State.MISSING
    assert "mmdebstrap" in images.remedy


@pytest.mark.parametrize(
    ("governors", "state", "said"),
    [
        (("performance", "performance"), State.WELL, "governor performance"),
        (("performance", "powersave"), State.WEAKER, "governor powersave:"),
        (("schedutil", "ondemand"), State.WEAKER, "governor ondemand, schedutil:"),
        ((), State.WELL, "its speed is not told"),
    ],
)
def test_a_processor_that_saves_power_is_weaker(
    governors: tuple[str, ...], state: State, said: str, tmp_path: Path
) -> None:
    """Its speed depends on what ran before; a virtual machine is told nothing of it."""
    files = {GOVERNOR.format(cpu): f"{name}\n" for cpu, name in enumerate(governors)}
    check = capacity.processor(machine(tmp_path, **files), "A Processor", 2)
    assert check.state is state
    assert said in check.found
    assert ("cpupower" in check.remedy) == (state is State.WEAKER)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({NO_TURBO: "0"}, ", turbo on"),
        ({NO_TURBO: "1"}, ", turbo off"),
        ({BOOST: "1"}, ", turbo on"),
        ({BOOST: "0"}, ", turbo off"),
        ({}, ", its speed is not told"),
    ],
)
def test_turbo_is_told_and_not_judged(files: dict[str, str], said: str, tmp_path: Path) -> None:
    """Both vendors' files say it, one of them the other way round."""
    check = capacity.processor(machine(tmp_path, **files), "A Processor", 2)
    assert check.found.endswith(said)
    assert check.state is State.WELL


@pytest.mark.parametrize(
    ("average", "waited", "state"),
    [
        ("0.20 0.30 0.40 1/200 99", CALM, State.WELL),
        ("0.90 0.30 0.40 1/200 99", CALM, State.WELL),
        ("1.10 0.30 0.40 1/200 99", CALM, State.WEAKER),
        ("0.20 0.30 0.40 1/200 99", CALM.replace("0.40", "9.10"), State.WEAKER),
        ("0.20 0.30 0.40 1/200 99", "", State.WELL),
        ("", CALM, State.WEAKER),
    ],
)
def test_a_busy_machine_is_told_before_a_run(
    average: str, waited: str, state: State, tmp_path: Path
) -> None:
    """By what ran in the last minute, and by who waited in the last ten seconds."""
    root = machine(tmp_path, **{"proc/loadavg": average, "proc/pressure/cpu": waited})
    assert capacity.load(root, 2).state is state
