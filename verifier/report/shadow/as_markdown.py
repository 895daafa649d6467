"""How does the answer of shadow runs look in a comment or in a step's summary?

What a script printed is theirs, and stands in code spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.report.quoting import prose, span
from verifier.report.shadow import words
from verifier.shadow import Shadowed

SAID_SHOWN = 600
NAMES_SHOWN = 40


def page(answer: Shadowed, reference: str) -> str:
    """The answer, its conclusions, what was and was not tested, and the runs."""
    lines = [
        f"## {words.GLYPHS[answer.answer]} {answer.answer.value}: {words.MEANING[answer.answer]}",
        "",
        "Run unmodified at toy scale, on a CPU, on documents made for it.",
        "",
    ]
    for found in answer.conclusions:
        lines += [f"### ✗ {found.family.value} ({found.clause})", "", prose(found.said), ""]
    lines += _listed("Could not be tested", answer.missing)
    lines += _listed("Tested, and held", answer.tested)
    lines += ["### Runs", "", "| run | seconds | printed |", "| --- | --- | --- |"]
    lines += [
        f"| {ran.variant} | {ran.seconds:.1f} | "
        f"{span(ran.printed or ran.ended, SAID_SHOWN, cell=True)} |"
        for ran in answer.runs
    ]
    lines += ["", *_listed("Notes", answer.notes)]
    again = span(f"verifier shadow {reference} --seed {answer.seed}", SAID_SHOWN)
    return "\n".join([*lines, f"See it again: {again}", ""])


def _listed(title: str, said: Sequence[str]) -> Iterator[str]:
    if said:
        yield from [f"### {title}", "", *(f"- {prose(each)}" for each in said), ""]
