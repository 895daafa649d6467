"""How does a rule of this room speak? One remark, with its places and both values."""

from __future__ import annotations

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

Value = str | int | float | None
MOST_PLACES = 40


def note(rule: Rule, said: str, *places: Location, **values: Value) -> Remark:
    """A remark that asks nobody for anything."""
    return remark(rule, Confidence.NOTE, said, *places, **values)


def review(rule: Rule, said: str, *places: Location, **values: Value) -> Remark:
    """A remark that a person should look at."""
    return remark(rule, Confidence.REVIEW, said, *places, **values)


def remark(
    rule: Rule, confidence: Confidence, said: str, *places: Location, **values: Value
) -> Remark:
    """A remark of the given confidence, or of the strongest that the rule may have."""
    order = [Confidence.VIOLATION, Confidence.REVIEW, Confidence.NOTE]
    allowed = max(confidence, rule.at_most, key=order.index)
    return Remark(
        rule=rule.id,
        confidence=allowed,
        said=said,
        locations=places[:MOST_PLACES],
        values=values,
    )
