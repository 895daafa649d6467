"""What has been made and learned so far, and how does a value lie to what was learned before it?

Keeps the things and marks of a program that is being followed, and the events in their order.
Every count is bounded; nothing here looks at the program's text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from verifier.screening.story.events import (
    Counted,
    Cut,
    Event,
    Exported,
    Learned,
    Loop,
    Masked,
    Ran,
    Relation,
    Scored,
    Slice,
    Span,
    Turn,
)
from verifier.screening.story.value import (
    COMPUTED,
    DATA,
    FILE,
    FIXED,
    HELD_OUT,
    HISTOGRAM,
    PATH,
    TRAINING,
    Frame,
    Kind,
    Shape,
    Thing,
    Value,
)
from verifier.source.functions import Function

_BITS = 4_000
_ONE_TURN = (Relation.WITHIN, Relation.NEARBY)


def bits(marks: int) -> Iterator[int]:
    """Each bit of a set, as a set of one."""
    while marks:
        lowest = marks & -marks
        yield lowest
        marks ^= lowest


@dataclass(slots=True, eq=False, kw_only=True)
class Traces:
    """What is true now of things, marks and events, `place` and `frame` being followed."""

    place: Function
    frame: Frame
    path: int = 0
    turns: tuple[Turn, ...] = ()
    callers: list[Frame] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    pending: int = 0
    """The marks of the loss whose gradients wait for a step."""
    stepped: bool = False
    written: int = 0
    """Traces of learning that went into files."""
    hidden: int = 0
    """Traces of learning in the other branch of an `if`."""
    hooked: set[int] = field(default_factory=set)
    """The frames in which a model has a hook: where it was put on, and who asked for it."""
    learned_bits: int = 0
    slice_bits: int = 0
    span_bits: int = 0
    cut_bits: int = 0
    relation_bits: int = 0
    meanings: list[object] = field(default_factory=list)
    made: dict[tuple[str, int, int], int] = field(default_factory=dict)

    # ------------------------------------------------------------ marks and things

    def mark(self, sort: str, node: ast.AST, meaning: object) -> int:
        """The mark that belongs to a node on this path of calls; 0 when there are too many."""
        key = (sort, id(node), self.path)
        bit = self.made.get(key)
        if bit is None:
            bit = self.made[key] = self.new_bit(meaning)
        return bit

    def new_bit(self, meaning: object) -> int:
        """A mark nobody has; 0 when there are too many."""
        if len(self.meanings) >= _BITS:
            return 0
        self.meanings.append(meaning)
        return 1 << (FIXED + len(self.meanings) - 1)

    def meaning(self, bit: int) -> object:
        """What a mark made on the way stands for."""
        return self.meanings[bit.bit_length() - 1 - FIXED]

    def new_thing(
        self, shape: str, kind: Kind | None = None, marks: int = 0, holds: int = 0
    ) -> int:
        """A new thing, as a set of one; 0 when there are too many."""
        if len(self.things) >= _BITS:
            return 0
        bit = 1 << len(self.things)
        self.things.append(Thing(bit, shape, kind, marks, holds))
        return bit

    def each(self, things: int) -> Iterator[Thing]:
        """The things of a set."""
        while things:
            lowest = things & -things
            yield self.things[lowest.bit_length() - 1]
            things ^= lowest

    def inside(self, things: int) -> tuple[int, int]:
        """What taking an element of things gives: its marks, and the things it is part of."""
        marks = found = 0
        for thing in self.each(things):
            if thing.shape == Shape.CONTAINER:
                marks |= thing.marks
                found |= thing.holds
            elif thing.kind is not None and thing.kind.find("__iter__") is not None:
                found |= self.parameters(thing.holds)
            else:
                found |= thing.bit
        return marks, found

    def reach(self, things: int) -> int:
        """The things of a set, what they hold, and what that holds."""
        seen, new = 0, things
        for _ in range(4):
            seen |= new
            found = 0
            for thing in self.each(new):
                found |= thing.holds
            new = found & ~seen
            if not new:
                break
        return seen

    def raw(self, value: Value) -> int:
        """The marks of a value and of everything it is part of, learning as it was recorded."""
        marks, things = value[0], value[1]
        if things:
            models = 0
            for thing in self.each(things):
                if thing.shape == Shape.MODEL:
                    models |= thing.bit
            # A model carries what was learned, never the data that it was made beside.
            for thing in self.each(self.reach(things & ~models)):
                marks |= thing.marks
            for thing in self.each(self.reach(models)):
                marks |= thing.marks & ~(DATA | PATH | FILE | HISTOGRAM)
        return marks

    def content(self, value: Value) -> int:
        """As `raw`, with what was learned told by how it lies to this moment."""
        marks = self.raw(value)
        return self.related(marks) if marks & self.learned_bits else marks

    # ------------------------------------------------------------ learning

    def related(self, marks: int) -> int:
        """The marks with each trace of learning replaced by its relation to this moment."""
        traces = marks & self.learned_bits
        if not traces:
            return marks
        marks &= ~traces
        found = 0
        for bit in bits(traces & ~self.hidden):
            learned = self.meaning(bit)
            assert isinstance(learned, Learned)
            relation = self.relation(learned, marks)
            if relation is not None and not (learned.table and relation in _ONE_TURN):
                found |= self.relation_mark(learned, relation)
        return marks | found

    def relation(self, learned: Learned, marks: int) -> Relation | None:
        """How a value with these marks, used now, lies to something learned before."""
        common: list[Loop] = []
        for (then, then_turn), (now, now_turn) in zip(learned.turns, self.turns, strict=False):
            if then is not now:
                break
            if then_turn != now_turn:
                return None if marks & now.bit else Relation.AGAIN
            common.append(then)
        both = learned.marks | marks
        common = [loop for loop in common if isinstance(loop.node, ast.While) or both & loop.bit]
        if common:
            same = self.overlap(learned.marks & marks, common)
            return Relation.WITHIN if same else Relation.NEARBY
        return Relation.AFTER

    def overlap(self, marks: int, loops: list[Loop]) -> bool:
        """Whether one of these slices was taken in the turn that is being run of these loops."""
        for bit in bits(marks & self.slice_bits):
            taken = self.meaning(bit)
            assert isinstance(taken, Slice)
            if any(loop is each for loop, _ in taken.turns for each in loops):
                return True
        return False

    def relation_mark(self, learned: Learned, relation: Relation) -> int:
        """The mark of one relation to one thing learned."""
        key = (relation.value, learned.bit.bit_length(), 0)
        bit = self.made.get(key)
        if bit is None:
            bit = self.made[key] = self.new_bit((learned, relation))
            self.relation_bits |= bit
        return bit

    def learn(self, things: int, marks: int, node: ast.AST, *, table: bool = False) -> Learned:
        """Record that things took up data with these marks."""
        learned = Learned(
            len(self.events), node, self.place, self.turns, marks, table=table, things=things
        )
        if marks & HELD_OUT:
            bit = self.mark("table" if table else "learned", node, learned)
            if bit:
                self.meanings[bit.bit_length() - 1 - FIXED] = learned
            learned.bit = bit
            self.learned_bits |= bit
            for thing in self.each(things):
                thing.marks |= bit
        self.events.append(learned)
        return learned

    def await_step(self, marks: int) -> None:
        """Gradients of a loss with these marks wait for an optimiser."""
        if self.stepped:
            self.pending, self.stepped = 0, False
        self.pending |= marks

    def step(self, things: int, node: ast.AST) -> None:
        """An optimiser over these things takes a step with the gradients that wait."""
        optimised = 0
        stepping = False
        for thing in self.each(things):
            if thing.shape == Shape.OPTIMISER:
                optimised |= thing.holds
                stepping = True
        if self.pending and (stepping or not (things or self.stepped)):
            self.learn(self.parameters(optimised), self.pending, node)
            self.stepped = True

    def parameters(self, things: int) -> int:
        """The things of a set; of containers, what they hold."""
        found, open_ = 0, things
        for _ in range(4):
            held = 0
            for thing in self.each(open_):
                if thing.shape == Shape.CONTAINER:
                    held |= thing.holds
                else:
                    found |= thing.bit
            open_ = held
        return found

    # ------------------------------------------------------------ other events

    def count(self, marks: int, node: ast.AST) -> int:
        """Record that a loss over held-out tokens was added to a total; its mark."""
        event = Counted(len(self.events), node, self.place, self.turns, marks)
        event.bit = self.mark("count", node, event)
        self.events.append(event)
        return event.bit

    def score(self, marks: int, node: ast.AST) -> None:
        """Record that a loss became bits."""
        self.events.append(Scored(len(self.events), node, self.place, self.turns, marks))

    def ran(self, marks: int, node: ast.AST) -> None:
        """Record that a model saw data."""
        if marks & (HELD_OUT | TRAINING):
            hooked = id(self.frame) in self.hooked
            event = Ran(len(self.events), node, self.place, self.turns, marks, hooked=hooked)
            self.events.append(event)

    def export(self, value: Value, node: ast.AST) -> None:
        """Record that something was written or compressed."""
        marks = self.content(value)
        if not marks & COMPUTED:
            self.written |= marks & self.relation_bits
        self.events.append(Exported(len(self.events), node, self.place, self.turns, marks))

    def hook(self) -> None:
        """A model gets a hook."""
        self.hooked.add(id(self.frame))
        if len(self.callers) > 1:
            self.hooked.add(id(self.callers[-1]))

    def mask(self, marks: int, node: ast.AST) -> None:
        """Record that a loss was masked by stored tokens."""
        self.events.append(Masked(len(self.events), node, self.place, self.turns, marks))

    def slice_mark(self, node: ast.AST) -> int:
        """The mark of a slice of held-out data taken here."""
        taken = Slice(node, self.turns)
        bit = self.mark("slice", node, taken)
        if bit:
            self.meanings[bit.bit_length() - 1 - FIXED] = taken
        self.slice_bits |= bit
        return bit

    def span_mark(self, node: ast.AST, span: Span) -> int:
        """The mark of the bounds of a slice."""
        bit = self.mark("span", node, span)
        self.span_bits |= bit
        return bit

    def cut_mark(self, node: ast.AST, length: int) -> int:
        """The mark of held-out data cut to a length."""
        bit = self.mark("cut", node, Cut(self.place, node, length))
        self.cut_bits |= bit
        return bit

    def loops_mark(self) -> int:
        """The marks of every loop that is being run: for what changes from turn to turn unseen."""
        marks = 0
        for loop, _ in self.turns:
            marks |= loop.bit
        return marks

    def limit(self, seconds: float | None) -> None:
        """A clock was compared, with a constant number of seconds where one is known."""
        for loop, _ in self.turns:
            loop.clocked = True
            if seconds is not None:
                loop.limits.append(seconds)
