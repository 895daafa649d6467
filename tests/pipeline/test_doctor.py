"""What a machine can promise is what its boxes would do, and every weakness has a remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from verifier.cli.main import run
from verifier.pipeline import doctor
from verifier.pipeline.doctor import Check, Examined, State, examine
from verifier.records import Assurance
from verifier.sandbox import choose


def test_the_strongest_box_is_the_one_that_verify_would_take() -> None:
    """Nothing is said better than it is."""
    found = examine()
    sandbox, _ = choose("auto")
    assert (found.level, found.backend) == (sandbox.level, sandbox.name)
    assert all(check.remedy for check in found.checks if check.state is not State.WELL)
    assert all(not check.remedy for check in found.checks if check.state is State.WELL)
    names = [check.about for check in found.checks]
    assert len(names) == len(set(names))


def test_an_engine_that_does_not_answer_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said with its address and what to start."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    found = examine()
    (docker,) = [check for check in found.checks if check.about == "docker boxes"]
    assert docker.state is State.WEAKER
    assert "127.0.0.1:1" in docker.found
    assert docker.remedy
    assert found.level < Assurance.L2


def test_no_box_at_all_is_something_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts cannot run, and the exit code says so."""

    class Nothing:
        name, level = "plain", Assurance.NONE

        def lacking(self) -> tuple[str, ...]:
            return ("everything",)

    monkeypatch.setattr(doctor, "BACKENDS", {"plain": Nothing})
    found = examine()
    assert found.level is Assurance.NONE
    assert found.exit_code == 2
    missing = [check.about for check in found.checks if check.state is State.MISSING]
    assert missing[:1] == ["isolation"]


def program(folder: Path, name: str, said: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "state"),
    [("1.17.7", State.MISSING), ("1.17.8", State.WELL), ("2.0.0", State.WELL), ("new", State.WELL)],
)
def test_a_toolkit_that_lets_containers_out_is_missing_its_update(
    version: str, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2025-23266 and its like, before 1.17.8."""
    program(tmp_path, "nvidia-ctk", f"NVIDIA Container Toolkit CLI version {version}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (check,) = doctor._toolkit()
    assert check.state is state
    assert version in check.found


def test_swap_little_memory_and_a_sleeping_clock_are_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each starves or stretches a run."""
    meminfo = "MemTotal:  4000000 kB\nSwapTotal: 2000000 kB\n"
    monkeypatch.setattr(doctor, "_text", lambda _: meminfo)
    memory, swap = doctor._memory()
    assert (memory.state, swap.state) == (State.WEAKER, State.WEAKER)
    assert "1.9 GiB" in swap.found
    clocks = {doctor.time.CLOCK_BOOTTIME: 1000.0, doctor.time.CLOCK_MONOTONIC: 400.0}
    monkeypatch.setattr(doctor.time, "clock_gettime", clocks.__getitem__)
    (clock,) = doctor._clocks()
    assert clock.state is State.WEAKER
    assert "600 s" in clock.found


def test_a_machine_without_image_tools_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to install."""
    monkeypatch.setattr("verifier.image.base.shutil.which", lambda _: None)
    images, _ = doctor._images()
    assert images.state is State.MISSING
    assert "mmdebstrap" in images.remedy


def test_the_command_prints_it_and_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and for machines."""
    checks = (
        Check("docker boxes", State.WELL, "L2"),
        Check("pinned images", State.MISSING, "no program mmdebstrap", "apt-get install it"),
    )
    monkeypatch.setattr(doctor, "examine", lambda: Examined(checks, Assurance.L2, "docker"))
    assert run(["doctor"]) == 2
    printed = capsys.readouterr().out
    assert "The strongest box here: L2 (docker)" in printed
    assert "✗ pinned images" in printed
    assert "→ apt-get install it" in printed
    assert run(["doctor", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["level"], said["exit_code"]) == ("L2", 2)
    assert said["checks"][1]["state"] == "missing"
