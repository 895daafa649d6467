"""Were the GPUs fair to a run while its clock ran? (R2, DESIGN §6)

What makes them unfair is the machine's: somebody else's context, heat, a power brake, a limit
other than the card's own, memory errors, a driver that went away, looks too rare to tell. What a
submission can bring about in its own context (an Xid of its own making, the power cap of full work)
is none of these. Must never turn an answer that is missing into one that is good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from verifier.audits.gputrace import Event, Gpu, GpuTrace, Look, whole

LEAST_HERTZ = 5.0
NANOSECONDS = 1e9
GAP_SECONDS = 1.0
BLIND_SECONDS, BLIND_SHARE = 0.4, 0.1
"""Between two looks that far apart somebody can come and go; so much of a run at most."""

SLOWED = (
    (0x20 | 0x40, "slowed by heat"),
    (0x80, "slowed by the power brake"),
    (0x08, "slowed by its hardware"),
    (0x02, "held to lower clocks that somebody set"),
)
ANY_REASON = 0x20 | 0x40 | 0x80 | 0x08 | 0x02
"""Bits of the driver's clock reasons. The power cap (4) is full work's own, and no bit of these."""
OWN_XIDS = frozenset({13, 31, 43, 45, 68, 109})
"""Codes that a program's own fault brings about; every other is the card's or the driver's."""
NEEDED = ("mps", "throttle_reasons", "mig", "ecc_uncorrected", "rows_pending", "rows_failed")
WORDS = {
    "mps": "MPS",
    "throttle_reasons": "why clocks were lowered",
    "mig": "MIG",
    "ecc_uncorrected": "memory errors",
    "rows_pending": "remapped rows",
    "rows_failed": "remapped rows",
    "power_default_mw": "the card's own power limit",
    "power_limit_mw": "the power limit",
}

Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fairness:
    """`faults` are the machine's, each a reason for another run; `unknown` is what nobody told."""

    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    shown: dict[str, object] = field(default_factory=dict)


def fairness(trace: GpuTrace, window: Window, throttled_at_most: float) -> Fairness:
    """Whether every GPU of the trace was fair in `window`, host clock.

    `throttled_at_most`: the share of the looks, or of the time by the driver's own counter, for
    which one may be slowed.
    """
    faults, unknown = list(_driver(trace, window)), []
    boxes = {str(event.told.get("box")) for event in trace.of("box started")}
    for number, gpu in trace.gpus.items():
        looks = [look for look in gpu.looks if window[0] <= look.at <= window[1]]
        ours = [*_watched(gpu, window), *_others(looks, boxes)]
        ours += _slowed(gpu, looks, window, throttled_at_most)
        ours += [*_memory(gpu, window), *_cut(gpu, window)]
        faults += [f"GPU {number}: {fault}" for fault in ours]
        unknown += [f"{words} of GPU {number}" for words in _untold(gpu, looks, window)]
    # A driver that stays away is missed again at every try.
    return Fairness(tuple(dict.fromkeys(faults)), tuple(unknown), _shown(trace, window))


# ---------------------------------------------------------------- what is unfair


def _driver(trace: GpuTrace, window: Window) -> Iterator[str]:
    for event in trace.events:
        if not window[0] <= event.at <= window[1]:
            continue
        if event.what == "driver lost":
            yield f"the driver went away (error {event.told.get('error')})"
        elif event.what == "xid" and not _own(event):
            yield f"GPU {event.told.get('gpu') or '?'}: Xid {event.told.get('code')}"
    if trace.full:
        yield "its trace is full: what came later was not watched"


def _own(event: Event) -> bool:
    """Whether a program's own fault brings such an Xid about."""
    return whole(event.told.get("code")) in OWN_XIDS


def _watched(gpu: Gpu, window: Window) -> Iterator[str]:
    """Looks often enough, none of them too far from the next."""
    since, until = window
    # Where contexts are never told, looking is not what is lacking.
    known = [look for look in gpu.looks if look.contexts is not None] or gpu.looks
    inside = [look for look in known if since <= look.at <= until]
    before = [look.until for look in known if look.at < since][-1:]
    after = [look.at for look in known if look.at > until][:1]
    times = [*(before or [since]), *(look.until for look in inside), *(after or [until])]
    gaps = [late - early for early, late in pairwise(times)]
    widest = max(gaps)
    if widest > GAP_SECONDS:
        yield f"nobody looked at it for {widest:.1f} s"
    elif until - since > GAP_SECONDS and len(inside) < LEAST_HERTZ * (until - since):
        yield f"only {len(inside) / (until - since):.1f} looks a second"
    elif (blind := sum(gap for gap in gaps if gap > BLIND_SECONDS)) > max(
        GAP_SECONDS, BLIND_SHARE * (until - since)
    ):
        yield f"nobody looked at it for {blind:.1f} s, added up"


