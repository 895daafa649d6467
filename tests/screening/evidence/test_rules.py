"""Each rule of evidence fires on the submission that breaks it and leaves the honest one alone."""

from __future__ import annotations

import pytest

from tests.screening.evidence import cases
from tests.screening.evidence.submissions import evidence, files, remarks
from verifier.screening import Confidence, Rule
from verifier.screening.evidence import RULES, claimed_seeds


def test_an_honest_submission_has_nothing_to_answer_for() -> None:
    """Three seeds, a mean, logs that agree with both: not even a note."""
    assert remarks(files()) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_fires_on_its_case(rule: Rule) -> None:
    """One thing changed, and the rule names a place of the submission."""
    found = cases.fired(rule.id)
    assert found, f"nothing said {rule.id}"
    order = list(Confidence)
    for remark in found:
        assert remark.said
        assert remark.locations
        assert order.index(remark.confidence) >= order.index(rule.at_most)


def test_rules_have_one_id_each_and_say_how_to_clear_them() -> None:
    """`verifier explain` can tell one from another and what to do about it."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.sentence.endswith(".")
        assert rule.clear.endswith(".")
        assert rule.id == rule.id.lower()
    assert {*cases.CASES, *cases.OTHERWISE} == {rule.id for rule in RULES}


def test_the_scores_of_the_seeds_come_from_their_logs() -> None:
    """Exact numbers, with the line they stand on, for significance."""
    found = claimed_seeds(evidence(files()))
    assert [(score.seed, score.bpb, score.source) for score in found] == [
        ("1", 1.20010203, "log"),
        ("2", 1.20040506, "log"),
        ("3", 1.20070809, "log"),
    ]
