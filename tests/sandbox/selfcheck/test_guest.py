"""What a box prints is a probe's word only behind its token, once, and in the right form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.sandbox.selfcheck import FAMILIES, guest

TOKEN = "0123456789abcdef"
BEGAN = TOKEN + json.dumps({"probe": "p", "began": True})
SAID = TOKEN + json.dumps({"probe": "p", "said": {"open": "EPERM"}})


def test_a_probe_that_is_through_is_heard() -> None:
    """It began, and said what became of each attempt."""
    log = f"noise\n{BEGAN}\nmore\n{SAID}\n"
    assert guest.words(log, TOKEN) == {"p": (True, {"open": "EPERM"})}


@pytest.mark.parametrize(
    "log",
    [
        "held\nall walls held\n",
        '{"probe": "p", "began": true}\n{"probe": "p", "said": {"open": "EPERM"}}\n',
        f" {BEGAN}\n {SAID}\n",
        TOKEN + "held\n" + TOKEN + "[]\n" + TOKEN + '{"probe": 1, "began": true}\n',
        TOKEN + '{"probe": "p", "began": 1}\n',
        TOKEN + "[" * 100_000,
    ],
)
def test_other_words_are_no_probes(log: str) -> None:
    """Attack: a box that prints that its walls held."""
    assert guest.words(log, TOKEN) == {}


@pytest.mark.parametrize(
    "log",
    [
        f"{BEGAN}\n",
        f"{BEGAN}\n{SAID}\n{SAID}\n",
        f"{BEGAN}\n{BEGAN}\n{SAID}\n",
        f"{SAID}\n",
        f'{BEGAN}\n{TOKEN}{{"probe": "p", "said": {{"open": 1}}}}\n',
        f'{BEGAN}\n{TOKEN}{{"probe": "p", "said": ["EPERM"]}}\n',
    ],
)
def test_a_probe_that_is_not_through_once_has_said_nothing(log: str) -> None:
    """Cut off, twice, without a beginning, or in another form."""
    assert guest.words(log, TOKEN)["p"][1] is None


@given(st.text())
def test_no_log_breaks_the_reader(log: str) -> None:
    """Whatever is printed."""
    assert guest.words(log, TOKEN) == {}
    guest.words("\n".join(TOKEN + line for line in log.splitlines()), TOKEN)


def test_every_probe_is_a_program() -> None:
    """Sources are text; a mistake in one would only show in a box."""
    for family in FAMILIES:
        for probe in family.probes:
            compile(probe.source, probe.id, "exec")
        source, given_ = guest.arguments(family.probes, {"token": TOKEN, "path": "/tmp/x"})
        compile(source, family.name, "exec")
        assert "/" not in given_


def test_probes_are_many_and_each_has_a_name_of_its_own() -> None:
    """A name finds one probe or one family, in answers and on the command line."""
    names = [probe.id for family in FAMILIES for probe in family.probes]
    names += [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    assert len(names) - len(FAMILIES) >= 60
