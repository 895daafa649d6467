"""report.md: short, and harmless whoever renders it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.report import runs
from tests.report.runs import HOSTILE, RUNS, files, found
from verifier.report.as_markdown import page
from verifier.report.quoting import REASON_SHOWN, harmless, prose, span

PLAIN = {"text", "code_inline", "softbreak", "strong_open", "strong_close"}


def rendered(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


def markdown(name: str) -> str:
    return files(name)["report.md"]


@pytest.mark.parametrize("name", RUNS)
def test_nothing_becomes_a_link_an_image_or_html(name: str) -> None:
    """Only text, code and our own bold are left when it is rendered."""
    tokens = rendered(markdown(name))
    assert {token.type for token in inline(tokens)} <= PLAIN
    assert not [token for token in tokens if token.type in {"html_block", "fence", "code_block"}]


@pytest.mark.parametrize("name", RUNS)
def test_no_cell_breaks_out_of_the_table(name: str) -> None:
    """One row for each audit, three cells each."""
    _, verdict = found(name)
    tokens = rendered(markdown(name))
    assert sum(token.type == "tr_open" for token in tokens) == len(verdict.findings) + 1
    cells = [token.type for token in tokens].count("td_open")
    assert cells == 3 * len(verdict.findings)


@pytest.mark.parametrize("name", RUNS)
def test_only_our_headings_are_headings(name: str) -> None:
    """A name with line breaks in it makes none."""
    tokens = rendered(markdown(name))
    headings = [b.content for a, b in pairwise(tokens) if a.tag[:1] == "h"]
    machine = ["Machine"] if "### Machine\n" in markdown(name) else []
    ours = ["Why", "Number", *machine, "Audits", "What was not checked", "Notes"]
    assert [heading for heading in headings if heading][1:] == ours


@pytest.mark.parametrize("name", RUNS)
def test_the_line_the_why_and_the_unchecked_are_said(name: str) -> None:
    """What a reviewer needs under a pull request."""
    _, verdict = found(name)
    text = markdown(name)
    assert verdict.answer.value in text.splitlines()[0]
    for finding in verdict.findings:
        assert finding.audit in text
    assert "### What was not checked" in text
    report = runs.told(name)
    assert prose(report.verdict.why) in text


def test_figures_and_advice_stand_under_the_reason() -> None:
    """Each deciding audit with what is behind it and what to do."""
    text = markdown("refuted")
    assert "- ✗ broken **lookahead**: score gives another cost" in text
    assert "  - deviating 80 · replayed 240" in text
    assert "  - what to do: score a token from the earlier tokens" in text


def test_audits_with_one_reason_are_said_once() -> None:
    """Seven audits that were not run because no pass was finished are one line."""
    text = markdown("training_failed")
    why = text.partition("### Why")[2].partition("### Number")[0]
    assert why.count("no scoring pass was finished") == 1
    assert "**lookahead, normalization, reset" in why


def test_a_number_is_given_with_its_spread_and_seeds() -> None:
    """Several seeds: the mean, and each."""
    evidence, verdict, policy = runs.sampled(3)
    text = page(runs.tell(evidence, verdict, policy))
    assert f"**{verdict.bpb:.4f} ± {verdict.bpb_std:.4f}** bits per byte, δ" in text
    for score in verdict.seeds:
        assert f"- seed {score.seed}: {score.bpb:.4f}, δ {score.delta_bpb:.4f}" in text
    assert "confidence, over the" in text


def test_no_number_is_said_to_be_none() -> None:
    """Nor is a missing bound made up."""
    assert "There is no number." in markdown("no_pass")
    text = markdown("no_replay")
    assert "bits per byte\n" in text
    assert "There is no bound δ" in text


def test_everything_checked_and_nothing_to_note_is_short() -> None:
    """No empty sections."""
    report = runs.told("verified")
    kept = tuple(f for f in report.verdict.findings if f.outcome.value == "kept")
    verdict = report.verdict.model_copy(update={"findings": kept, "notes": ()})
    text = page(report.model_copy(update={"verdict": verdict}))
    assert "Every audit was run." in text
    assert "### Notes" not in text


@pytest.mark.parametrize(
    "word",
    ["held-out", "84%", "2,156,322", "1.2e-12", "δ", "(score)", "§4.5", "symbols'", "L2", "it’s"],
)
def test_plain_words_stay_prose(word: str) -> None:
    """A report that is all code spans is no pleasure to read."""
    assert harmless(word)
    assert prose(f"so {word} it is") == f"so {word} it is"


@pytest.mark.parametrize(
    "word",
    [
        "www.evil.example",
        "http://x",
        "a@b.c",
        "@everyone",
        "#1",
        "GH-12",
        "[x](y)",
        "*x*",
        "_x_",
        "<b>",
        "&amp;",
        "a|b",
        "`",
        "\\",
        "$x$",
        ":smile:",
        "~~x~~",
        "-",
        "+",
        "deadbeef",
        "1234567",
        "evil.example",
    ],
)
def test_a_word_that_a_renderer_may_take_for_more_is_code(word: str) -> None:
    """Links, mentions, issues, commits, emphasis, entities, formulas, list marks."""
    assert not harmless(word)
    assert prose(f"so {word} it is") == f"so {span(word)} it is"


def test_long_text_is_cut() -> None:
    """A comment stays short whatever a message says."""
    assert prose("word " * 1000).endswith("…")
    assert len(prose("word " * 1000)) <= REASON_SHOWN
    assert len(span("a_b " * 1000)) <= REASON_SHOWN + 2


def test_doubtful_words_side_by_side_share_one_span() -> None:
    """A sentence of theirs is quoted whole."""
    assert prose("in a_b c_d at") == "in `a_b c_d` at"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the key of `counts` holds `a b`, so", "the key of `counts` holds `a b`, so"),
        ("(`a`) and `b`: c", "(`a`) and `b`: c"),
        ("x`a` b", "`` x`a` `` b"),
        ("` ` a", "`` ` ` `` a"),
        ("`a` `b", "`a` `` `b ``"),
        ("in submission.json.", "in `submission.json`."),
        ("a .,", "a `.,`"),
    ],
)
def test_what_is_quoted_already_is_a_span_and_its_full_stop_is_none(text: str, shown: str) -> None:
    """A sentence with a name in it reads as it was written."""
    assert prose(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a`", "`` `a` ``"),
        ("a``b", "```a``b```"),
        ("a|b", "`a|b`"),
        ("", "(empty)"),
        ("  ", "(empty)"),
        ("\u202ex", "`\\u202ex`"),
    ],
)
def test_a_span_cannot_be_ended_from_within(text: str, shown: str) -> None:
    """The fence is longer than any in the text."""
    assert span(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"`a\|b`"),
        (r"a\|b", r"`a\¦b`"),
        (r"a\\|b", r"`a\\\|b`"),
        ("||", r"`\|\|`"),
    ],
)
def test_a_bar_in_a_cell_is_a_bar(text: str, shown: str) -> None:
    """Escaped as tables have it; where renderers disagree about backslashes, it is another sign."""
    assert span(text, cell=True) == shown
    assert prose(f"so {text} it", cell=True) == f"so {shown} it"
    cells = inline(rendered(f"| a | b |\n| - | - |\n| {shown} | c |\n"))
    assert [cell.content for cell in cells][3:] == ["c"]
    assert cells[2].type == "code_inline" and len(cells[2].content) == len(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see a_b: it", "see `a_b`: it"),
        ("of a.log's model", "of `a.log`'s model"),
        ("in a_b, c_d; e_f", "in `a_b`, `c_d`; `e_f`"),
        ("it is (a_b) and (c_d, e_f) now", "it is (`a_b`) and (`c_d`, `e_f`) now"),
        ("call main(), then", "call `main()`, then"),
        ("call (main()).", "call (`main()`)."),
        (":smile: &amp; a", "`:smile: &amp;` a"),
        ("(), [x](y).", "`(), [x](y)`."),
        ("*x*! _y_?", "`*x*`! `_y_`?"),
    ],
)
def test_punctuation_stands_outside_what_it_punctuates(text: str, shown: str) -> None:
    """A sentence of ours reads as one, with their names in it."""
    assert prose(text) == shown


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet="`|\\<>[]()!*_~#@:/.-+ \nab1", max_size=12),
            st.sampled_from([HOSTILE, "http://x.y", "</td>", "\\|", "\\`", "``` ", "| --- |"]),
        ),
        max_size=6,
    ).map(" ".join)
)
def test_no_text_at_all_gets_out_of_its_cell(text: str) -> None:
    """Any text, in a cell and in a list."""
    cells = f"| {prose(text, cell=True)} | {span(text, cell=True)} |"
    page_ = f"| a | b |\n| --- | --- |\n{cells}\n\n- {prose(text)}\n- {span(text)}\n"
    tokens = rendered(page_)
    assert [token.type for token in tokens].count("td_open") == 2
    assert [token.type for token in tokens].count("tr_open") == 2
    assert {token.type for token in inline(tokens)} <= PLAIN
