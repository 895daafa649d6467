"""How do we say whether walls held? What held is counted, family by family; the rest is told.

A table a backend. Must never say of a wall that it holds because nobody tried it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from rich.console import Console

from verifier.report.lettering import heading, labelled, paragraph
from verifier.sandbox.selfcheck import FAMILIES, Answer, Checked, Outcome, Probe

GLYPHS = {Outcome.HELD: "✓", Outcome.LACKS: "!", Outcome.BROKE: "✗", Outcome.NOT_TRIED: "○"}
STYLES = {Outcome.LACKS: "yellow", Outcome.BROKE: "bold red", Outcome.NOT_TRIED: "dim"}
ALL_SAID = 2000
INDENT, WIDTH = 2, 30
REMEDY = (
    "this wall does not hold here: run nobody's code in {backend} boxes until it does; "
    "docs/selfcheck.md says what it is"
)
LACKS = (
    "lacks: a wall that this kind of box never has; its level (L0 to L3) says so already, and every"
    " verdict lists it"
)


class Untried(Protocol):
    """A backend that nothing was tried in."""

    @property
    def backend(self) -> str:
        """Its name."""

    @property
    def why(self) -> str:
        """One sentence."""

    @property
    def remedy(self) -> str:
        """What would mend it."""


class Tried(Protocol):
    """What became of every backend that was asked for."""

    @property
    def checked(self) -> Sequence[Checked]:
        """Those whose walls were tried."""

    @property
    def untried(self) -> Sequence[Untried]:
        """Those that could not be had."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""


def as_json(tried: Tried) -> str:
    """The same for machines."""
    checked = [{**_plain(each), "counts": dict(_counts(each.answers))} for each in tried.checked]
    untried = [{"backend": u.backend, "why": u.why, "remedy": u.remedy} for u in tried.untried]
    said = {"checked": checked, "untried": untried, "exit_code": tried.exit_code}
    return json.dumps(said, indent=1)


def _plain(checked: Checked) -> dict[str, Any]:
    return {**asdict(checked), "level": checked.level.name, "seconds": round(checked.seconds, 1)}


def listed_as_json(probes: Mapping[str, Sequence[Probe]]) -> str:
    """What would be tried, for machines: `probes` by family, as `chosen` gives them."""
    said = [
        {"family": family, "probe": probe.id, "wall": probe.wall, "tries": probe.tries}
        for family, found in probes.items()
        for probe in found
    ]
    return json.dumps({"probes": said}, indent=1)


def render_list(probes: Mapping[str, Sequence[Probe]], console: Console) -> None:
    """The same for people, family by family."""
    for family in FAMILIES:
        if not (found := probes[family.name]):
            continue
        heading(console, f"{family.title} ({family.name})")
        for probe in found:
            labelled(console, probe.id, f"{probe.tries} ({probe.wall})", INDENT, width=WIDTH)


def render(tried: Tried, console: Console) -> None:
    """Print each backend, its walls family by family, then those that could not be had."""
    for checked in tried.checked:
        _backend(checked, console)
    if any(a.outcome is Outcome.LACKS for checked in tried.checked for a in checked.answers):
        console.print()
        paragraph(console, LACKS)
    for untried in tried.untried:
        heading(console, f"{untried.backend}: not tried")
        paragraph(console, untried.why, INDENT)
        if untried.remedy:
            paragraph(console, f"→ {untried.remedy}", INDENT, hanging=2)


def _backend(checked: Checked, console: Console) -> None:
    count = f"{len(checked.answers)} probes in {checked.seconds:.0f} s"
    told = _in_words(checked.answers)
    heading(console, f"{checked.backend} ({checked.level.name}): {count}: {told}")
    for family in FAMILIES:
        answers = [answer for answer in checked.answers if answer.family == family.name]
        if not answers:
            continue
        worst = next(o for o in _WORST_FIRST if any(a.outcome is o for a in answers))
        label = f"{GLYPHS[worst]} {family.title}"
        if len(label) > WIDTH - 2:
            paragraph(console, label, INDENT)
            label = ""
        labelled(console, label, _in_words(answers), INDENT, width=WIDTH)
        for answer in answers:
            if answer.outcome is not Outcome.HELD:
                _told(answer, checked.backend, console)


def _told(answer: Answer, backend: str, console: Console) -> None:
    """What was tried, what must have happened, and what did."""
    style = STYLES[answer.outcome]
    said = f"{GLYPHS[answer.outcome]} {answer.probe} ({answer.wall}): tried to {answer.tries}"
    paragraph(console, said, 2 * INDENT, hanging=2, style=style, at_most=ALL_SAID)
    for line in answer.said:
        paragraph(console, line, 3 * INDENT, hanging=2, at_most=ALL_SAID)
    if answer.outcome is Outcome.BROKE:
        paragraph(console, f"→ {REMEDY.format(backend=backend)}", 3 * INDENT, hanging=2)


_WORST_FIRST = (Outcome.BROKE, Outcome.LACKS, Outcome.NOT_TRIED, Outcome.HELD)


def _counts(answers: Iterable[Answer]) -> Counter[str]:
    return Counter(answer.outcome.value for answer in answers)


def _in_words(answers: Sequence[Answer]) -> str:
    counts = _counts(answers)
    order = [Outcome.HELD, Outcome.BROKE, Outcome.LACKS, Outcome.NOT_TRIED]
    return ", ".join(f"{counts[each.value]} {each.value}" for each in order if counts[each.value])
