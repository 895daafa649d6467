"""The terminal: the answer first, then where to look; at any width, and nothing of theirs acts."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.report.screening import screenings as make
from tests.report.screening.screenings import RULES
from verifier.report import screening as told
from verifier.report.lettering import uncommanded
from verifier.screening import Confidence
from verifier.screening.screened import Answer

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SCREENINGS = {
    "plain": make.screening,
    "empty": make.empty,
    "placeless": make.placeless,
    "hostile": make.hostile,
}
ANY = st.text(st.characters(exclude_categories=()), max_size=60)


def printed(print_to: Callable[[Console], None], width: int = 80, *, terminal: bool) -> str:
    file = io.StringIO()
    print_to(
        Console(
            file=file,
            width=width,
            force_terminal=terminal,
            color_system="standard" if terminal else None,
            legacy_windows=False,
        )
    )
    return file.getvalue()


def shown(name: str, width: int = 80, *, terminal: bool = True) -> str:
    found = SCREENINGS[name]()
    return printed(
        lambda console: told.render_screening(found, console, RULES, ["It also touches x."]),
        width,
        terminal=terminal,
    )


def table(width: int = 80, *, terminal: bool = True, most: int = 40) -> str:
    found = make.triage()
    return printed(
        lambda console: told.render_triage(found, console, RULES, most), width, terminal=terminal
    )


@pytest.mark.parametrize("name", SCREENINGS)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal(name: str, width: int) -> None:
    """At 40, 80 and 120 columns, without trailing blanks."""
    lines = COLOUR.sub("", shown(name, width)).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_triage_fits_the_terminal_too(width: int) -> None:
    """A row is one line, cut where it must be."""
    lines = COLOUR.sub("", table(width)).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_the_answer_comes_first_and_is_never_a_tick() -> None:
    """Screening's best word is "nothing found"."""
    assert COLOUR.sub("", shown("plain").splitlines()[0]) == "✗ violation · 2026-04-02_NgramTilt"
    text = COLOUR.sub("", shown("empty"))
    assert text.splitlines()[0].startswith("○ nothing found")
    assert "✓" not in text and "VERIFIED" not in text
    assert "nothing here verifies" in text


def test_every_finding_has_its_rule_its_place_its_line_and_its_advice() -> None:
    """What a reviewer needs without opening anything."""
    text = " ".join(COLOUR.sub("", shown("plain", 200)).split())
    for rule in RULES[:1] + RULES[2:3]:
        assert rule.sentence in text
        assert rule.clear in text
    assert "train_gpt.py:1203 in lzma+base85" in text
    assert "key = (context * 36313 + target) % buckets" in text
    assert "already in #812" in text
    assert "unreachable-table: `build_table` is called by nothing (train_gpt.py:90)" in text


def test_a_rule_without_an_entry_is_shown_by_its_id() -> None:
    """Another version's finding is not swallowed."""
    found = make.screening(remarks=(make.remark("of-another-version"),))
    text = printed(lambda c: told.render_screening(found, c, RULES), terminal=False)
    assert "✗ violation  of-another-version" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_no_control_character_of_theirs_gets_through(terminal: bool) -> None:
    """Not in a screening, not in a table."""
    for text in (shown("hostile", terminal=terminal), table(terminal=terminal)):
        left = COLOUR.sub("", text).replace("\n", "")
        assert left.isprintable()


def test_no_line_is_a_command_of_the_runner() -> None:
    """GitHub obeys lines that begin with two colons, and another mark anywhere."""
    for width in range(20, 120, 7):
        for text in (shown("hostile", width, terminal=False), table(width, terminal=False)):
            assert not re.search(r"^\s*::", text, re.MULTILINE)
            assert "##[" not in text


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::x", r"  \x3a:x"),
        ("a ::x", "a ::x"),
        ("a ##[x]", r"a \x23#[x]"),
        ("###[x]", r"#\x23#[x]"),
        ("# x", "# x"),
    ],
)
def test_what_a_runner_would_obey_is_written_out(line: str, safe: str) -> None:
    """And nothing else is."""
    assert uncommanded(line) == safe


