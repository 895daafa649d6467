"""How does one screening look on a terminal, or in a pipe? The answer first, then where to look.

Glyph and word first, colour as a bonus. Must never say a thing by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from verifier.report.harmless import clipped
from verifier.report.lettering import cut, heading, labelled, paragraph, styled, written
from verifier.report.screening import wording
from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.screened import Answer, Screening

ANSWER_STYLES = {
    Answer.VIOLATION: "bold red",
    Answer.REVIEW: "bold yellow",
    Answer.NOTHING_FOUND: "bold",
}
CONFIDENCE_STYLES = {
    Confidence.VIOLATION: "bold red",
    Confidence.REVIEW: "yellow",
    Confidence.NOTE: "dim",
}
INDENT = 2
FACT_WIDTH = 11
PLACES_SAID = 4
REMARKS_SAID = 6
SAID_SHOWN = 600
NAME_SHOWN = 80


def render(
    screening: Screening, console: Console, rules: Sequence[Rule], said: Sequence[str] = ()
) -> None:
    """Print `screening`: the answer, what it claims, each finding with its places, notes last."""
    _answer(screening, console)
    for sentence in said:
        paragraph(console, sentence, INDENT, hanging=2, style="dim")
    console.print()
    for name, value in wording.facts(screening):
        labelled(console, name, value, INDENT, width=FACT_WIDTH)
    found = wording.found(screening.remarks, rules)
    for each in found:
        if each.confidence is not Confidence.NOTE:
            _finding(each, console)
    notes = [each for each in found if each.confidence is Confidence.NOTE]
    if notes:
        heading(console, "Notes")
        for each in notes:
            for remark in each.remarks[:REMARKS_SAID]:
                _note(remark, console)
            _more(len(each.remarks) - REMARKS_SAID, console)
    console.print()
    paragraph(console, wording.CAVEAT, style="dim")


def _answer(screening: Screening, console: Console) -> None:
    glyph, answer = wording.GLYPHS[screening.answer], screening.answer.value
    name = clipped(wording.named(screening), NAME_SHOWN)
    cut(
        console,
        styled(console, (f"{glyph} {answer}", ANSWER_STYLES[screening.answer]), (f" · {name}", "")),
    )
    if screening.remarks:
        asks = screening.answer is not Answer.NOTHING_FOUND
        said = wording.tally(screening.remarks)
        said = said if asks else f"nothing that asks for a person; {said}"
        paragraph(console, said, INDENT, style="" if asks else "dim")


def _finding(each: wording.Found, console: Console) -> None:
    """One rule's remarks: which rule, what was seen, where, and what an honest author can do."""
    glyph = wording.CONFIDENCE_GLYPHS[each.confidence]
    console.print()
    parts = (
        (f"{glyph} {each.confidence.value}", CONFIDENCE_STYLES[each.confidence]),
        (f"  {each.rule.id}", "bold"),
        (f"  {each.rule.clause}".rstrip(), "dim"),
    )
    cut(console, styled(console, *parts))
    if each.rule.sentence:
        paragraph(console, each.rule.sentence, INDENT, style="dim", at_most=SAID_SHOWN)
    for remark in each.remarks[:REMARKS_SAID]:
        paragraph(console, remark.said, INDENT, at_most=SAID_SHOWN)
        if remark.inherited_from:
            paragraph(console, f"already in {remark.inherited_from}", 2 * INDENT, style="dim")
        for place in wording.places(remark)[:PLACES_SAID]:
            _place(place, console)
        _more(len(wording.places(remark)) - PLACES_SAID, console)
    _more(len(each.remarks) - REMARKS_SAID, console)
    if each.rule.clear:
        paragraph(console, f"→ {each.rule.clear}", INDENT, hanging=2, at_most=SAID_SHOWN)


def _place(place: Location, console: Console) -> None:
    """Where, then the line itself under it."""
    margin = " " * 2 * INDENT
    cut(console, written(f"{margin}{wording.where(place)}", console, "cyan"))
    if place.text.strip():
        cut(console, written(f"{margin}│ {clipped(place.text.strip(), 200)}", console))


def _note(remark: Remark, console: Console) -> None:
    first = f" ({wording.where(wording.places(remark)[0])})" if wording.places(remark) else ""
    paragraph(
        console, f"· {remark.rule}: {remark.said}{first}", INDENT, hanging=2, at_most=SAID_SHOWN
    )


def _more(count: int, console: Console) -> None:
    if count > 0:
        paragraph(console, f"and {count} more", 2 * INDENT, style="dim")
