"""screen.sarif and triage.sarif: SARIF 2.1.0, every place a place, nothing of theirs a link."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings

from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY, SCREENINGS
from verifier.report import screening as told
from verifier.report.screening import as_sarif
from verifier.screening import Location


def log(text: str) -> dict[str, Any]:
    """The one run, after what the format demands was looked at."""
    found = json.loads(text)
    assert found["version"] == "2.1.0" and found["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = found["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] and driver["version"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        assert all(isinstance(tag, str) and tag for tag in rule["properties"]["tags"])
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert isinstance(result["message"]["text"], str)
        assert set(result["partialFingerprints"]) == {"screening/v1"}
        for place in result["locations"]:
            located(place)
    for invocation in run["invocations"]:
        assert invocation["executionSuccessful"] is True
    assert isinstance(run, dict)
    return run


def located(place: dict[str, Any]) -> None:
    physical = place["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*", uri)
    assert not uri.startswith("/")
    if "region" in physical:
        assert physical["region"]["startLine"] >= 1


@pytest.mark.parametrize("name", SCREENINGS)
def test_a_screening_is_a_log(name: str) -> None:
    """Every remark one result; in the driver the rules that occur, and no other."""
    found = SCREENINGS[name]()
    run = log(told.as_format(found, "sarif", make.RULES))
    assert len(run["results"]) == len(found.remarks)
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    named = {remark.rule for remark in found.remarks}
    assert set(ids) == named
    known = [rule.id for rule in make.RULES if rule.id in named]
    assert ids[: len(known)] == known


def test_each_clause_is_a_tag_and_no_address_is_made_up() -> None:
    """Who filters by C3 need not know how clauses were joined."""
    found = make.screening(remarks=(make.remark("adapts-before-scoring"),))
    (rule,) = log(told.as_format(found, "sarif", make.RULES))["tool"]["driver"]["rules"]
    assert rule["properties"]["tags"] == ["TTT_PRETRAIN", "TTT_PREQUANT", "R5", "C3"]
    assert "helpUri" not in rule


def test_levels_and_places_are_those_of_the_remark() -> None:
    """A violation is an error; a line of an unpacked text is said, not pointed at."""
    violation, review, note = log(told.as_format(make.screening(), "sarif", make.RULES))["results"]
    assert [r["level"] for r in (violation, review, note)] == ["error", "warning", "note"]
    place = violation["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("2026-04-02_NgramTilt/train_gpt.py")
    assert "region" not in place
    assert "train_gpt.py:1203 in lzma+base85" in violation["message"]["text"]
    region = review["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 7 and region["snippet"]["text"] == '  "val_bpb": 1.0713,'
    assert review["properties"]["inherited_from"] == "#812"


def test_a_triage_names_the_pull_request_and_what_could_not_be_read() -> None:
    """One run over all rows."""
    found = make.triage()
    run = log(as_sarif.triage(found, make.RULES))
    numbers = [result["properties"]["pull_request"] for result in run["results"]]
    assert numbers == [1234] * 3 + [666] * 3
    told_of = run["invocations"][0]["toolExecutionNotifications"]
    assert [notice["properties"]["pull_request"] for notice in told_of] == [666, 8]


def test_a_fingerprint_outlives_moved_lines() -> None:
    """A reader of results sees that a finding is the one of yesterday."""

    def fingerprint(line: int, text: str) -> str:
        place = Location(path="a.py", line=line, text=text)
        found = make.screening(remarks=(make.remark(locations=(place,)),))
        (result,) = log(told.as_format(found, "sarif", make.RULES))["results"]
        return str(result["partialFingerprints"]["screening/v1"])

    assert fingerprint(3, "x = 1") == fingerprint(90, "  x = 1")
    assert fingerprint(3, "x = 1") != fingerprint(3, "x = 2")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[here](https://evil.example)", r"\[here\](https://evil.example)"),
        ("{0} {{", "{{0}} {{{{"),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a\\\\nb"),
    ],
)
def test_a_message_of_theirs_holds_no_link_and_no_placeholder(said: str, message: str) -> None:
    """Escaped as the format demands."""
    assert as_sarif.message(said) == message


@pytest.mark.parametrize(
    ("folder", "path", "address"),
    [
        ("records/x", "a b.py", "records/x/a%20b.py"),
        ("records/x", "a?#%.py", "records/x/a%3F%23%25.py"),
        ("/home/me/x", "a.py", "a.py"),
        ("../x", "a.py", "a.py"),
        ("", "javascript:x", "javascript%3Ax"),
        ("r", "a\udcff", "r/a%FF"),
        ("r", "\ud800\udcff", "r/%ED%A0%80%ED%B3%BF"),
        ("r", "é", "r/%C3%A9"),
    ],
)
def test_an_address_leads_to_the_file_and_nowhere_else(
    folder: str, path: str, address: str
) -> None:
    """Relative to the repository's root; every byte that could steer it is quoted."""
    assert as_sarif.address(folder, path) == address


@settings(deadline=None, max_examples=50)
@given(ANY)
def test_whatever_they_write_it_is_a_log(text: str) -> None:
    """And can be written to a file."""
    made = as_sarif.triage(make.triage(make.hostile_row(text=text)), make.RULES)
    made.encode("utf-8")
    for result in log(made)["results"]:
        for place in result["locations"]:
            unquote(place["physicalLocation"]["artifactLocation"]["uri"])
