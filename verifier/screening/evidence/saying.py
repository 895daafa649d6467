"""How does a rule of this room speak? One remark, with its places and both values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

Value = str | int | float | None
MOST_PLACES = 40


def note(rule: Rule, said: str, *places: Location, **values: Value) -> Remark:
    """A remark that asks nobody for anything."""
    return remark(rule, Confidence.NOTE, said, *places, **values)


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


def merged(remarks: Iterable[Remark]) -> Iterator[Remark]:
    """Remarks of one rule and confidence as one, in the order in which they first came.

    Three seeds' logs that show one thing are one thing to look at.
    """
    groups: dict[tuple[str, Confidence], list[Remark]] = {}
    for one in remarks:
        groups.setdefault((one.rule, one.confidence), []).append(one)
    for same in groups.values():
        if len(same) == 1:
            yield same[0]
            continue
        first = same[0]
        places = tuple(dict.fromkeys(place for one in same for place in one.locations))
        yield replace(
            first,
            said=f"{first.said} (and {len(same) - 1} more)",
            locations=places[:MOST_PLACES],
            values={**first.values, "times": len(same)},
        )
