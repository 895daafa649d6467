"""When did a box use the GPUs? Bounds from outside, by contexts alone.

A context is listed before its process can use it and until it is gone, so that use lies between the
last look before it was listed and the first one after. Utilisation bounds nothing: a context that
idles shows none. Must never take an unanswered look for one that saw nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from verifier.audits.gputrace import Gpu, GpuTrace, Look

LISTED_LATE_SECONDS = 0.3
"""A killed process was listed for up to 0.13 s, and looks may be late by that much again."""
UTILIZATION_LATE_SECONDS = 2.5
"""It fell up to 1.9 s after the last work: what is busy later than this did work."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Use:
    """The first and the last use of any GPU by one box, each in [lo, hi], host clock."""

    begins: Interval
    ends: Interval

    def seconds(self, opened: Interval) -> Interval:
        """How long it was used, [lo, hi], from when the clock was opened."""
        least = self.ends[0] - max(self.begins[1], opened[1])
        most = self.ends[1] - max(self.begins[0], opened[0])
        return max(0.0, least), max(0.0, most)


@dataclass(frozen=True, slots=True)
class Outlived:
    """A box's context that was listed `seconds` after the box had ended; `worked`: and was busy."""

    seconds: float
    worked: bool


def use_of(trace: GpuTrace, box: str) -> Use | None:
    """When `box` used any GPU; None where it was never seen to."""
    uses = [use for gpu in trace.gpus.values() if (use := _on(gpu, box)) is not None]
    if not uses:
        return None
    return Use(
        begins=(min(u.begins[0] for u in uses), min(u.begins[1] for u in uses)),
        ends=(max(u.ends[0] for u in uses), max(u.ends[1] for u in uses)),
    )


def outlived(trace: GpuTrace, box: str) -> Outlived | None:
    """The context of `box` that was listed longest after its end, if any was."""
    ended = trace.of("box ended", box)
    if not ended:
        return None
    late = ended[-1].at + LISTED_LATE_SECONDS
    found = None
    for gpu in trace.gpus.values():
        looks = [look for look in gpu.looks if look.at > late and _holds(look, box)]
        if looks:
            busy = [look for look in looks if (look.figures.get("utilization") or 0) > 0]
            worked = bool(busy) and busy[-1].at > ended[-1].at + UTILIZATION_LATE_SECONDS
            last = Outlived(looks[-1].at - ended[-1].at, worked and _alone(looks, box))
            found = max(found or last, last, key=lambda each: (each.worked, each.seconds))
    return found


def _on(gpu: Gpu, box: str) -> Use | None:
    known = [look for look in gpu.looks if look.contexts is not None]
    held = [number for number, look in enumerate(known) if _holds(look, box)]
    if not held:
        return None
    first, last = held[0], held[-1]
    before = known[first - 1].at if first else -math.inf
    after = known[last + 1].until if last + 1 < len(known) else math.inf
    return Use((before, known[first].until), (known[last].at, after))


def _holds(look: Look, box: str) -> bool:
    return any(each.owner == "box" and each.box == box for each in look.contexts or ())


def _alone(looks: list[Look], box: str) -> bool:
    """Whether nobody else can have been what was busy."""
    return all(each.box == box for look in looks for each in look.contexts or ())
