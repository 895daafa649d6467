"""An engine that we start knows gVisor's runtime, and keeps what the machine's owner set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools import engine
from verifier.sandbox import gvisor


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with `runsc`, whose engine has no settings yet."""
    monkeypatch.setattr(engine, "SETTINGS", tmp_path / "ours.json")
    monkeypatch.setattr(engine, "USUAL_SETTINGS", tmp_path / "theirs.json")
    monkeypatch.setattr(engine.shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def written(place: Path) -> dict[str, Any]:
    assert engine.settings_arguments() == ["--config-file", str(place / "ours.json")]
    found: dict[str, Any] = json.loads((place / "ours.json").read_bytes())
    return found


def test_an_engine_of_ours_has_a_runtime_that_boxes_can_use(place: Path) -> None:
    """The settings are those that the backend asks for, and no network."""
    settings = written(place)
    gvisor.require_fit(settings["runtimes"])
    assert (settings["bridge"], settings["iptables"]) == ("none", False)


def test_without_the_runtime_the_engine_is_not_told_of_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would warn of a program that is not there."""
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)
    assert "runtimes" not in written(place)


def test_what_the_owner_has_set_holds(place: Path) -> None:
    """His file is only read; ours is added beside it, and never over it."""
    theirs = {"data-root": "/big", "bridge": "br0", "runtimes": {"kata": {"path": "kata"}}}
    text = json.dumps(theirs)
    (place / "theirs.json").write_text(text)
    settings = written(place)
    assert (settings["data-root"], settings["bridge"]) == ("/big", "br0")
    assert sorted(settings["runtimes"]) == ["kata", "runsc"]
    assert (place / "theirs.json").read_text() == text
    theirs["runtimes"] = {"runsc": {"path": "/opt/runsc"}}
    (place / "theirs.json").write_text(json.dumps(theirs))
    assert written(place)["runtimes"] == theirs["runtimes"]


@pytest.mark.parametrize("text", ["{", "[]", '{"runtimes": []}', '"\\ud800"', "\xff"])
def test_settings_that_cannot_be_added_to_are_left_alone(
    place: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine then reads its own, and the reason is said."""
    (place / "theirs.json").write_text(text, encoding="latin-1")
    assert engine.settings_arguments() == ["--bridge=none", "--iptables=false"]
    assert "theirs.json cannot be added to" in capsys.readouterr().err
    assert not (place / "ours.json").exists()


def test_a_runtime_that_cannot_be_had_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked for by itself, so that a package that is not there takes no other with it."""
    asked: list[list[str]] = []
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)
    monkeypatch.setattr(engine, "install", asked.append)
    engine.install_runtime()
    assert asked == [["runsc"]]
    assert "no runsc: there will be no boxes of level L3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "done"),
    [({}, ["runtime", "daemon"]), ({"DOCKER": "no"}, []), ({"DOCKER_HOST": "unix:///none"}, [])],
)
def test_the_runtime_is_there_before_the_engine_and_only_for_ours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], done: list[str]
) -> None:
    """An engine is told of its runtimes when it starts; nothing is installed for none."""
    steps: list[str] = []
    for name in ("DOCKER", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(engine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(engine, "answers", lambda: False)
    monkeypatch.setattr(engine, "root_on_debian", lambda: True)
    monkeypatch.setattr(engine, "install_runtime", lambda: steps.append("runtime"))
    monkeypatch.setattr(engine, "start_daemon", lambda: steps.append("daemon"))
    engine.start()
    assert steps == done
