"""What is a probe, and what can be known about one that ran? The records of the self-check.

A probe is one way out of a box, tried. Its source runs in a box; whether the wall held is judged
from `Evidence`, by a pure function. Must never run anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from verifier.records import Assurance, BoxEnd, Limits


class Outcome(StrEnum):
    """How a probe ended. Only HELD is a wall that stands."""

    HELD = "held"
    BROKE = "broke"
    LACKS = "lacks"
    NOT_TRIED = "not tried"


class Company(StrEnum):
    """Which box a probe runs in."""

    FAMILY = "with its family"
    ALONE = "alone"
    QUIET = "alone, while no other probe runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One entry that a box left in its output, as the host finds it. `path` is legible text."""

    path: str
    kind: str
    mode: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of one probe's run.

    `said` maps each attempt to what the probe says became of it ("did", "did: …" or the name of
    an error); None when the probe never said that it was through. `began` says that it began.
    The rest was seen from outside: `received` the bytes (or connections) that listeners of the host
    got, `leaked` which secrets of the host stand in what came out of the box, `changed` what is
    not as it was before, `survivors` processes that outlived it, `bystander` how a process of the
    host fared ("" when it runs on untouched), `earlier` what the box before or beside it says.
    `idle_seconds`: of processors, meanwhile, when nobody wanted them; NaN where not counted.
    `first`: the host put the box before all others at every processor.
    """

    end: BoxEnd
    limits: Limits
    said: Mapping[str, str] | None
    began: bool = True
    received: Mapping[str, int] = field(default_factory=dict)
    leaked: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    survivors: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    bystander: str = ""
    earlier: Mapping[str, str] = field(default_factory=dict)
    idle_seconds: float = math.nan
    first: bool = False


Judge = Callable[[Evidence], tuple[str, ...]]


def _no_reason(_: Evidence) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One attempt on one wall. `judge` names what broke, nothing when the wall held.

    `tries` is one sentence for a person. `lacks` are beginnings of what a backend says in
    `lacking()` when it has no such wall; `limits` what its own box is held to, where it is ALONE.
    `needs` names what of the machine it needs ("ipv6"), "" for nothing. `tells_nothing` names why a
    run that broke no wall does not show one either: then it is run again, or was not tried.
    """

    id: str
    wall: str
    tries: str
    source: str
    judge: Judge
    company: Company = Company.FAMILY
    limits: Mapping[str, float] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    needs: str = ""
    tells_nothing: Judge = _no_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Probes that share a box. `first` is the source of a box that runs before or beside theirs.

    `beside` says that it still runs; `channel` that their box has a channel, and so Unix sockets.
    """

    name: str
    title: str
    probes: tuple[Probe, ...]
    first: str = ""
    beside: bool = False
    channel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one probe, for people. `said` is empty where the wall held."""

    probe: str
    family: str
    wall: str
    tries: str
    outcome: Outcome
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of every probe in one backend."""

    backend: str
    level: Assurance
    lacking: tuple[str, ...]
    answers: tuple[Answer, ...]
    seconds: float
