"""Which backend is taken, and why not a stronger one?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verifier import sandbox
from verifier.errors import EngineUnavailable, MissingTool, RequestError
from verifier.sandbox import BACKENDS, choose, local, open_sandbox
from verifier.sandbox.bubblewrap import Bubblewrap


class Standing:
    """A backend that can be had."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine that has every backend; a test takes some away."""
    backends: dict[str, Any] = {name: lambda name=name: Standing(name) for name in BACKENDS}
    monkeypatch.setattr(sandbox, "BACKENDS", backends)
    return backends


def absent(fault: Exception) -> Any:
    """A backend that cannot be had."""

    def refuse() -> None:
        raise fault

    return refuse


def test_the_strongest_there_is_is_taken(machine: dict[str, Any]) -> None:
    """`local` never looks for an engine."""
    machine["gvisor"] = absent(AssertionError("asked for what is slower"))
    assert choose("auto")[0].name == "docker"
    machine["docker"] = absent(AssertionError("asked for an engine"))
    assert open_sandbox("local").name == "bubblewrap"
    assert open_sandbox("plain").name == "plain"


def test_each_stronger_one_is_named_with_its_reason(machine: dict[str, Any]) -> None:
    """So that whoever reads it knows how to get more."""
    machine["docker"] = absent(EngineUnavailable("no engine", remedy="start it"))
    machine["bubblewrap"] = absent(MissingTool("no bwrap", remedy="install it"))
    chosen, reasons = choose("auto")
    assert chosen.name == "plain"
    assert reasons == ("docker: no engine (start it)", "bubblewrap: no bwrap (install it)")


def test_a_named_backend_is_never_another(machine: dict[str, Any]) -> None:
    """Whoever asks for a wall gets it or hears why not."""
    machine["docker"] = absent(EngineUnavailable("no engine"))
    with pytest.raises(EngineUnavailable):
        open_sandbox("docker")


def test_a_bug_is_no_reason_for_a_weaker_one(machine: dict[str, Any]) -> None:
    """Only what the machine lacks is."""
    machine["docker"] = absent(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        choose("auto")


def test_an_unknown_name_is_the_callers_mistake() -> None:
    """The message lists the known ones."""
    with pytest.raises(RequestError, match="auto, local, gvisor, docker, bubblewrap, plain"):
        open_sandbox("podman")


@pytest.mark.parametrize(("fails", "had"), [(4, True), (5, False)])
def test_a_mount_that_goes_away_during_the_try_is_no_reason_for_a_weaker_box(
    fails: int, had: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine's containers come and go: one failed try of many says nothing of bwrap."""
    program, tries = tmp_path / "bwrap", tmp_path / "tries"
    program.write_text(
        f'#!/bin/sh\necho x >> "{tries}"\n[ $(wc -l < "{tries}") -gt {fails} ]\n', encoding="utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setattr(local, "program", lambda _: str(program))
    if had:
        assert Bubblewrap().name == "bubblewrap"
    else:
        with pytest.raises(MissingTool, match="does not work here"):
            Bubblewrap()
