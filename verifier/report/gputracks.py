"""What did the GPUs do while a phase ran? Looks at NVML as tracks and stretches of time.

A look is one JSON object as `docs/gpu.md` names its fields (kind "poll"); a figure that a driver
did not give is an object with an error, and becomes a gap. Must never judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from verifier.report import model

Look = Mapping[str, Any]

ENERGY_SECONDS = 0.5
CONTEXTS = "GPU contexts"
HELD_BACK = "GPU held back"
# NVML's bits of why clocks are lower than asked for, as far as a reader must know of them
REASONS = {
    "power limit": 0x04,
    "hardware slowdown": 0x08,
    "heat": 0x20 | 0x40,
    "power brake": 0x80,
}


def beside(watched: model.Watched, looks: Sequence[Look], began: float) -> model.Watched:
    """The phase with what its GPUs did; `began` is its start on the clock of the looks."""
    return watched.model_copy(
        update={
            "tracks": (*watched.tracks, *tracks(looks, began)),
            "stretches": (*watched.stretches, *stretches(looks, began)),
        }
    )


def tracks(looks: Sequence[Look], began: float) -> tuple[model.Track, ...]:
    """Utilisation and power, in seconds since `began`."""
    polls = [look for look in looks if look.get("kind") == "poll"]
    if not polls:
        return ()
    at = tuple(float(look["at"]) - began for look in polls)
    busy = tuple(_inner(look, "utilization", "gpu") for look in polls)
    watts_at, watts = _watts(polls, began)
    found = [
        model.Track(panel="GPU utilisation", name="GPU", unit="%", top=100, seconds=at, values=busy)
    ]
    if watts:
        found.append(
            model.Track(
                panel="GPU power", name="mean, by energy", unit="W", seconds=watts_at, values=watts
            )
        )
    return tuple(found)


def stretches(looks: Sequence[Look], began: float) -> tuple[model.Stretch, ...]:
    """When each process had a context, and when clocks were held back, from look to look."""
    polls = [look for look in looks if look.get("kind") == "poll"]
    seen: dict[tuple[str, str], list[list[float]]] = {}
    before: set[tuple[str, str]] = set()
    for look in polls:
        at, until = float(look["at"]) - began, float(look.get("until", look["at"])) - began
        now = {(CONTEXTS, f"process {pid}") for pid in _contexts(look)}
        now |= {(HELD_BACK, name) for name in _reasons(look)}
        for key in sorted(now):
            if key in before:
                seen[key][-1][1] = until
            else:
                seen.setdefault(key, []).append([at, until])
        before = now
    return tuple(
        model.Stretch(panel=panel, name=name, begin=begin, end=end)
        for (panel, name), times in seen.items()
        for begin, end in times
    )


def _contexts(look: Look) -> list[int]:
    found = look.get("contexts")
    if not isinstance(found, list):
        return []
    pids = (each.get("pid") for each in found if isinstance(each, Mapping))
    return sorted(pid for pid in pids if isinstance(pid, int))


def _reasons(look: Look) -> list[str]:
    bits = look.get("throttle_reasons")
    if not isinstance(bits, int):
        return []
    return [name for name, mask in REASONS.items() if bits & mask]


def _watts(
    polls: Sequence[Look], began: float
) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    """Mean power between looks at least half a second apart: the counter moves in steps."""
    at: list[float] = []
    watts: list[float | None] = []
    known = [look for look in polls if isinstance(look.get("energy_mj"), int)]
    if not known:
        return (), ()
    first = known[0]
    for look in known[1:]:
        seconds = float(look["at"]) - float(first["at"])
        if seconds >= ENERGY_SECONDS:
            used = (look["energy_mj"] - first["energy_mj"]) / 1000
            at.append(float(first["at"]) - began)
            # A counter that fell was set back by its driver: between the two nothing is known.
            watts.append(used / seconds if used >= 0 else None)
            first = look
    if at:
        at.append(float(first["at"]) - began)
        watts.append(watts[-1])
    return tuple(at), tuple(watts)


def _inner(look: Look, name: str, key: str) -> float | None:
    found = look.get(name)
    value = found.get(key) if isinstance(found, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
