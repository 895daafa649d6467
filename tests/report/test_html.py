"""The page: answer first, every picture there is evidence for, and nothing that could do harm."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.report import runs
from tests.report.runs import RUNS, found, page, told
from verifier.records import EndedBy, Outcome
from verifier.report import as_html

TITLES = (
    "Time on the host’s clock",
    "Cost by position in document",
    "Bits per byte by document",
    "What context and adaptation bought",
    "Replayed against charged",
    "How far blind costs are from charges",
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Read(HTMLParser):
    """What a browser would see: elements, their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.mismatched: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def titles(self) -> list[str]:
        """What the pictures are called."""
        return [
            value for tag, name, value in self.attributes if (tag, name) == ("svg", "aria-label")
        ]


@pytest.mark.parametrize("name", RUNS)
def test_a_page_asks_nobody_for_anything_and_runs_nothing(name: str) -> None:
    """No script, no handler, no address but places within the page, and well nested."""
    read = Read(page(name))
    assert not read.open and not read.mismatched
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(
        read.tags
    )
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    addresses = [v for _, n, v in read.attributes if n in {"src", "href", "xlink:href", "srcset"}]
    assert addresses and all(address.startswith("#") for address in addresses)
    styles = [v for _, n, v in read.attributes if n in {"style", "clip-path"}]
    assert not [style for style in styles if re.search(r"url\((?!#)", style)]


@pytest.mark.parametrize("name", RUNS)
def test_names_within_a_page_are_unique_and_whole(name: str) -> None:
    """Several pictures share a page: none may borrow another's parts."""
    text = page(name)
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))
    wanted = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    assert wanted and wanted <= set(names)


@pytest.mark.parametrize("name", RUNS)
def test_the_answer_comes_first_with_its_line(name: str) -> None:
    """The first words of the page are the answer; its line stands in the same block."""
    _, verdict = found(name)
    words = top(name)
    assert words[1] == verdict.answer.value
    assert verdict.line in words


def top(name: str) -> list[str]:
    """The texts of the block that a page begins with."""
    text = page(name).partition("<body>")[2].partition("</header>")[0]
    return [word.strip() for word in Read(text).text if word.strip()]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refuted", ("broken", "lookahead", "what follows the token is withheld")),
        ("refuted", ("document 0", "2.9175 nats", "3.3175")),
        ("unexplained", ("unproven", "80 blind costs differ", "document 0")),
        ("training_failed", ("broken", "train-budget", "stopped at its limit", "the clock")),
        ("no_pass", ("broken", "protocol", "in document 2", "what the scorer said")),
        ("machine_fault", ("The machine was at fault", "a foreign process on the GPU")),
        ("script_failed", ("broken", "future", "4 other required audits")),
        ("verified", ("All 14 required audits were kept.", "every audit")),
    ],
)
def test_the_reason_stands_beside_the_answer(name: str, said: tuple[str, ...]) -> None:
    """Which rule broke, where, and what it cost both times, before anything else is read."""
    shown = " ".join(top(name))
    assert not [part for part in said if part not in shown], shown


def test_a_machines_fault_is_said_and_not_the_rule_that_was_broken_meanwhile() -> None:
    """Law 5: what a spoiled run broke is nobody's broken rule."""
    assert "artifact-size" not in " ".join(top("machine_fault"))


