"""What does a function of a library do to data: make, copy, open, write, draw, measure it?"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable

from verifier.screening.story.value import (
    COMPUTED,
    DATA,
    EXTENT,
    FILE,
    GRADIENT,
    HELD_OUT,
    HISTOGRAM,
    NATS_TO_BITS,
    NONE,
    NOTHING,
    PATH,
    PLACE,
    RANDOM,
    Method,
    Several,
    Shape,
    Value,
    union,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

Arguments = list[Value]
Keywords = dict[str, Value]


def carried(world: World, arguments: Iterable[Value], keywords: Keywords) -> int:
    """Everything that the arguments of a call carry."""
    marks = 0
    for value in arguments:
        marks |= world.raw(value)
    for value in keywords.values():
        marks |= world.raw(value)
    # Together: whether what was learned lies in the same slice shows in the other arguments.
    return world.related(marks)


def held_method(world: World, name: str, base: Value, found: Value) -> Value:
    """`base.name` where it is not called at once, `found` being what it carries.

    Only what changes things in place, or lets them learn: others carry no more than `found`.
    """
    in_place = name.endswith("_") and not name.endswith("__") and not name.startswith("_")
    steps = name == "step" and any(thing.shape == Shape.OPTIMISER for thing in world.each(base[1]))
    if found[2] is UNKNOWN and (in_place or steps or name == "backward"):
        return found[0], found[1], Method(name, base)
    return found


def several(parts: tuple[Value, ...]) -> Value:
    """A tuple of values."""
    marks = things = 0
    for part in parts:
        marks |= part[0]
        things |= part[1]
    return marks, things, Several(parts)


def either(values: Iterable[Value]) -> Value:
    """What may be any of these."""
    result: Value | None = None
    for value in values:
        result = value if result is None else union(result, value)
    return NOTHING if result is None else result


def size(world: World, value: Value) -> Value:
    """How much there is of a value: nothing of the value itself."""
    marks = world.raw(value)
    held = marks & (HELD_OUT | PLACE) and not marks & COMPUTED
    return (EXTENT, 0, UNKNOWN) if held else NOTHING


def places(world: World, marks: int) -> int:
    """The marks of places in data with these marks."""
    found = marks & ~(DATA | world.slice_bits)
    return found | PLACE if marks & HELD_OUT else found


def snapshot(world: World, value: Value) -> Value:
    """A copy that shares no memory: a new thing of the same shape with the same marks."""
    shape, kind, holds = Shape.TENSOR, None, 0
    for thing in world.each(value[1]):
        if thing.shape != Shape.TENSOR:
            shape, kind = thing.shape, thing.kind
            holds |= thing.holds if thing.shape == Shape.CONTAINER else 0
    return 0, world.new_thing(shape, kind, world.raw(value), holds), UNKNOWN


def read(world: World, marks: int) -> int:
    """The marks of what a file holds: the shards it names, or whatever was written before."""
    return marks & ~PATH if marks & DATA else marks | FILE | world.written


def size_of(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """How much there is of the first argument."""
    return size(world, arguments[0]) if arguments else NOTHING


def positions(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """Where in the data something is."""
    return places(world, carried(world, arguments, keywords)), 0, UNKNOWN


def tensor(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """A tensor, an array."""
    marks = carried(world, arguments, keywords)
    return 0, world.new_thing(Shape.TENSOR, None, marks), UNKNOWN


def container(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """A list, a dictionary, a queue."""
    marks = things = 0
    for value in (*arguments, *keywords.values()):
        inner, held = world.inside(value[1])
        marks |= value[0] | inner
        things |= held
    return 0, world.new_thing(Shape.CONTAINER, None, marks, things), UNKNOWN


def copied(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """A copy."""
    return snapshot(world, arguments[0]) if arguments else NOTHING


def drawn(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """Something drawn at random."""
    marks = carried(world, arguments, keywords) | RANDOM | world.loops_mark()
    return 0, world.new_thing(Shape.TENSOR, None, marks), UNKNOWN


def logarithm(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """A logarithm; of two, what makes bits of nats."""
    marks = carried(world, arguments, keywords)
    if arguments and isinstance(arguments[0][2], int | float) and arguments[0][2] == 2:
        return marks | NATS_TO_BITS, 0, math.log(2)
    return (marks | COMPUTED if marks & HELD_OUT else marks), 0, UNKNOWN


def loss(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """A loss, or what a loss is made of."""
    return carried(world, arguments, keywords) | COMPUTED, 0, UNKNOWN


def opened(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """What a file holds."""
    marks = carried(world, arguments, keywords)
    return read(world, marks), 0, UNKNOWN


def written(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """Written to a file, or made into bytes."""
    if arguments:
        world.export(arguments[0], node)
    return carried(world, arguments, keywords), 0, UNKNOWN


def gradient(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """The gradient of the first argument."""
    marks = carried(world, arguments[:1], {}) | GRADIENT
    world.await_step(marks)
    return marks, 0, UNKNOWN


def backward(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """Gradients of the first argument wait for a step."""
    world.await_step(carried(world, arguments, keywords))
    return NONE


def histogram(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """How often each value occurs."""
    return carried(world, arguments, keywords) | HISTOGRAM, 0, UNKNOWN


def following(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """The next of what is asked again and again."""
    marks, things = 0, 0
    for value in arguments:
        inner, held = world.inside(value[1])
        marks |= world.content(value) | inner
        things |= held
    if marks & HELD_OUT and not marks & COMPUTED:
        marks |= world.slice_mark(node)
    return marks | world.loops_mark(), things, UNKNOWN
