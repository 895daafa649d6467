"""How does the answer of shadow runs look beside a pull request? As the runner's own commands."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.report.harmless import clipped
from verifier.report.lettering import uncommanded
from verifier.report.screening.as_github import data, value
from verifier.report.shadow import words
from verifier.shadow import Behaviour, Shadowed

SAID_SHOWN = 600


def lines(answer: Shadowed) -> Iterator[str]:
    """One annotation a conclusion, or one for what could not be tested; then the answer."""
    for found in answer.conclusions:
        yield _annotation("error", found.family.value, found.said)
    if answer.answer is Behaviour.INCONCLUSIVE:
        yield _annotation("warning", "shadow run", "not tested: " + " ".join(answer.missing))
    said = f"shadow run {answer.answer.value}: {words.MEANING[answer.answer]}"
    yield uncommanded(clipped(said, SAID_SHOWN))


def _annotation(level: str, title: str, said: str) -> str:
    return f"::{level} title={value(clipped(title))}::{data(clipped(said, SAID_SHOWN))}"
