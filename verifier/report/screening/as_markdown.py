"""How does a screening look as a step's summary or a comment? Short enough for both, and harmless.

Every word that is not ours passes `quoting`. Must never let a word of a submission's become markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.report.harmless import NAME_SHOWN
from verifier.report.quoting import prose, span
from verifier.report.screening import wording
from verifier.report.words import counted
from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.screened import Screening

# a comment under a pull request may have 65,536 characters
PAGE_SHOWN = 60_000
REMARKS_SAID = 5
PLACES_SAID = 4
VALUE_SHOWN = 300


def page(screening: Screening, rules: Sequence[Rule], said: Sequence[str] = ()) -> str:
    """screen.md: the answer, what was found and where, what the submission claims, notes."""
    name = wording.named(screening)
    found = wording.found(screening.remarks, rules)
    asking = [each for each in found if each.confidence is not Confidence.NOTE]
    notes = [each for each in found if each.confidence is Confidence.NOTE]
    head = [
        f"## {wording.GLYPHS[screening.answer]} {screening.answer.value}: {span(name, NAME_SHOWN)}",
        "",
        f"{wording.tally(screening.remarks).capitalize()}. {wording.CAVEAT}",
        "",
        *(f"- {prose(sentence)}" for sentence in said),
    ]
    parts = [
        *(["\n".join(_finding(each)) for each in asking]),
        "\n".join(_claims(screening)),
        *(["\n".join(_notes(notes))] if notes else []),
    ]
    return _fitted("\n".join(head).rstrip(), parts)


def _fitted(text: str, parts: Sequence[str]) -> str:
    """`text` and as many `parts` as a comment holds; what is left out is counted."""
    for place, part in enumerate(parts):
        if len(text) + len(part) > PAGE_SHOWN:
            return f"{text}\n\n{counted(len(parts) - place, 'more section')} in screen.json.\n"
        text = f"{text}\n{part}"
    return f"{text.rstrip()}\n"


def _finding(each: wording.Found) -> Iterator[str]:
    glyph = wording.CONFIDENCE_GLYPHS[each.confidence]
    clause = f", {prose(each.rule.clause)}" if each.rule.clause else ""
    yield ""
    yield f"### {glyph} {prose(each.rule.id)} ({each.confidence.value}{clause})"
    yield ""
    if each.rule.sentence:
        yield prose(each.rule.sentence)
        yield ""
    for remark in each.remarks[:REMARKS_SAID]:
        yield f"- {prose(remark.said)}{_inherited(remark)}"
        for place in wording.places(remark)[:PLACES_SAID]:
            yield f"  - {_place(place)}"
        if len(wording.places(remark)) > PLACES_SAID:
            yield f"  - and {len(wording.places(remark)) - PLACES_SAID} more"
    if len(each.remarks) > REMARKS_SAID:
        yield f"- and {len(each.remarks) - REMARKS_SAID} more"
    if each.rule.clear:
        yield ""
        yield f"**Clear yourself:** {prose(each.rule.clear)}"


def _inherited(remark: Remark) -> str:
    return f" (already in {prose(remark.inherited_from)})" if remark.inherited_from else ""


def _place(place: Location) -> str:
    text = place.text.strip()
    return span(wording.where(place)) + (f" {span(text)}" if text else "")


def _claims(screening: Screening) -> Iterator[str]:
    yield ""
    yield "### What it says of itself"
    yield ""
    yield "| what | how much |"
    yield "| --- | --- |"
    for name, value in wording.facts(screening):
        yield f"| {name} | {span(value, VALUE_SHOWN, cell=True)} |"


def _notes(notes: Sequence[wording.Found]) -> Iterator[str]:
    yield ""
    yield "### Notes"
    yield ""
    for each in notes:
        for remark in each.remarks[:REMARKS_SAID]:
            first = f" ({_place(wording.places(remark)[0])})" if wording.places(remark) else ""
            yield f"- {prose(remark.rule)}: {prose(remark.said)}{first}"
        if len(each.remarks) > REMARKS_SAID:
            yield f"- {prose(each.rule.id)}: {len(each.remarks) - REMARKS_SAID} more"
