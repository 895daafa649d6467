"""How does the answer of shadow runs look on a terminal?

The answer first, then what was violated with its counterexample, what could not be tested, what
was tested and held, the runs, and how to see it again. Must never say a thing by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from verifier.report.harmless import clipped
from verifier.report.lettering import heading, paragraph, put, written
from verifier.report.shadow import words
from verifier.shadow import Behaviour, Ran, Shadowed

_STYLES = {
    Behaviour.CLEAN: "bold green",
    Behaviour.REFUTED: "bold red",
    Behaviour.INCONCLUSIVE: "bold yellow",
}
_INDENT = 2
_SCALED_SHOWN = 60


def render(answer: Shadowed, reference: str, console: Console) -> None:
    """Print the answer for a person."""
    line = f"{words.GLYPHS[answer.answer]} {answer.answer.value}: {words.MEANING[answer.answer]}"
    shown = written(line, console)
    shown.highlight_words([answer.answer.value], _STYLES[answer.answer])
    put(console, shown)
    paragraph(console, f"script {answer.entry}, started as: {answer.command}", at_most=1_000)
    for found in answer.conclusions:
        console.print()
        paragraph(console, f"✗ {found.family.value} ({found.clause})", style="bold red")
        paragraph(console, found.said, _INDENT, at_most=600)
    _listed(console, "Could not be tested", answer.missing)
    _listed(console, "Tested, and held", answer.tested)
    _runs(console, answer.runs)
    if answer.kept:
        heading(console, "Left on, as the submission documents it")
        paragraph(console, ", ".join(answer.kept), _INDENT, at_most=600)
    if answer.scaled:
        pairs = list(answer.scaled.items())[:_SCALED_SHOWN]
        heading(console, "Made small")
        told = ", ".join(f"{name} {old or 'unset'}→{new}" for name, (old, new) in pairs)
        paragraph(console, told, _INDENT, at_most=2_000)
    _listed(console, "Notes", answer.notes)
    console.print()
    paragraph(console, "see it again:")
    # One line, however long: it is there to be copied.
    again = clipped(f"verifier shadow {reference} --seed {answer.seed}", 1_000)
    put(console, written(f"  {again}", console))


def _listed(console: Console, title: str, said: Sequence[str]) -> None:
    if said:
        heading(console, title)
        for each in said:
            paragraph(console, f"• {each}", _INDENT, hanging=2)


def _runs(console: Console, runs: Sequence[Ran]) -> None:
    heading(console, "Runs")
    for ran in runs:
        printed = ran.printed or f"no final score ({ran.ended})"
        paragraph(console, f"{ran.variant:<9} {ran.seconds:6.1f} s  {printed}", _INDENT, hanging=19)
