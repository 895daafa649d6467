"""As much of GitHub's runner as an action of ours needs: its steps, in order, by bash."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


@dataclass
class Ran:
    """What came of an action: each step's exit code, what was printed, summary and outputs."""

    codes: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    printed: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The first failure's, or 0."""
        return next((code for code in self.codes.values() if code), 0)


class Context:
    """What an expression may name."""

    def __init__(self, inputs: Mapping[str, str], github: Mapping[str, Any]) -> None:
        self.inputs = dict(inputs)
        self.github = dict(github)
        self.steps: dict[str, dict[str, str]] = {}

    def text(self, value: Any) -> str:
        """`value` with every expression in it answered."""
        return EXPRESSION.sub(lambda found: self.answer(found[1]), str(value))

    def answer(self, expression: str) -> str:
        """Names, literals, `||`, `&&`, `==` and `!=`: all that our actions use."""
        if "||" in expression:
            return next(filter(None, map(self.answer, expression.split("||"))), "")
        if "&&" in expression:
            return "true" if all(map(self.answer, expression.split("&&"))) else ""
        compared = re.fullmatch(r"\s*(.+?)\s*(==|!=)\s*(.+?)\s*", expression)
        if compared:
            same = self.answer(compared[1]) == self.answer(compared[3])
            return "true" if same == (compared[2] == "==") else ""
        return self.named(expression.strip())

    def named(self, name: str) -> str:
        """One literal or name. Raises AssertionError for one that a runner would not know."""
        if re.fullmatch(r"'[^']*'", name):
            return name[1:-1]
        room, _, rest = name.partition(".")
        match room:
            case "inputs":
                return self.inputs[rest]
            case "steps":
                step, outputs, key = rest.split(".")
                assert outputs == "outputs"
                return self.steps.get(step, {}).get(key, "")
            case "github":
                found: Any = self.github
                for part in rest.split("."):
                    found = found.get(part, {})
                return str(found or "")
        raise AssertionError(f"an expression names {name!r}")


def run(
    action: Path,
    inputs: Mapping[str, str],
    github: Mapping[str, Any],
    place: Path,
    environment: Mapping[str, str],
) -> Ran:
    """Run the composite `action` in `place`, its working folder, with nothing but `environment`.

    Raises AssertionError for an unknown input, as nobody would notice it on GitHub.
    """
    stated = yaml.safe_load(action.read_text("utf-8"))
    assert set(inputs) <= set(stated["inputs"])
    defaults = {name: str(each.get("default", "")) for name, each in stated["inputs"].items()}
    context = Context({**defaults, **inputs}, github)
    ran = Ran()
    for number, step in enumerate(stated["runs"]["steps"]):
        if "if" in step and not context.text(step["if"]):
            ran.skipped.append(step["name"])
        elif "uses" in step:
            given = {name: context.text(value) for name, value in step["with"].items()}
            ran.used[step["uses"].partition("@")[0]] = given
        else:
            _step(step, context, ran, place, environment, action.parent, number)
            if ran.codes[step["name"]]:
                break
    said = stated.get("outputs", {})
    ran.outputs = {name: context.text(each["value"]) for name, each in said.items()}
    return ran


def _step(
    step: Mapping[str, Any],
    context: Context,
    ran: Ran,
    place: Path,
    environment: Mapping[str, str],
    action: Path,
    number: int,
) -> None:
    temporary = Path(environment["RUNNER_TEMP"])
    script = temporary / f"step-{number}.sh"
    script.write_text(step["run"], "utf-8")
    files = {"GITHUB_OUTPUT": temporary / "output", "GITHUB_STEP_SUMMARY": temporary / "summary"}
    for path in files.values():
        path.write_text("", "utf-8")
    given = {name: context.text(value) for name, value in step.get("env", {}).items()}
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=place,
        env={
            **environment,
            **{name: str(path) for name, path in files.items()},
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_ACTIONS": "true",
            **given,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=300,
    )
    ran.codes[step["name"]] = ended.returncode
    ran.printed += ended.stdout.decode("utf-8", "replace")
    ran.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
    lines = files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
    if "id" in step:
        pairs = (line.partition("=") for line in lines)
        context.steps[step["id"]] = {key: value for key, _, value in pairs}


def environment(temporary: Path, **more: str) -> dict[str, str]:
    """What a step inherits: a path, a home, a folder for what is temporary."""
    temporary.mkdir(parents=True, exist_ok=True)
    kept = ("PATH", "LANG", "PYTHONPATH", "VERIFIER_STORE", "PYTHONDONTWRITEBYTECODE")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(temporary),
        "RUNNER_TEMP": str(temporary),
        **more,
    }