def test_a_place_that_the_reason_names_is_not_said_twice() -> None:
    """A finding that carries its own example needs no second one from the curves."""
    report = told("refuted")
    findings = tuple(
        each.model_copy(update={"evidence": {"example": {"document": 0}}})
        for each in report.verdict.findings
    )
    verdict = report.verdict.model_copy(update={"findings": findings})
    text = as_html.page(report.model_copy(update={"verdict": verdict}))
    assert "differ most" not in text.partition("</header>")[0]


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("refuted", {"#audit-lookahead", "#deviations-0", "#chain-0", "#logs"}),
        ("several", {"#audit-lookahead", "#deviations-2", "#logs", "#why"}),
        ("no_pass", {"#audit-protocol", "#said", "#logs", "#why"}),
        ("hostile", {"#audit-secrecy", "#size", "#logs", "#why"}),
        ("nothing", {"#audit-coverage", "#why"}),
        ("verified", {"#audits"}),
    ],
)
def test_the_evidence_is_one_click_away(name: str, evidence: set[str]) -> None:
    """From the reason to the figures; that each leads somewhere is tested of every page."""
    head = page(name).partition("<body>")[2].partition("</header>")[0]
    assert {value for _, key, value in Read(head).attributes if key == "href"} == evidence


def test_every_picture_of_a_whole_run_is_there() -> None:
    """Issue 3, part 13."""
    assert Read(page("verified")).titles() == list(TITLES)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("training_failed", TITLES[1:]),
        ("nothing", TITLES),
        ("no_pass", TITLES[1:]),
        ("no_replay", TITLES[4:]),
        ("stream", TITLES[4:]),
        ("unexplained", ()),
        ("refuted", ()),
    ],
)
def test_a_picture_is_missing_only_where_its_evidence_is(
    name: str, missing: tuple[str, ...]
) -> None:
    """Partial evidence gives a partial page, never none."""
    titles = Read(page(name)).titles()
    assert titles == [title for title in TITLES if title not in missing]


def test_a_picture_takes_its_colours_from_the_page() -> None:
    """Light paper and dark screens: no picture brings a colour of its own."""
    pictures = re.findall(r"<svg.*?</svg>", page("refuted"), re.DOTALL)
    assert len(pictures) == len(TITLES)
    for picture in pictures:
        assert "var(--" in picture
        assert not re.findall(r"#[0-9a-fA-F]{6}\b", picture)
        assert "font-family" not in picture


def test_every_seed_has_a_section_of_its_own() -> None:
    """Several seeds: the one without a pass has its training alone."""
    evidence, _ = found("several")
    text = page("several")
    for seed in evidence.seeds:
        assert f"Seed {seed.seed}" in text
    assert len(Read(text).titles()) == 6 + 1 + 6


def test_hostile_text_is_shown_and_does_nothing() -> None:
    """Names, logs, messages, walls, packages: shown as written out, never as markup."""
    text = page("hostile")
    assert "onerror=alert" not in "".join(value for *_, value in Read(text).attributes)
    shown = "".join(Read(text).text)
    assert "<script>alert(1)</script>" in shown
    assert "\\u202egnp.exe" in shown
    assert "{{ 7*7 }}" in shown
    for character in ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\ud800"):
        assert character not in text


def test_a_log_keeps_its_lines_and_opens_on_demand() -> None:
    """A log is folded; of a training that failed the end is shown at once."""
    text = page("training_failed")
    assert "step 0\nstep 1\n" in text.partition('id="logs"')[2]
    why = text.partition('id="why"')[2].partition("</section>")[0]
    assert "still training" in why
    assert "step 25\n" not in why


@pytest.mark.parametrize(
    ("ended_by", "exit_code", "log", "shown"),
    [
        (EndedBy.ITSELF, 0, "the end", False),
        (EndedBy.ITSELF, 1, "the end", True),
        (EndedBy.MEMORY, 0, "the end", True),
        (EndedBy.MEMORY, 1, "", False),
    ],
)
def test_the_end_of_a_log_is_shown_at_once_where_training_ended_badly(
    ended_by: EndedBy, exit_code: int, log: str, shown: bool
) -> None:
    """By itself with 0 is well; all else is what an author looks for first."""
    evidence, verdict = found("nothing")
    training = found("verified")[0].seeds[0].training
    assert training is not None
    ended = replace(training, ended_by=ended_by, exit_code=exit_code, log=log)
    text = as_html.page(runs.tell(make.with_seed(evidence, training=ended), verdict, None))
    assert ("The end of training’s log" in text) is shown


