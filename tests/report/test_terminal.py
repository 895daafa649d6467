"""The terminal: line first, reasons next, one line an audit, and no control character of theirs."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.report.runs import HOSTILE, RUNS, found
from verifier.records import Answer, Finding, Outcome, Verdict
from verifier.report import render

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Ascii(io.StringIO):
    """A stream whose encoding has no δ."""

    encoding = "ascii"


def shown(
    verdict: Verdict, width: int = 80, *, terminal: bool, file: io.StringIO | None = None
) -> str:
    console = Console(
        file=file or io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        legacy_windows=False,
    )
    render(verdict, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal(name: str, width: int) -> None:
    """At 40, 80 and 120 columns, without trailing blanks."""
    text = COLOUR.sub("", shown(found(name)[1], width, terminal=True))
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("name", RUNS)
def test_a_pipe_gets_the_line_whole_and_no_colour(name: str) -> None:
    """CI greps for it; so it does for an audit."""
    _, verdict = found(name)
    text = shown(verdict, terminal=False)
    assert text.splitlines()[0][2:] == verdict.line
    assert "\x1b" not in text
    for finding in verdict.findings:
        assert re.search(rf"^  . {finding.outcome.value} +{finding.audit}  ", text, re.MULTILINE)


@pytest.mark.parametrize("name", RUNS)
def test_colour_says_nothing_that_words_do_not(name: str) -> None:
    """The same words with and without it."""
    _, verdict = found(name)
    plain = shown(verdict, 1000, terminal=False)
    assert COLOUR.sub("", shown(verdict, 1000, terminal=True)) == plain


def test_hostile_text_cannot_move_the_cursor() -> None:
    """Control characters are written out, markup is not parsed."""
    _, verdict = found("hostile")
    text = shown(verdict, terminal=False)
    assert not [c for c in text if c != "\n" and not c.isprintable()]
    assert "\\x1b[31m" in text
    assert shown(replace(verdict, notes=("[bold]x[/bold] [/]",)), terminal=False).count("[bold]x")


def test_the_reasons_come_before_the_audits() -> None:
    """Each with its figures and what to do; kept ones do not stand among them."""
    text = shown(found("refuted")[1], terminal=False)
    why, _, audits = text.partition("\nAudits\n")
    assert "✗ broken  lookahead  R5, C1, C3, PROTOCOL §4" in why
    assert "deviating 80 · replayed 240" in why
    assert "→ score a token from the earlier tokens" in why
    assert "normalization" not in why
    assert audits.index("lookahead") < audits.index("Shown, never deciding")
    assert audits.index("Shown, never deciding") < audits.index("provenance")


def test_audits_with_one_reason_share_one() -> None:
    """Said once; a rule is cited only for a single audit."""
    why = shown(found("training_failed")[1], 200, terminal=False).partition("\nAudits\n")[0]
    assert why.count("no scoring pass was finished") == 1
    assert "lookahead, normalization, reset, purity, determinism, coverage" in why
    assert "R5" not in why


def test_a_long_line_breaks_between_its_parts() -> None:
    """Nothing of it is lost, and no part is torn."""
    _, verdict = found("verified")
    head = COLOUR.sub("", shown(verdict, 60, terminal=True)).split("\n\n")[0]
    lines = head.partition("context: ")[0].splitlines()
    assert len(lines) == 2
    assert " ".join(line.strip() for line in lines) == f"✓ {verdict.line}"


def test_a_long_audit_is_cut_on_a_terminal_only() -> None:
    """One line each, with an ellipsis where something is missing."""
    _, verdict = found("verified")
    reason = "it is " + "very " * 50 + "long"
    long = replace(verdict, findings=(replace(verdict.findings[0], reason=reason),))
    row = COLOUR.sub("", shown(long, terminal=True)).partition("Audits\n")[2].splitlines()[0]
    assert row.endswith("…") and len(row) == 80
    assert reason in shown(long, terminal=False)


def test_an_encoding_without_our_letters_gets_others() -> None:
    """Never an error where a verdict should be."""
    verdict = replace(found("hostile")[1], notes=("decided at α = 0.0005", "子"))
    for terminal in (True, False):
        text = shown(verdict, 60, terminal=terminal, file=Ascii())
        assert text.isascii()
        assert "x REFUTED | local_cpu" in COLOUR.sub("", text)
        assert "* decided at alpha = 0.0005" in text
        assert "\\u5b50" in text


def test_an_empty_verdict_is_shown_too() -> None:
    """No audits, no notes: the line and the one sentence there is."""
    verdict = Verdict(
        answer=Answer.INCONCLUSIVE,
        line="INCONCLUSIVE · none",
        bpb=None,
        bpb_std=None,
        delta_bpb=None,
        seeds=(),
        findings=(),
        required=(),
        disclosed=(),
        policy="none",
        assurance=found("verified")[1].assurance,
    )
    text = shown(verdict, terminal=False)
    assert text.startswith("? INCONCLUSIVE · none\n")
    assert "requires nothing" in text
    assert "Audits" not in text and "Not checked" not in text and "Notes" not in text


def test_a_name_in_a_row_is_aligned_and_harmless() -> None:
    """An audit's name comes from a policy file."""
    _, verdict = found("verified")
    strange = Finding(audit=HOSTILE[:20] + "\x1b", outcome=Outcome.BROKEN, reason="so")
    text = shown(replace(verdict, findings=(strange,), required=(strange.audit,)), terminal=False)
    assert "\x1b" not in text
    assert text.count("<script>alert(1)</sc\\x1b") == 2


def test_the_context_of_the_number_stands_under_it() -> None:
    """Promise: whether documents were scored alone is said at once, and once."""
    _, verdict = found("verified")
    said = shown(verdict, 200, terminal=False)
    assert said.count("context: document (every document is scored alone") == 1
    assert said.index("context: ") < said.index("Audits")
