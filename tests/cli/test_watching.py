"""Long work shows that it is alive: by lines in a log, by a bar on a terminal."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from verifier.cli import watching
from verifier.cli.watching import Shown


def log(terminal: bool = False) -> tuple[Shown, io.StringIO]:
    """A watch, and what it writes."""
    text = io.StringIO()
    return Shown(Console(file=text, force_terminal=terminal, width=100)), text


def waited(text: io.StringIO, count: int) -> bool:
    """Wait until so many lines were written."""
    deadline = time.monotonic() + 10
    while text.getvalue().count("under way") < count and time.monotonic() < deadline:
        time.sleep(0.005)
    return text.getvalue().count("under way") >= count


def test_a_long_phase_says_again_and_again_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is silent for minutes looks hung."""
    monkeypatch.setattr(watching, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.02)
    shown, text = log()
    with shown.phase("[train]", None):
        assert waited(text, 3)
    lines = text.getvalue().splitlines()
    assert lines[0] == "… [train] is under way"
    assert lines[1] == "… [train] is under way for 0 s"


def test_a_short_phase_says_nothing_meanwhile_and_leaves_no_thread() -> None:
    """Nor after it has ended."""
    shown, text = log()
    with shown.phase("weigh", 3.0):
        pass
    assert text.getvalue() == ""


@pytest.mark.parametrize(("total", "claims"), [(None, False), (4.0, True)])
def test_a_share_is_shown_where_the_whole_is_known(total: float | None, claims: bool) -> None:
    """0 % to the end says that nothing happens."""
    shown, text = log(terminal=True)
    with shown.phase("ask", total) as progress:
        progress.advance(2.0)
        time.sleep(0.3)
    assert ("%" in text.getvalue()) is claims