def test_what_decided_is_said_before_the_audits() -> None:
    """Why: the broken audit and its figures."""
    why = page("refuted").partition('id="why"')[2].partition("</section>")[0]
    assert "lookahead" in why
    assert "deviating" in why
    assert "normalization" not in why


def test_a_place_that_the_top_does_not_name_is_told_under_why() -> None:
    """Blind costs that differ too, where something else was broken first."""
    report = told("refuted")
    findings = tuple(
        each.model_copy(update={"outcome": Outcome.BROKEN}) if each.audit == "data" else each
        for each in report.verdict.findings
        if each.audit != "lookahead"
    )
    verdict = report.verdict.model_copy(update={"findings": findings, "required": ("data",)})
    text = as_html.page(report.model_copy(update={"verdict": verdict}))
    assert "differ most" not in text.partition("</header>")[0]
    assert "differ most" in text.partition('id="why"')[2].partition("</section>")[0]


@pytest.mark.parametrize("name", RUNS)
def test_every_audit_stands_in_the_page_with_its_outcome(name: str) -> None:
    """What was not run stands there like the rest."""
    _, verdict = found(name)
    read = Read(page(name).partition('id="audits"')[2].partition("</section>")[0])
    shown = " ".join(read.text)
    for finding in verdict.findings:
        assert finding.audit in shown
        assert finding.outcome.value in shown
    rows = [value for tag, name, value in read.attributes if (tag, name) == ("tr", "class")]
    kept = sum(finding.outcome is Outcome.KEPT for finding in verdict.findings)
    assert rows.count("kept") == kept


def test_what_was_not_checked_is_said_with_its_reason() -> None:
    """DESIGN law 9."""
    section = page("verified").partition('id="unchecked"')[2].partition("</section>")[0]
    assert "provenance" in section and "not built yet" in section
    assert "lookahead" not in section


def test_a_run_where_everything_was_checked_says_so() -> None:
    """No empty list."""
    report = told("verified")
    verdict = report.verdict.model_copy(update={"not_checked": ()})
    text = as_html.page(report.model_copy(update={"verdict": verdict}))
    assert "Every audit was run." in text


def test_without_a_reference_nothing_is_said_to_be_bought() -> None:
    """There is nothing to compare with."""
    evidence, verdict = found("verified")
    alone = make.with_part(evidence, "scoring", reference=np.zeros(1, np.float32))
    titles = Read(as_html.page(runs.tell(alone, verdict, make.local()))).titles()
    assert titles == [title for title in TITLES if "bought" not in title]


def test_without_bytes_no_document_is_pictured() -> None:
    """Bits per byte of nothing are no picture."""
    evidence, verdict = found("verified")
    empty = make.with_held_out(evidence, byte_counts=np.zeros(6, np.int32))
    titles = Read(as_html.page(runs.tell(empty, verdict, make.local()))).titles()
    assert titles == [title for title in TITLES if "by document" not in title]


def test_walls_that_stopped_something_are_disclosed() -> None:
    """Listed where the backend saw it; otherwise the page says that there was none to see."""
    assert "connect 1.1.1.1:53" in page("hostile")
    assert "None that the backend could see." in page("verified")


def test_without_the_policy_the_page_says_less_and_nothing_wrong() -> None:
    """No tolerance, no cap, no limits that only the policy knows."""
    text = as_html.page(runs.tell(*found("verified"), None))
    assert "The tolerance τ is the policy’s" in text
    assert "τ = " not in text
    assert "by the policy’s way of weighing" not in text
    assert Read(text).titles() == list(TITLES)


def test_hostile_text_is_cut_where_it_would_bury_the_rest() -> None:
    """Sixty objections are fifty and a count."""
    section = page("hostile").partition('id="size"')[2].partition("</section>")[0]
    assert section.count("<li>") == 50
    assert "and 10 more" in section
