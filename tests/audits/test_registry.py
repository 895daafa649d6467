"""No audit without its page, its place in a policy, a red test and a green one."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

from tests.audits import evidence as make
from tests.audits import scripted, test_chain, test_replayed, test_rules, test_scripts
from verifier import installed
from verifier import policy as policies
from verifier.audits import REGISTRY, SCORER, SCRIPT, Audit
from verifier.records import Evidence, Opening, Outcome

IDS = list(dict.fromkeys(audit.id for audit in (*SCORER, *SCRIPT)))
UNBUILT = {"provenance", "twin"}


def page() -> str:
    return (installed.path("docs") / "audits.md").read_text(encoding="utf-8")


def test_every_audit_has_a_section_and_every_section_an_audit() -> None:
    """`verifier explain ID` prints it."""
    assert re.findall(r"^## (.+)$", page(), re.MULTILINE) == IDS


@pytest.mark.parametrize("name", IDS)
def test_every_section_says_the_rule_and_what_the_answers_mean(name: str) -> None:
    """What is measured, what Broken and Unproven mean, how to clear oneself."""
    section = page().split(f"## {name}\n")[1].split("\n## ")[0]
    words = ["**Rule**", "**NotRun**"] if name in UNBUILT else ["**Rule**", "**Broken**"]
    assert all(word in section for word in words)


@pytest.mark.parametrize("contract", REGISTRY)
@pytest.mark.parametrize("name", policies.names())
def test_every_policy_names_every_audit_once_and_no_other(name: str, contract: str) -> None:
    """`record` is a line of its own; what is not built is disclosed, not required."""
    rule = policies.load(name).policy.audits[contract]  # type: ignore[index]
    ids = sorted({audit.id for audit in REGISTRY[contract]} - {"record"})
    assert sorted([*rule.required, *rule.disclosed]) == ids
    assert not UNBUILT & set(rule.required)


@pytest.mark.parametrize("name", policies.names())
def test_resets_are_required_where_nothing_may_be_learned_over_the_stream(name: str) -> None:
    """R5: `past` decides where a policy demands resets, and only there."""
    policy = policies.load(name).policy
    demanded = "stream" not in [reach.value for reach in policy.score.adaptation]
    assert ("past" in policy.audits["script/1"].required) is demanded


@pytest.mark.parametrize(
    ("audits", "modules"),
    [(SCORER, (test_chain, test_replayed, test_rules)), (SCRIPT, (test_scripts, test_rules))],
)
def test_every_audit_that_runs_has_a_red_and_a_green_test(
    audits: tuple[Audit, ...], modules: tuple[ModuleType, ...]
) -> None:
    """Law 8: the cheat it catches and the honest submission it leaves alone."""
    text = "".join(inspect.getsource(module) for module in modules)
    for name in {audit.id for audit in audits} - UNBUILT:
        assert f'"{name}"' in text, name


def test_the_smallest_honest_evidence_keeps_every_rule() -> None:
    """Green: no audit that runs objects to it."""
    made = {"scorer/1": make.evidence(), "script/1": scripted.evidence()}
    for contract, audits in REGISTRY.items():
        answers = {a.id: a.judge(made[contract], make.local()).outcome for a in audits}
        not_run = {"record", *UNBUILT}
        assert answers == {
            a.id: Outcome.NOT_RUN if a.id in not_run else Outcome.KEPT for a in audits
        }


@pytest.mark.parametrize(
    ("opening", "audits", "stands"),
    [(make.opening(), SCORER, {"bytes"}), (scripted.opening(), SCRIPT, set())],
)
def test_no_audit_keeps_what_nobody_observed(
    opening: Opening, audits: tuple[Audit, ...], stands: set[str]
) -> None:
    """Law 4: with nothing recorded about any seed, nothing but the host's byte count stands."""
    nothing = Evidence(
        opening=opening,
        held_out=make.held_out(),
        seeds=(),
        boxes=(),
        wall_hits=(),
        previous=None,
        nonce=None,
    )
    kept = {a.id for a in audits if a.judge(nothing, make.local()).outcome is Outcome.KEPT}
    assert kept == stands
