"""What does following a program know about one value? Where it comes from, what it is part of.

A value is a triple of two bit sets and a constant, because a script of 4,000 lines makes many
thousands of them. `marks` say where the value comes from; `things` name the models, tensors and
containers it is part of or shares memory with; `constant` is what it is, or UNKNOWN. Nothing here
holds a number that a submission computed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final

from verifier.source.functions import Function
from verifier.source.values import UNKNOWN

Value = tuple[int, int, object]

HELD_OUT: Final = 1 << 0
"""Derived from held-out tokens."""
TRAINING: Final = 1 << 1
"""Derived from training tokens."""
CLOCK: Final = 1 << 2
"""Read from a clock."""
FILE: Final = 1 << 3
"""Read from a file that holds neither training nor held-out shards."""
COMPUTED: Final = 1 << 4
"""Came out of a model or a loss."""
GRADIENT: Final = 1 << 5
"""Came out of automatic differentiation, or of an optimiser's hands."""
NATS_TO_BITS: Final = 1 << 6
"""The logarithm of two, by which a loss becomes bits."""
BITS: Final = 1 << 7
"""A score: a loss over held-out tokens, in bits."""
RANDOM: Final = 1 << 8
"""Drawn at random."""
STORED: Final = 1 << 9
"""A long literal of the source."""
MATCHES: Final = 1 << 10
"""Whether held-out tokens equal stored ones."""
PATH: Final = 1 << 11
"""Not the data but the path of its shards."""
HISTOGRAM: Final = 1 << 12
"""How often each value occurs."""
PLACE: Final = 1 << 13
"""Places in the held-out data: where documents begin, the order of their lengths."""
SAMPLED: Final = 1 << 14
"""Held-out data taken at places drawn at random."""
EXTENT: Final = 1 << 15
"""How much held-out data there is."""
FIXED: Final = 16
"""How many bits are taken by the marks above; those made on the way come after."""

SHARDS: Final = {"training": TRAINING | PATH, "held out": HELD_OUT | PATH, "": 0}
"""How data is marked by the name of its shards."""

DATA: Final = HELD_OUT | TRAINING

NOTHING: Final[Value] = (0, 0, UNKNOWN)
NONE: Final[Value] = (0, 0, None)


class Shape:
    """What kind of thing it is."""

    TENSOR: Final = "tensor"
    CONTAINER: Final = "container"
    MODEL: Final = "model"
    OPTIMISER: Final = "optimiser"
    INSTANCE: Final = "instance"


@dataclass(slots=True, eq=False)
class Thing:
    """A model, tensor, container, optimiser or other object that statements change in place.

    `marks` is what has gone into it, `holds` the things it was made from or contains, `members`
    what was assigned to its attributes.
    """

    bit: int
    shape: str
    kind: Kind | None = None
    marks: int = 0
    holds: int = 0
    hooks: list[Routine] = field(default_factory=list)
    """Functions of the program that are called whenever it is."""
    members: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one function that is being followed; `outer` is where it was defined.

    `log` remembers what a branch overwrote, None where nobody asks.
    """

    names: dict[str, Value]
    outer: Frame | None = None
    log: list[tuple[str, Value | None]] | None = None
    returned: Value | None = None
    borrowed: set[str] = field(default_factory=set)

    def find(self, name: str) -> Value | None:
        """The value of a name here or further out."""
        frame: Frame | None = self
        while frame is not None:
            value = frame.names.get(name)
            if value is not None:
                return value
            frame = frame.outer
        return None

    def outermost(self) -> Frame:
        """The names of the module."""
        frame = self
        while frame.outer is not None:
            frame = frame.outer
        return frame

    def bind(self, name: str, value: Value) -> None:
        """Assign a name, in the frame that owns it."""
        frame: Frame = self
        if name in self.borrowed:
            while frame.outer is not None and name not in frame.names:
                frame = frame.outer
        if frame.log is not None:
            frame.log.append((name, frame.names.get(name)))
        frame.names[name] = value


@dataclass(frozen=True, slots=True, eq=False)
class Routine:
    """A function of the program, with the frame it was defined in; `owner` binds a method.

    `first` and `named` are what functools.partial gave it beforehand.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    place: Function
    owner: Value | None = None
    first: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of a library's object, held to be called later: `do = optimiser.step`."""

    name: str
    receiver: Value


_ANCESTORS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A class of the program. `shape` is that of its instances."""

    name: str
    shape: str
    members: dict[str, Value]
    bases: tuple[Kind, ...]
    place: Function
    settings: bool = False
    """Has no methods: its attributes are apart, and handing it on hands on none of them."""

    def find(self, name: str) -> Value | None:
        """A member of the class or of one it derives from."""
        waiting, seen = [self], set[int]()
        while waiting and len(seen) < _ANCESTORS:
            kind = waiting.pop()
            value = kind.members.get(name)
            if value is not None:
                return value
            if id(kind) not in seen:
                seen.add(id(kind))
                waiting.extend(reversed(kind.bases))
        return None


@dataclass(frozen=True, slots=True)
class Outside:
    """A name from a library: "torch.optim.AdamW". Nothing behind it is ever looked at."""

    dotted: str


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """The parts of a tuple or list that was written out."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several functions: nobody knows which."""

    routines: tuple[Routine, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Zipped:
    """Values that a loop runs over side by side; an element of each is one turn's."""

    parts: tuple[Value, ...]


def union(first: Value, second: Value, deep: int = 0) -> Value:
    """What may be either. Of rows in rows in rows only what they carry."""
    constant = first[2]
    if isinstance(constant, Several) and isinstance(second[2], Several) and deep < _ROWS_DEEP:
        pairs = zip(constant.parts, second[2].parts, strict=False)
        if len(constant.parts) == len(second[2].parts) <= _PARTS:
            parts = tuple(union(one, other, deep + 1) for one, other in pairs)
            return first[0] | second[0], first[1] | second[1], Several(parts)
    if constant is not second[2] and not same(constant, second[2]):
        constant = _routines(constant, second[2])
    return first[0] | second[0], first[1] | second[1], constant


_PARTS: Final = 16
_ROWS_DEEP: Final = 3


def _routines(first: object, second: object) -> object:
    found: list[Routine] = []
    for each in (first, second):
        if isinstance(each, Routine):
            found.append(each)
        elif isinstance(each, Either):
            found.extend(each.routines)
    return Either(tuple(found[:4])) if len(found) > 1 else found[0] if found else UNKNOWN


def same(first: object, second: object) -> bool:
    """Whether two constants are the same plain value."""
    plain = (int, float, str)
    return type(first) is type(second) and isinstance(first, plain) and first == second
