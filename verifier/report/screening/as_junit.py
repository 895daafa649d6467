"""How does a screening look to a CI that reads JUnit's XML? One test case a rule.

A rule that found nothing passes, which says no more than that it found nothing; one that was not
asked is skipped. Must never write a character that XML does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from verifier.report.harmless import clipped
from verifier.report.screening import wording
from verifier.screening import Confidence, Remark, Rule
from verifier.screening.screened import Answer, Screening

NOT_SCREENED = "not-screened"
SAID_SHOWN = 600
NAME_SHOWN = 200
REMARKS_SAID = 50
PLACES_SAID = 10


def page(
    screening: Screening,
    rules: Sequence[Rule],
    said: Sequence[str] = (),
    fail_on: Answer = Answer.REVIEW,
) -> str:
    """screen.junit.xml. Remarks weaker than `fail_on` stand in the case's output, no failure."""
    found = wording.found(screening.remarks, rules)
    names = dict.fromkeys([rule.id for rule in rules] + [each.rule.id for each in found])
    unread = {rule.id: "not asked of scorer/1" for rule in rules if rule.script_only}
    if screening.contract != "scorer/1":
        unread = {}
    unread |= {rule.id: "only a whole history shows it" for rule in rules if rule.whole_history}
    if NOT_SCREENED in {remark.rule for remark in screening.remarks}:
        unread = dict.fromkeys(names, "reading was not finished")
    skipped = {name: why for name, why in unread.items() if name not in {f.rule.id for f in found}}
    failing = {each.rule.id for each in found if _fails(each.confidence, fail_on)}
    name = clipped(wording.folder(screening), NAME_SHOWN)
    suites = Element("testsuites", name="verifier screen")
    suite = SubElement(
        suites,
        "testsuite",
        name=name,
        tests=str(len(names)),
        failures=str(len(failing)),
        errors="0",
        skipped=str(len(skipped)),
        time=f"{screening.seconds:.3f}",
    )
    properties = SubElement(suite, "properties")
    for key, value in (("answer", screening.answer.value), ("digest", screening.digest)):
        SubElement(properties, "property", name=key, value=clipped(value))
    for rule in names:
        case = SubElement(suite, "testcase", classname="screening", name=clipped(rule, NAME_SHOWN))
        if rule in skipped:
            SubElement(case, "skipped", message=skipped[rule])
        for each in found:
            if each.rule.id == rule:
                _told(case, each, failed=_fails(each.confidence, fail_on))
    notes = SubElement(suite, "system-out")
    notes.text = "\n".join(clipped(line, SAID_SHOWN) for line in (*said, wording.CAVEAT))
    indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _fails(confidence: Confidence, fail_on: Answer) -> bool:
    match fail_on:
        case Answer.VIOLATION:
            return confidence is Confidence.VIOLATION
        case Answer.REVIEW:
            return confidence is not Confidence.NOTE
    return False


def _told(case: Element, each: wording.Found, *, failed: bool) -> None:
    """A failure with its places, or the same as output."""
    lines = [line for remark in each.remarks[:REMARKS_SAID] for line in _lines(remark)]
    if len(each.remarks) > REMARKS_SAID:
        lines.append(f"and {len(each.remarks) - REMARKS_SAID} more")
    if each.rule.clear:
        lines.append(f"→ {each.rule.clear}")
    text = "\n".join(clipped(line, SAID_SHOWN) for line in lines)
    if failed:
        message = clipped(each.remarks[0].said, SAID_SHOWN)
        SubElement(case, "failure", type=each.confidence.value, message=message).text = text
    else:
        SubElement(case, "system-out").text = f"{each.confidence.value}: {text}"


def _lines(remark: Remark) -> list[str]:
    places = [
        f"{wording.where(place)}{f': {place.text.strip()}' if place.text.strip() else ''}"
        for place in wording.places(remark)[:PLACES_SAID]
    ]
    return [remark.said, *places]
