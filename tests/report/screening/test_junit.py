"""screen.junit.xml: one case a rule, and characters that XML has."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY, SCREENINGS
from verifier.history import rules as history
from verifier.report import screening as told
from verifier.report.screening import as_junit
from verifier.screening import Confidence
from verifier.screening.screened import Screening


def suite(found: Screening, **more: object) -> ElementTree.Element:
    rules = more.pop("rules", make.RULES)
    text = told.as_format(found, "junit", rules, **more)  # type: ignore[arg-type]
    (made,) = ElementTree.fromstring(text.encode("utf-8"))
    return made


def failed(made: ElementTree.Element) -> list[str | None]:
    return [case.get("name") for case in made.iter("testcase") if case.find("failure") is not None]


def test_every_rule_is_a_case_and_findings_are_failures() -> None:
    """Its places stand in the failure's text."""
    made = suite(make.screening())
    assert [case.get("name") for case in made.iter("testcase")] == [rule.id for rule in make.RULES]
    assert failed(made) == ["target-in-key", "claim-differs-from-logs"]
    assert (made.get("tests"), made.get("failures")) == ("5", "2")
    (failure, _) = made.iter("failure")
    assert failure.get("type") == "violation"
    assert "train_gpt.py:1203 in lzma+base85: key =" in (failure.text or "")
    assert make.RULES[0].clear in (failure.text or "")


@pytest.mark.parametrize(
    ("fail_on", "names"),
    [
        ("violation", ["target-in-key"]),
        ("review", ["target-in-key", "claim-differs-from-logs"]),
        ("never", []),
    ],
)
def test_what_does_not_fail_the_gate_is_no_failure(fail_on: str, names: list[str]) -> None:
    """It stands in the case's output all the same."""
    made = suite(make.screening(), fail_on=fail_on)
    assert failed(made) == names
    text = " ".join(part.text or "" for part in made.iter())
    assert "1.0713 is claimed" in text and "build_table" in text


@pytest.mark.parametrize("name", SCREENINGS)
def test_the_count_is_that_of_the_cases(name: str) -> None:
    """A rule of another version is a case too."""
    made = suite(SCREENINGS[name](), said=["It also touches x."])
    assert made.get("tests") == str(len(list(made.iter("testcase"))))
    assert made.get("failures") == str(len(failed(made)))
    assert "nothing here verifies" in (made.findtext("system-out") or "")


@settings(deadline=None, max_examples=50)
@given(ANY)
def test_whatever_they_write_it_is_xml(text: str) -> None:
    """Controls and surrogates are written out: XML has no form for them."""
    suite(make.hostile(text), said=[text])


def test_a_rule_that_one_folder_cannot_show_is_skipped() -> None:
    """To pass would say that it was asked."""
    whole = replace(make.RULES[3], whole_history=True)
    rules = (*make.RULES[:3], whole, make.RULES[4])
    made = suite(make.screening(), rules=rules)
    skipped = [
        case.get("name") for case in made.iter("testcase") if case.find("skipped") is not None
    ]
    assert skipped == [whole.id] and made.get("skipped") == "1"
    found = make.screening(remarks=(make.remark(whole.id),))
    assert suite(found, rules=rules).get("skipped") == "0"


def test_where_reading_was_not_finished_no_rule_passes() -> None:
    """Whatever found nothing may not have been asked."""
    remark = make.remark("not-screened", confidence=Confidence.REVIEW)
    made = suite(make.screening(remarks=(remark,)))
    assert (made.get("tests"), made.get("failures"), made.get("skipped")) == ("6", "1", "5")
    assert history.NOT_SCREENED.id == as_junit.NOT_SCREENED


def test_rules_of_the_whole_history_say_so() -> None:
    """All that compare with other submissions; the one about reading does not."""
    asked = [rule.id for rule in history.ALL if not rule.whole_history]
    assert "not-screened" in asked and not {"shared-log", "record-p-value"} & set(asked)
    assert len(history.ALL) - len(asked) == len(history.RULES) - 1


def test_what_is_not_asked_of_a_contract_is_skipped() -> None:
    """A `scorer/1` submission leaves it to the verifier."""
    rules = (*make.RULES[:4], replace(make.RULES[4], script_only=True))
    for contract, skipped in (("scorer/1", "1"), ("script/1", "0")):
        found = make.screening(contract=contract, remarks=())
        assert suite(found, rules=rules).get("skipped") == skipped
