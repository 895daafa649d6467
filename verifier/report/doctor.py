"""How do we say what a machine can promise? One line a check, with what would mend it.

Must never cut what a box lacks: it is the promise's other half.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

from verifier.records import Assurance
from verifier.report.lettering import heading, labelled, paragraph

GLYPHS = {"well": "✓", "weaker": "!", "missing": "✗"}
STYLES = {"weaker": "yellow", "missing": "bold red"}
INDENT = 2
WHOLE = 10_000
"""Characters: nothing that is told here is longer."""


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

    @property
    def lacking(self) -> Sequence[str]:
        """Walls that this kind of box does not have."""


class Part(Protocol):
    """Checks of one kind."""

    @property
    def title(self) -> str:
        """Of what kind."""

    @property
    def checks(self) -> Sequence[Check]:
        """In the order in which they are told."""


class Examined(Protocol):
    """All that was looked at."""

    @property
    def parts(self) -> Sequence[Part]:
        """In the order in which they are told."""

    @property
    def level(self) -> Assurance:
        """Of the box that is taken where none is named."""

    @property
    def backend(self) -> str:
        """What makes it."""

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing, else 2."""


def as_json(found: Examined) -> str:
    """The same for machines."""
    checks = [
        {
            "part": part.title,
            "about": check.about,
            "state": str(check.state),
            "found": check.found,
            "remedy": check.remedy,
            "lacking": list(check.lacking),
        }
        for part in found.parts
        for check in part.checks
    ]
    said = {"level": found.level.name, "backend": found.backend, "checks": checks}
    return json.dumps({**said, "exit_code": found.exit_code}, indent=1)


def render(found: Examined, console: Console) -> None:
    """Print the box that is taken by itself, then every check, then what they come to."""
    best = f"{found.level.name} ({found.backend})" if found.backend else "none"
    paragraph(console, f"The box that verify takes by itself: {best}")
    checks = [check for part in found.parts for check in part.checks]
    width = 2 + max(len(check.about) for check in checks) + 2
    for part in found.parts:
        heading(console, part.title)
        for check in part.checks:
            _told(check, console, width)
    console.print()
    paragraph(console, _summary([check.state for check in checks]))


def _told(check: Check, console: Console, width: int) -> None:
    label = f"{GLYPHS[check.state]} {check.about}"
    labelled(console, label, check.found, INDENT, width=width, at_most=WHOLE)
    indent = INDENT + width
    for wall in check.lacking:
        paragraph(console, f"– {wall}", indent, hanging=2, at_most=WHOLE)
    if check.remedy:
        style = STYLES.get(check.state, "")
        paragraph(console, f"→ {check.remedy}", indent, hanging=2, style=style, at_most=WHOLE)


def _summary(states: Sequence[str]) -> str:
    missing, weaker = (sum(state == kind for state in states) for kind in ("missing", "weaker"))
    if missing:
        said = f"{missing} missing (✗): a verdict that needs it stays open"
    else:
        said = "nothing is missing"
    if weaker:
        said += f"; {weaker} weaker than could be (!), each with what would mend it"
    return f"{said[0].upper()}{said[1:]}."