def _others(looks: list[Look], boxes: set[str]) -> Iterator[str]:
    """Whoever else had a context while it mattered; `boxes` are those that were watched."""
    foreign, hidden = set(), set()
    for look in looks:
        for each in look.contexts or ():
            if each.owner == "foreign":
                foreign.add(each.pid)
            elif each.owner == "unknown" or each.box not in boxes:
                hidden.add(each.pid)
    if foreign:
        yield f"used by process {_few(foreign)} besides"
    if hidden - foreign:
        yield f"used by process {_few(hidden - foreign)}, of which nobody can tell whose it is"


def _slowed(gpu: Gpu, looks: list[Look], window: Window, at_most: float) -> Iterator[str]:
    told = [value for look in looks if (value := look.figures.get("throttle_reasons")) is not None]
    shares = {words: _share(told, bits) for bits, words in SLOWED}
    yield from (f"{words} for {s:.0%} of the time" for words, s in shares.items() if s > at_most)
    together = _share(told, ANY_REASON)
    if together > at_most >= max(shares.values()):
        yield f"slowed for {together:.0%} of the time, by several causes"
    grown = _grown(gpu, "violation_thermal_ns", window)
    spent = max(window[1] - window[0], 1e-9)
    if grown is not None and grown / NANOSECONDS / spent > at_most:
        slowed = grown / NANOSECONDS
        yield f"slowed by heat for {slowed:.1f} of {spent:.1f} s, as its own counter says"


def _share(reasons: list[int], bits: int) -> float:
    """Of the answers, those that hold any of `bits`."""
    return sum(bool(value & bits) for value in reasons) / max(1, len(reasons))


def _memory(gpu: Gpu, window: Window) -> Iterator[str]:
    if grown := _grown(gpu, "ecc_uncorrected", window):
        yield f"memory errors that could not be corrected: {grown}"
    if any(gpu.told("rows_pending", *window)) or any(gpu.told("rows_failed", *window)):
        yield "rows of its memory wait to be replaced"


def _cut(gpu: Gpu, window: Window) -> Iterator[str]:
    """Parts of a card, a shared card, or one that is held below its own limit."""
    if any(gpu.told("mig", *window)):
        yield "cut into parts (MIG)"
    if any(gpu.told("mps", *window)):
        yield "shared by MPS"
    limits = [limit for limit in gpu.told("power_limit_mw", *window) if limit is not None]
    default = whole(gpu.facts.get("power_default_mw"))
    if default is not None and limits and min(limits) < default:
        yield f"held to {min(limits) / 1000:g} of {default / 1000:g} W"
    if default is not None and limits and max(limits) > default:
        yield f"allowed {max(limits) / 1000:g} W, its own are {default / 1000:g}"


# ---------------------------------------------------------------- what is not known


def _untold(gpu: Gpu, looks: list[Look], window: Window) -> Iterator[str]:
    """What a ruling needs and no look in the window told."""
    if not any(look.contexts is not None for look in looks):
        yield "contexts"
    missing = [name for name in NEEDED if not _answers(gpu, name, window)]
    missing += ["power_default_mw"] if whole(gpu.facts.get("power_default_mw")) is None else []
    missing += [] if _answers(gpu, "power_limit_mw", window) else ["power_limit_mw"]
    yield from dict.fromkeys(WORDS[name] for name in missing)
    if gpu.facts.get("events") != "told":
        yield "Xids"


def _answers(gpu: Gpu, figure: str, window: Window) -> bool:
    """Whether the figure was told, and refused at no look."""
    told = gpu.told(figure, *window)
    return bool(told) and None not in told


# ---------------------------------------------------------------- figures


def _grown(gpu: Gpu, figure: str, window: Window) -> int | None:
    """By how much a counter grew; None where it was not told twice."""
    told = [value for value in gpu.told(figure, *window) if value is not None]
    return told[-1] - told[0] if len(told) > 1 else None


def _shown(trace: GpuTrace, window: Window) -> dict[str, object]:
    gpus = trace.gpus.values()
    spent = max(window[1] - window[0], 1e-9)
    looks = [sum(window[0] <= look.at <= window[1] for look in gpu.looks) for gpu in gpus]
    energy = [_grown(gpu, "energy_mj", window) for gpu in gpus]
    joules = [each / 1000 for each in energy if each is not None]
    own = [event.told.get("code") for event in trace.of("xid") if _own(event)]
    return {
        "gpus_watched": [gpu.name for gpu in gpus],
        "looks_per_second": round(min(looks, default=0) / spent, 2),
        "joules": round(sum(joules), 1) if len(joules) == len(energy) else None,
        "xids_of_its_own": own[:16],
    }


def _few(pids: set[int]) -> str:
    return ", ".join(map(str, sorted(pids)[:3])) + (" …" if len(pids) > 3 else "")
