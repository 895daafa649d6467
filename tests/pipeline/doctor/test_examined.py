"""What a machine can promise is what its boxes would do, and every weakness has a remedy."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from verifier.cli.main import run
from verifier.pipeline import doctor
from verifier.pipeline.doctor import Check, Examined, Part, State, boxes, examine
from verifier.records import Assurance
from verifier.report import doctor as told
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
    assert [part.title for part in found.parts] == ["boxes", "kernel", "machine", "GPUs"]


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

    monkeypatch.setattr(boxes, "BACKENDS", {"plain": Nothing})
    found = examine()
    assert found.level is Assurance.NONE
    assert found.exit_code == 2
    missing = [check.about for check in found.checks if check.state is State.MISSING]
    assert missing[:1] == ["isolation"]


CHECKS = (
    Check("docker boxes", State.WELL, "L2, lacking:", lacking=("a wall " * 60, "another")),
    Check("pinned images", State.MISSING, "no program mmdebstrap", "apt-get install it"),
    Check("swap", State.WEAKER, "2 GiB", "swapoff -a"),
)
FOUND = Examined((Part("boxes", CHECKS[:1]), Part("machine", CHECKS[1:])), Assurance.L2, "docker")


def test_the_command_prints_it_and_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people and for machines."""
    monkeypatch.setattr(doctor, "examine", lambda: FOUND)
    assert run(["doctor"]) == 2
    printed = capsys.readouterr().out
    assert "The box that verify takes by itself: L2 (docker)" in printed
    assert "✗ pinned images" in printed
    assert "→ apt-get install it" in printed
    assert "1 missing (✗)" in printed
    assert "1 weaker than could be (!)" in printed
    assert run(["doctor", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["level"], said["exit_code"]) == ("L2", 2)
    assert said["checks"][0]["lacking"] == list(CHECKS[0].lacking)
    assert (said["checks"][1]["part"], said["checks"][1]["state"]) == ("machine", "missing")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_a_box_lacks_is_never_cut(width: int) -> None:
    """It is half of the promise; and it stays within the terminal."""
    text = io.StringIO()
    told.render(FOUND, Console(file=text, width=width, force_terminal=True, color_system=None))
    assert text.getvalue().split().count("wall") == 60
    assert "– another" in text.getvalue()
    assert max(map(len, text.getvalue().splitlines())) <= width


def test_a_machine_with_nothing_amiss_is_told_so() -> None:
    """And ends with 0."""
    well = Examined((Part("kernel", (Check("seccomp", State.WELL, "filter"),)),), Assurance.L2, "")
    text = io.StringIO()
    told.render(well, Console(file=text, width=80))
    assert text.getvalue().endswith("\nNothing is missing.\n")
    assert well.exit_code == 0
