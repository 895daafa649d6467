"""What happened, in which order, while a program was followed? The records that rules read.

An event says where it stands and inside which loops; nothing here decides whether it was allowed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import StrEnum

from verifier.source.functions import Function
from verifier.source.values import UNKNOWN


class Relation(StrEnum):
    """How a score lies to something that was learned before it."""

    AFTER = "after"
    """Learning had passed over its whole data before; no loop over that data holds both."""
    WITHIN = "within"
    """In the same turn of a loop over the data, learning came first, from the same slice."""
    NEARBY = "nearby"
    """The same, but from a slice that is written elsewhere: it may have been scored before."""
    AGAIN = "again"
    """A loop that repeats the same data holds both, learning in an earlier turn."""


@dataclass(slots=True, eq=False)
class Loop:
    """One entry into a loop. `bit` marks what its variable decides, 0 for a `while`.

    `limits` are the constants that clocks were compared with in its body, in seconds; `clocked`
    says that a clock was compared with anything. `turns` is how often it runs, or UNKNOWN.
    """

    node: ast.For | ast.AsyncFor | ast.While | ast.comprehension
    place: Function
    bit: int = 0
    turns: object = UNKNOWN
    limits: list[float] = field(default_factory=list)
    clocked: bool = False
    repeated: bool = False


Turn = tuple[Loop, int]


@dataclass(slots=True, eq=False)
class Event:
    """Something that happened: when, where, in which turns of which loops, with which marks."""

    order: int
    node: ast.AST
    place: Function
    turns: tuple[Turn, ...]
    marks: int


@dataclass(slots=True, eq=False)
class Learned(Event):
    """Weights, a bias or a table took up data. `bit` is how its traces are marked.

    `table` tells counts in a table from a step of an optimiser; `things` is what learned, 0 where
    nobody knows.
    """

    bit: int = 0
    table: bool = False
    things: int = 0


@dataclass(slots=True, eq=False)
class Counted(Event):
    """A loss over held-out tokens was added to a total; `bit` marks the total."""

    bit: int = 0


@dataclass(slots=True, eq=False)
class Scored(Event):
    """A loss over held-out tokens became bits."""


@dataclass(slots=True, eq=False)
class Ran(Event):
    """A model saw data, with nothing learned from it by gradient. `hooked`: under a hook."""

    hooked: bool = False


@dataclass(slots=True, eq=False)
class Exported(Event):
    """Something was written to a file or compressed."""


@dataclass(slots=True, eq=False)
class Masked(Event):
    """A loss was multiplied or selected by whether held-out tokens equal stored ones."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Held-out data was cut to its first `length` items by a constant."""

    place: Function
    node: ast.AST
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Held-out data was sliced here, in these turns."""

    node: ast.AST
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Bounds of a slice, as they are written; "" for an open end. `tokens`: of the data itself."""

    lower: str
    upper: str
    tokens: bool = False
