"""How a self-check is told: what held in numbers, what did not with all it said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from verifier.errors import EngineUnavailable, MachineFault
from verifier.pipeline import selfchecking
from verifier.pipeline.selfchecking import Tried, Untried, try_walls
from verifier.records import Assurance
from verifier.report import selfcheck as told
from verifier.report.selfcheck_page import page
from verifier.sandbox.selfcheck import Answer, Checked, Outcome
from verifier.watch import Unwatched

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "selfcheck.md"


def answer(outcome: Outcome, *said: str, probe: str = "net-tcp") -> Answer:
    """Of one probe of the network."""
    return Answer(
        probe=probe,
        family="network",
        wall="own network",
        tries="get out",
        outcome=outcome,
        said=said,
    )


def checked(*answers: Answer) -> Checked:
    """Of one backend."""
    return Checked(backend="docker", level=Assurance.L2, lacking=(), answers=answers, seconds=12.3)


def rendered(tried: Tried) -> str:
    """On a terminal of 100 columns."""
    text = io.StringIO()
    told.render(tried, Console(file=text, width=100, highlight=False))
    return text.getvalue()


HELD, LACKS = answer(Outcome.HELD), answer(Outcome.LACKS, "listed: no such wall", probe="net-udp")
BROKE = answer(Outcome.BROKE, "to 10.0.0.1: did", "tcp of the host was reached", probe="net-ipv6")
NOT_TRIED = answer(Outcome.NOT_TRIED, "this machine has no ipv6", probe="net-vsock")
ABSENT = Untried("bubblewrap", "bwrap is not installed", "apt-get install bubblewrap", failed=False)
FAILED = Untried("plain", "no temporary folder", "", failed=True)


def test_what_lacks_means_is_said_once_where_it_stands() -> None:
    """And not at all where every wall held."""
    assert rendered(Tried((checked(HELD, LACKS), checked(LACKS)), ())).count("lacks: a wall") == 1
    assert "lacks:" not in rendered(Tried((checked(HELD),), ()))


@pytest.mark.parametrize(
    ("tried", "code"),
    [
        (Tried((checked(HELD, LACKS, NOT_TRIED),), (ABSENT,)), 0),
        (Tried((checked(HELD, BROKE),), (FAILED,)), 1),
        (Tried((checked(HELD),), (FAILED,)), 70),
        (Tried((), (ABSENT,)), 2),
        (Tried((checked(NOT_TRIED),), ()), 2),
        (Tried((checked(HELD), checked()), ()), 2),
        (Tried((), ()), 2),
    ],
)
def test_the_exit_code_says_the_worst(tried: Tried, code: int) -> None:
    """What was not tried never counts as held."""
    assert tried.exit_code == code


def test_what_broke_is_told_with_all_it_said_and_what_held_is_counted() -> None:
    """A person must see at once what does not hold, and what to do."""
    said = rendered(Tried((checked(HELD, BROKE, LACKS, NOT_TRIED),), (ABSENT,)))
    assert "docker (L2): 4 probes in 12 s: 1 held, 1 broke, 1 lacks, 1 not tried" in said
    assert "✗ net-ipv6 (own network): tried to get out" in said
    assert "to 10.0.0.1: did" in said and "tcp of the host was reached" in said
    assert "run nobody's code in docker boxes" in said
    assert "listed: no such wall" in said and "this machine has no ipv6" in said
    assert "bubblewrap: not tried" in said and "apt-get install bubblewrap" in said
    assert "net-tcp" not in said


def test_machines_are_told_the_same() -> None:
    """Every answer, with the exit code."""
    found = json.loads(told.as_json(Tried((checked(HELD, BROKE),), (ABSENT,))))
    assert found["exit_code"] == 1
    (backend,) = found["checked"]
    assert backend["level"] == "L2" and backend["counts"] == {"held": 1, "broke": 1}
    assert [each["outcome"] for each in backend["answers"]] == ["held", "broke"]
    assert found["untried"][0]["backend"] == "bubblewrap"


def test_no_word_of_a_box_acts_on_a_terminal() -> None:
    """Attack: what a probe found is the box's text."""
    found = answer(Outcome.BROKE, "did: '\x1b[2J'", "::error::x", probe="net-udp")
    said = rendered(Tried((checked(found),), ()))
    assert "\x1b[2J" not in said
    assert not any(line.lstrip().startswith("::") for line in said.splitlines())


def test_a_backend_that_cannot_be_had_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither named alone, nor among all; one whose check breaks off is a fault."""

    def refused() -> None:
        raise EngineUnavailable("no engine", remedy="start it")

    monkeypatch.setattr(selfchecking, "BACKENDS", {"docker": refused})
    monkeypatch.setattr("verifier.sandbox.BACKENDS", {"docker": refused})
    for name in ("docker", "all"):
        tried = try_walls(name, (), Unwatched())
        assert tried.exit_code == 2
        assert tried.untried == (Untried("docker", "no engine", "start it", failed=False),)

    def breaks_off(*_: object) -> None:
        raise MachineFault("the check's own server hears nobody")

    monkeypatch.undo()
    monkeypatch.setattr(selfchecking.selfcheck, "check", breaks_off)
    assert try_walls("plain", (), Unwatched()).exit_code == 70


def test_the_page_lists_the_probes_that_run() -> None:
    """`make docs` writes docs/selfcheck.md."""
    text = DOCS.read_text(encoding="utf-8")
    assert page(text) == text
