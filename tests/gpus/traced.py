"""Traces made by hand, in times that a float holds exactly: eight looks a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from verifier.audits.gputrace import Context, Event, Gpu, GpuTrace, Look

STEP = 0.125
CARD = "NVIDIA H100"
FAIR: Mapping[str, int | None] = {
    "mps": 0,
    "throttle_reasons": 0,
    "mig": 0,
    "ecc_uncorrected": 0,
    "rows_pending": 0,
    "rows_failed": 0,
    "power_limit_mw": 700_000,
}
FACTS = {"name": CARD, "power_default_mw": 700_000, "events": "told"}
OURS = Context(pid=100, owner="box", box="train")

Changes = Callable[[float], Mapping[str, Any]]


def times(since: float, until: float) -> list[float]:
    """One look each eighth of a second, both ends included."""
    return [since + STEP * n for n in range(round((until - since) / STEP) + 1)]


def look(at: float, contexts: tuple[Context, ...] | None = (), **figures: int | None) -> Look:
    """A look that takes no time and sees a card at rest."""
    return Look(at=at, until=at, contexts=contexts, figures={**FAIR, **figures})


def card(looks: list[Look], **facts: Any) -> Gpu:
    """A card that was looked at so."""
    told = {key: value for key, value in {**FACTS, **facts}.items() if value is not None}
    return Gpu(name=str(told.get("name", "")), facts=told, looks=tuple(looks))


def event(what: str, at: float, **told: Any) -> Event:
    """Something that happened."""
    return Event(what, at, told)


def trace(*cards: Gpu, events: tuple[Event, ...] = (), full: bool = False) -> GpuTrace:
    """Of a box called train that runs from 10 to 20."""
    box = (
        event("box starts", 10.0, box="train"),
        event("box started", 10.0, box="train"),
        event("box ended", 20.0, box="train"),
    )
    return GpuTrace({str(n): each for n, each in enumerate(cards)}, (*box, *events), full)
