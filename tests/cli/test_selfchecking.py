"""`verifier selfcheck`: from the words of a command line to walls that were tried."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.conftest import opened
from verifier.cli.main import run


def test_a_probe_is_tried_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One probe in an ordinary process, for machines."""
    opened("plain")
    code = run(["selfcheck", "--backend", "plain", "--only", "net-tcp", "--json", "--quiet"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["exit_code"]) == (0, 0)
    (answer,) = found["checked"][0]["answers"]
    assert (answer["probe"], answer["outcome"]) == ("net-tcp", "held")


@pytest.mark.parametrize("words", [("--backend", "podman"), ("--only", "net-tpc")])
def test_what_is_not_known_is_not_tried(words: tuple[str, ...]) -> None:
    """A misspelt name is a usage error, never a wall that held."""
    assert run(["selfcheck", "--quiet", *words]) == 64
