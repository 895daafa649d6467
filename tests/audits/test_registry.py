"""No audit without its page, its place in a policy, a red test and a green one."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.audits import evidence as make
from tests.audits import test_chain, test_replayed, test_rules
from verifier import bundle
from verifier import policy as policies
from verifier.audits import REGISTRY
from verifier.records import Evidence, Outcome

IDS = [audit.id for audit in REGISTRY]
UNBUILT = {"provenance", "twin"}


def page() -> str:
    return (bundle.path("docs") / "audits.md").read_text(encoding="utf-8")


def test_every_audit_has_a_section_and_every_section_an_audit() -> None:
    """`verifier explain ID` prints it."""
    assert re.findall(r"^## (.+)$", page(), re.MULTILINE) == IDS


@pytest.mark.parametrize("name", IDS)
def test_every_section_says_the_rule_and_what_the_answers_mean(name: str) -> None:
    """What is measured, what Broken and Unproven mean, how to clear oneself."""
    section = page().split(f"## {name}\n")[1].split("\n## ")[0]
    words = ["**Rule**", "**NotRun**"] if name in UNBUILT else ["**Rule**", "**Broken**"]
    assert all(word in section for word in words)


@pytest.mark.parametrize("name", policies.names())
def test_every_policy_names_every_audit_once_and_no_other(name: str) -> None:
    """`record` is a line of its own; what is not built is disclosed, not required."""
    rule = policies.load(name).policy.audits["scorer/1"]
    assert sorted([*rule.required, *rule.disclosed, "record"]) == sorted(IDS)
    assert not UNBUILT & set(rule.required)


def test_every_audit_that_runs_has_a_red_and_a_green_test() -> None:
    """Law 8: the cheat it catches and the honest submission it leaves alone."""
    modules = (test_chain, test_replayed, test_rules)
    text = "".join(inspect.getsource(module) for module in modules)
    for name in set(IDS) - UNBUILT:
        assert f'"{name}"' in text, name


def test_the_smallest_honest_evidence_keeps_every_rule() -> None:
    """Green: no audit that runs objects to it."""
    answers = {a.id: a.judge(make.evidence(), make.local()).outcome for a in REGISTRY}
    not_run = {"record", *UNBUILT}
    assert answers == {i: Outcome.NOT_RUN if i in not_run else Outcome.KEPT for i in IDS}


def test_no_audit_keeps_what_nobody_observed() -> None:
    """Law 4: with nothing recorded about any seed, nothing but the byte count stands."""
    nothing = Evidence(
        opening=make.opening(),
        held_out=make.held_out(),
        seeds=(),
        boxes=(),
        wall_hits=(),
        previous=None,
        nonce=None,
    )
    kept = {a.id for a in REGISTRY if a.judge(nothing, make.local()).outcome is Outcome.KEPT}
    assert kept == {"bytes"}
