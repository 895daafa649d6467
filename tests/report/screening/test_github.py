"""Annotations: the runner's own commands, and no command of theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings

from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY, SCREENINGS
from verifier.report import screening as told
from verifier.report.screening import as_github
from verifier.screening import Confidence
from verifier.screening.screened import Screening


@dataclass(frozen=True)
class Command:
    """What a runner makes of a line."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(line: str) -> Command | None:
    """As the runner reads it: leading blanks do not count, and the older form stands anywhere."""
    stripped = line.lstrip()
    if stripped.startswith("::") and "::" in stripped[2:]:
        head, _, data = stripped[2:].partition("::")
        name, _, rest = head.partition(" ")
        pairs = [pair.partition("=") for pair in rest.split(",") if "=" in pair]
        return Command(name, {key: unescaped(value) for key, _, value in pairs}, unescaped(data))
    old = re.search(r"##\[([^\]]*)\]", line)
    return Command(old[1], {}, line) if old else None


def unescaped(text: str) -> str:
    for escaped, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(escaped, character)
    return text.replace("%25", "%")


def commands(found: Screening, said: str = "It also touches x.") -> list[Command]:
    text = told.as_format(found, "github", make.RULES, [said])
    return [command for line in text.split("\n") if (command := obeyed(line))]


def test_each_remark_is_one_annotation_beside_its_line() -> None:
    """Violations are errors, questions warnings, notes notices; the strongest first."""
    violation, review, note = commands(make.screening())
    assert [c.name for c in (violation, review, note)] == ["error", "warning", "notice"]
    folder = "records/track_10min_16mb/2026-04-02_NgramTilt"
    assert violation.properties == {
        "file": f"{folder}/train_gpt.py",
        "title": "target-in-key (violation)",
    }
    assert "train_gpt.py:1203 in lzma+base85: key = (context" in violation.data
    assert make.RULES[0].clear in violation.data
    assert review.properties["line"] == "7"
    assert "already in #812" in review.data
    assert note.properties["line"] == "90"


def test_the_answer_is_said_last_in_plain_words() -> None:
    """A log of the step reads like a sentence."""
    lines = told.as_format(make.screening(), "github", make.RULES, ["It also touches x."])
    assert lines.splitlines()[-3:] == [
        "It also touches x.",
        "violation: 1 violation, 1 to review, 1 note",
        "Read, not run: nothing here verifies or refutes a submission.",
    ]
    empty = told.as_format(make.empty(), "github", make.RULES)
    assert empty.startswith("nothing found: nothing found\n")


def test_ten_of_a_kind_are_annotated_and_the_rest_is_counted() -> None:
    """GitHub drops the eleventh in silence."""
    remarks = tuple(make.remark() for _ in range(25)) + tuple(
        make.remark("delta-on-window", confidence=Confidence.REVIEW) for _ in range(11)
    )
    found = make.screening(remarks=remarks)
    names = [command.name for command in commands(found)]
    assert names == ["error"] * 10 + ["warning"] * 10
    assert "16 more remarks in the step's summary" in told.as_format(found, "github", make.RULES)


def test_what_is_about_the_whole_is_annotated_without_a_place() -> None:
    """No empty file's name, which a runner would take for the root."""
    for command in commands(make.placeless()):
        assert set(command.properties) == {"title"}
    assert "(empty)" not in told.as_format(make.placeless(), "md", make.RULES)


@pytest.mark.parametrize("name", SCREENINGS)
def test_only_annotations_are_commands(name: str) -> None:
    """Whatever stands in a submission."""
    found = SCREENINGS[name]()
    assert {c.name for c in commands(found)} <= {"error", "warning", "notice"}
    assert len(commands(found)) == len(found.remarks)


@pytest.mark.parametrize(
    ("said", "value", "data"),
    [
        ("a,b=c", "a%2Cb=c", "a,b=c"),
        ("a::b", "a%3A%3Ab", "a::b"),
        ("50%", "50%25", "50%25"),
        ("%0A", "%250A", "%250A"),
        ("a\nb\rc", "a%0Ab%0Dc", "a%0Ab%0Dc"),
        ("##[x]", "\\x23#[x]", "\\x23#[x]"),
    ],
)
def test_what_a_command_takes_for_its_own_is_escaped(said: str, value: str, data: str) -> None:
    """Values of properties more than the message, as the runner splits them."""
    assert as_github.value(said) == value.replace("\\x23#[x]", "\\x23#[x]")
    assert as_github.data(said) == data


@settings(deadline=None, max_examples=100)
@given(ANY)
@example("::add-mask::x")
@example("\n::stop-commands::x")
@example("##[group]x")
@example("%0A::error::x")
def test_whatever_they_write_no_command_of_theirs_is_obeyed(text: str) -> None:
    """In every field, and among the sentences about the pull request."""
    found = make.hostile(text)
    made = commands(found, text)
    assert [c.name for c in made] == ["error", "warning", "notice"]
    assert all(set(c.properties) <= {"file", "line", "title"} for c in made)
    assert "##[" not in told.as_format(found, "github", make.RULES, [text])
