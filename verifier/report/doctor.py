"""How do we say what a machine can promise? One line a check, with what would mend it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

from verifier.records import Assurance
from verifier.report.lettering import labelled, paragraph

GLYPHS = {"well": "✓", "weaker": "!", "missing": "✗"}
STYLES = {"weaker": "yellow", "missing": "bold red"}
INDENT = 2


class Check(Protocol):
    """One thing that was looked at."""

    @property
    def about(self) -> str:
        """What."""

    @property
    def state(self) -> str:
        """well, weaker or missing."""

    @property
    def found(self) -> str:
        """What was found."""

    @property
    def remedy(self) -> str:
        """What would mend it, "" where nothing is amiss."""


class Examined(Protocol):
    """All that was looked at."""

    @property
    def checks(self) -> Sequence[Check]:
        """In the order in which they are told."""

    @property
    def level(self) -> Assurance:
        """Of the strongest box."""

    @property
    def backend(self) -> str:
        """What makes it."""

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing, else 2."""


def as_json(found: Examined) -> str:
    """The same for machines."""
    checks = [
        {"about": c.about, "state": str(c.state), "found": c.found, "remedy": c.remedy}
        for c in found.checks
    ]
    said = {"level": found.level.name, "backend": found.backend, "checks": checks}
    return json.dumps({**said, "exit_code": found.exit_code}, indent=1)


def render(found: Examined, console: Console) -> None:
    """Print the strongest box first, then every check."""
    best = f"{found.level.name} ({found.backend})" if found.backend else "none"
    paragraph(console, f"The strongest box here: {best}")
    console.print()
    width = 2 + max(len(check.about) for check in found.checks) + 2
    for check in found.checks:
        labelled(console, f"{GLYPHS[check.state]} {check.about}", check.found, INDENT, width=width)
        if check.remedy:
            style = STYLES.get(check.state, "")
            paragraph(console, f"→ {check.remedy}", INDENT + width, hanging=2, style=style)