@settings(deadline=None, max_examples=60)
@given(ANY)
def test_whatever_they_write_it_is_shown_and_does_nothing(text: str) -> None:
    """Any text, in every field."""
    found = make.hostile(text)
    for terminal in (True, False):
        said = printed(lambda c: told.render_screening(found, c, RULES, [text]), terminal=terminal)
        assert COLOUR.sub("", said).replace("\n", "").isprintable()


def test_a_triage_counts_answers_and_says_why_some_were_not_screened() -> None:
    """Each row is somewhere."""
    text = COLOUR.sub("", table(200))
    assert text.startswith("5 pull requests of openai/parameter-golf, read in 97.4 s\n")
    assert "✗ 2 violation · ? 0 review · ○ 1 nothing found · 2 not screened" in text
    assert "1  its head is not in the clone" in text
    assert "1  The pull request adds no folder under records/." in text


def test_open_requests_come_first_then_violations_by_their_number() -> None:
    """Where a reviewer's time is worth most."""
    rows = (
        make.row(1, screening=make.empty()),
        make.row(2, state="closed"),
        make.row(3, screening=make.screening(answer=Answer.REVIEW), rulings=()),
        make.row(4),
        make.row(5, screening=make.screening(claimed=None, logs=make.logs(1.01))),
    )
    text = printed(lambda c: told.render_triage(make.triage(*rows), c, RULES), 200, terminal=False)
    order = re.findall(r"^ +(\d+)  [✗?○] [a-z ]+(?:\d\.\d|–)", text, re.MULTILINE)
    assert order == ["5", "4", "3", "1", "2"]


def test_only_so_many_rows_are_printed_and_the_rest_is_counted() -> None:
    """A terminal is no place for two thousand."""
    assert "and 2 more" in table(most=1)


def test_an_ascii_terminal_gets_letters_it_has() -> None:
    """No dot, no tick, no cross that it cannot print."""

    class Ascii(io.StringIO):
        encoding = "ascii"

    file = Ascii()
    told.render_screening(make.hostile(), Console(file=file, width=80), RULES)
    assert file.getvalue().isascii()


def test_many_remarks_of_a_rule_are_counted() -> None:
    """Thousands of places do not bury the next rule."""
    remarks = tuple(make.remark(said=f"place {i}") for i in range(50))
    notes = tuple(make.remark(confidence=Confidence.NOTE, said=f"n{i}") for i in range(50))
    found = make.screening(remarks=remarks + notes, logs=make.logs(*[1.0] * 9))
    text = printed(lambda c: told.render_screening(found, c, RULES), terminal=False)
    assert text.count("and 44 more") == 2
    assert "and 4 more" in text


def test_in_a_pipe_no_name_is_broken() -> None:
    """So that it can be searched; a terminal's width holds."""
    name = f"records/{'long_name_' * 20}/train_gpt.py"
    found = make.screening(folder=name, command=f"python {name}", entry=name)
    for terminal in (False, True):
        text = printed(lambda c: told.render_screening(found, c, RULES, [name]), terminal=terminal)
        assert (COLOUR.sub("", text).count(name) >= 4) is not terminal
    lines = shown("plain", terminal=False).splitlines()
    assert max(map(cell_len, lines)) <= 80


def test_notes_alone_do_not_outweigh_the_answer() -> None:
    """What they amount to is said in the same breath."""
    notes = tuple(make.remark(confidence=Confidence.NOTE, said=f"n{i}") for i in range(44))
    found = make.screening(answer=Answer.NOTHING_FOUND, remarks=notes)
    text = printed(lambda c: told.render_screening(found, c, RULES), terminal=False)
    first, second, *_ = text.splitlines()
    assert first.startswith("○ nothing found")
    assert second == "  nothing that asks for a person; 44 notes"
