"""The actions and the workflows of docs/ci.md: nothing of a stranger's becomes script or module."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from verifier import installed

ROOT = installed.path("docs").parent
ACTIONS = {"screen": ROOT / "action.yml", "comment": ROOT / "comment" / "action.yml"}
PINNED = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w.-]+)*@(?:[0-9a-f]{40}|COMMIT)")


def action(name: str) -> dict[str, Any]:
    found = yaml.safe_load(ACTIONS[name].read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def workflows() -> dict[str, dict[str, Any]]:
    """What docs/ci.md tells people to copy, by name; YAML reads `on` as a truth."""
    text = (ROOT / "docs" / "ci.md").read_text("utf-8")
    found = [yaml.safe_load(part) for part in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    return {each["name"]: {**each, "on": each[True]} for each in found}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", ACTIONS)
def test_no_expression_stands_in_a_script(name: str) -> None:
    """A title or a branch of a stranger's would become the script's own text."""
    for step in action(name)["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step["name"] and ("uses" in step or step["shell"] == "bash")


@pytest.mark.parametrize("name", ACTIONS)
def test_no_python_looks_for_modules_where_it_stands(name: str) -> None:
    """It stands in the pull request's files: a venv.py of theirs would be run."""
    for step in action(name)["runs"]["steps"]:
        for call in re.findall(r'(?:python3|/python"|python\}?") .*', step.get("run", "")):
            assert re.match(r'(?:python3|/python"|python\}?") -[IP] ', call), call


def test_every_action_is_pinned_to_a_commit() -> None:
    """A tag can be moved."""
    used = [
        step["uses"] for name in ACTIONS for step in action(name)["runs"]["steps"] if "uses" in step
    ]
    used += [step["uses"] for each in workflows().values() for step in steps(each)]
    assert used and all(PINNED.fullmatch(each) for each in used)


def test_every_input_is_explained_and_used() -> None:
    """And those of the first action stand in the page."""
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    for name, path in ACTIONS.items():
        text = path.read_text("utf-8")
        for given, said in action(name)["inputs"].items():
            assert said["description"]
            assert f"inputs.{given}" in text
            assert name != "screen" or f"`{given}`" in page


def test_the_workflow_that_sees_the_pull_request_may_only_read() -> None:
    """A fork's token can do no more, and nobody's should."""
    found = workflows()["screen"]
    assert list(found["on"]) == ["pull_request"]
    assert found["permissions"] == {"contents": "read"}
    assert "secrets" not in str(found) and "token" not in str(found)
    (checkout,) = [step for step in steps(found) if step["uses"].startswith("actions/checkout")]
    assert checkout["with"]["persist-credentials"] is False
    assert checkout["with"]["fetch-depth"] == 0


def test_the_workflow_that_may_write_never_checks_out() -> None:
    """It begins when the other has ended, and has no file of the pull request."""
    found = workflows()["comment"]
    assert list(found["on"]) == ["workflow_run"]
    assert found["on"]["workflow_run"]["workflows"] == [workflows()["screen"]["name"]]
    assert found["permissions"] == {}
    (job,) = found["jobs"].values()
    assert job["permissions"] == {
        "actions": "read",
        "contents": "read",
        "pull-requests": "write",
    }
    assert "checkout" not in str(steps(found))
    assert all("run" not in step for step in steps(found))


def test_no_workflow_runs_on_a_strangers_word_with_our_token() -> None:
    """`pull_request_target` is named in the page, and used nowhere."""
    for each in workflows().values():
        assert "pull_request_target" not in str(each)
    for path in ACTIONS.values():
        assert "pull_request_target" not in path.read_text("utf-8")


def test_the_workflows_use_the_actions_that_there_are() -> None:
    """With inputs that they know."""
    known = {"OWNER/golf-verifier": "screen", "OWNER/golf-verifier/comment": "comment"}
    ours = [
        s for each in workflows().values() for s in steps(each) if s["uses"].startswith("OWNER")
    ]
    assert [step["uses"].partition("@")[0] for step in ours] == list(known)
    for step in ours:
        name = known[step["uses"].partition("@")[0]]
        assert set(step.get("with", {})) <= set(action(name)["inputs"])


def test_what_is_installed_is_what_is_locked(tmp_path: Path) -> None:
    """The versions of the lock, as constraints that pip reads: no hash, no continued line."""
    for name in ACTIONS:
        (step,) = [s for s in action(name)["runs"]["steps"] if s["name"] == "Install the verifier"]
        (edit,) = re.findall(r"sed '([^']+)'", step["run"])
        assert edit == r"s/ *\\$//; /^ *--hash/d"
    lines = (ROOT / "requirements" / "host.lock").read_text("utf-8").splitlines()
    kept = [line.removesuffix("\\").rstrip() for line in lines if "--hash" not in line]
    assert kept and all(re.fullmatch(r"[\w.-]+==[^ ;]+(?: ; .+)?", line) for line in kept)
