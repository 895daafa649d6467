"""`verifier selfcheck`: from the words of a command line to walls that were tried."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.conftest import opened
from verifier.cli.main import run
from verifier.sandbox.selfcheck import FAMILIES


def test_a_probe_is_tried_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One probe in an ordinary process, for machines."""
    opened("plain")
    code = run(["selfcheck", "--backend", "plain", "--only", "net-tcp", "--json", "--quiet"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["exit_code"]) == (0, 0)
    (answer,) = found["checked"][0]["answers"]
    assert (answer["probe"], answer["outcome"]) == ("net-tcp", "held")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--backend", "podman"), ["no backend 'podman'", "gvisor, docker"]),
        (("--only", "net-tpc"), ["did you mean net-tcp?", "network, sockets"]),
        (("--only", "Network"), ["did you mean network?"]),
    ],
)
def test_what_is_not_known_is_not_tried(
    words: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt name is a usage error that says what there is, never a wall that held."""
    assert run(["selfcheck", "--quiet", *words]) == 64
    said = capsys.readouterr().err
    assert all(words in said for words in told)


def test_probes_are_listed_and_none_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To look before trying; for people by family, for machines with the wall of each."""
    monkeypatch.setattr("verifier.pipeline.selfchecking.try_walls", None)
    assert run(["selfcheck", "--list", "--only", "network", "--only", "bomb-processes"]) == 0
    shown = capsys.readouterr().out
    assert "Network (network)" in shown and "net-tcp" in shown and "bomb-processes" in shown
    assert "unix-abstract" not in shown
    assert run(["selfcheck", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["probes"]
    assert [each["probe"] for each in listed] == [
        probe.id for family in FAMILIES for probe in family.probes
    ]
    assert listed[0].keys() == {"family", "probe", "wall", "tries"}
