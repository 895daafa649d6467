"""How does a screening look beside the lines of a pull request? As the runner's own commands.

A runner obeys what is printed, so everything of theirs is written out first and escaped as the
commands demand. GitHub shows ten annotations of a kind and drops the rest in silence: the first
ten are printed, the rest is counted. Must never print a line that is not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.report.harmless import clipped
from verifier.report.lettering import uncommanded
from verifier.report.screening import wording
from verifier.report.words import counted
from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.screened import Screening

SHOWN_AT_MOST = 10
SAID_SHOWN = 600
TITLE_SHOWN = 120
PLACES_SAID = 5

_LEVELS = {
    Confidence.VIOLATION: "error",
    Confidence.REVIEW: "warning",
    Confidence.NOTE: "notice",
}


def lines(screening: Screening, rules: Sequence[Rule], said: Sequence[str] = ()) -> Iterator[str]:
    """Annotations, the strongest first; then what else there is, and the answer, as plain lines."""
    left = dict.fromkeys(_LEVELS, SHOWN_AT_MOST)
    hidden = 0
    for each in wording.found(screening.remarks, rules):
        for remark in each.remarks:
            if left[each.confidence]:
                left[each.confidence] -= 1
                yield _annotation(remark, each.rule, screening.folder)
            else:
                hidden += 1
    for sentence in said:
        yield _plain(sentence)
    if hidden:
        yield _plain(f"{counted(hidden, 'more remark')} in the step's summary and screen.json")
    yield _plain(f"{screening.answer.value}: {wording.tally(screening.remarks)}")
    yield _plain(wording.CAVEAT)


def data(text: str) -> str:
    """`text` as the message of a command."""
    return uncommanded(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def value(text: str) -> str:
    """`text` as the value of a command's property."""
    return data(text).replace(":", "%3A").replace(",", "%2C")


def _annotation(remark: Remark, rule: Rule, folder: str) -> str:
    first = next(iter(wording.places(remark)), None)
    properties = [] if first is None else _place(first, folder)
    properties.append(f"title={value(clipped(_title(remark), TITLE_SHOWN))}")
    return f"::{_LEVELS[remark.confidence]} {','.join(properties)}::{data(_message(remark, rule))}"


def _place(place: Location, folder: str) -> list[str]:
    """A line counts only in the file as it stands: of an unpacked text the file is named alone."""
    found = [f"file={value(clipped(wording.joined(folder, place.path), SAID_SHOWN))}"]
    line = wording.in_file(place)
    return [*found, f"line={line}"] if line else found


def _title(remark: Remark) -> str:
    return f"{remark.rule} ({remark.confidence.value})"


def _message(remark: Remark, rule: Rule) -> str:
    parts = [remark.said, rule.sentence]
    for place in wording.places(remark)[:PLACES_SAID]:
        text = f": {place.text.strip()}" if place.text.strip() else ""
        parts.append(f"{wording.where(place)}{text}")
    if remark.inherited_from:
        parts.append(f"already in {remark.inherited_from}")
    if rule.clear:
        parts.append(f"→ {rule.clear}")
    return "\n".join(clipped(part, SAID_SHOWN) for part in parts if part)


def _plain(text: str) -> str:
    return uncommanded(clipped(text, SAID_SHOWN))
