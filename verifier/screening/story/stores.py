"""What does an assignment change? Names and things; and was something counted or learned?"""

from __future__ import annotations

import ast

from verifier.screening.story import calls
from verifier.screening.story.constants import computed
from verifier.screening.story.slices import masked, spans
from verifier.screening.story.value import (
    CLOCK,
    COMPUTED,
    FILE,
    GRADIENT,
    HELD_OUT,
    HISTOGRAM,
    PATH,
    Shape,
    Value,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN


def store(world: World, target: ast.expr, value: Value, node: ast.Assign | ast.AnnAssign) -> None:
    """Assign a value to a name, an attribute or an item."""
    if isinstance(target, ast.Name):
        if value[0] & GRADIENT and value[0] & HELD_OUT and isinstance(node.value, ast.BinOp):
            made = world.new_thing(Shape.TENSOR)
            world.learn(made, value[0], node)
            value = 0, made, UNKNOWN
        elif value[2] is UNKNOWN and world.frame.outer is None:
            value = value[0], value[1], world.constant(target.id)
        world.frame.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        calls.bind(world, target, value)
        if isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                if isinstance(each, ast.Subscript | ast.Attribute):
                    store(world, each, (value[0], value[1], UNKNOWN), node)
    elif isinstance(target, ast.Attribute):
        _store_attribute(world, target, value)
    elif isinstance(target, ast.Subscript):
        _store_item(world, target, value, node)


def _store_attribute(world: World, target: ast.Attribute, value: Value) -> None:
    for thing in world.each(world.value(target.value)[1]):
        if thing.shape == Shape.INSTANCE:
            thing.members[target.attr] = value
            if thing.kind is None or not thing.kind.settings:
                thing.marks |= value[0]
                thing.holds |= value[1] & ~thing.bit
        elif thing.shape == Shape.MODEL and target.attr != "grad":
            thing.holds |= value[1] & ~thing.bit


def _store_item(
    world: World, target: ast.Subscript, value: Value, node: ast.Assign | ast.AnnAssign
) -> None:
    base = world.value(target.value)
    index = world.content(world.value(target.slice))
    given = world.content(value)
    marks = (given | index) & ~(FILE | CLOCK) | spans(world, target.slice)
    key = _key(target.slice)
    for thing in world.each(base[1]):
        if thing.shape == Shape.MODEL:
            continue
        if key and thing.shape == Shape.CONTAINER:
            thing.members[key] = value
        thing.marks |= marks
        if thing.shape == Shape.CONTAINER:
            thing.holds |= value[1] & ~thing.bit
            if index & HELD_OUT and not (index | given) & (COMPUTED | PATH):
                world.learn(thing.bit, index, node, table=True)
    if not base[1] and isinstance(target.value, ast.Name):
        world.frame.bind(target.value.id, (base[0] | marks, 0, UNKNOWN))


def _key(node: ast.expr) -> str:
    """A key that is written out."""
    constant = node.value if isinstance(node, ast.Constant) else None
    return constant if isinstance(constant, str) else ""


def augmented(world: World, node: ast.AugAssign) -> bool:
    """`total += loss`, `table[key] += 1`, `weights -= rate * gradient`."""
    target = node.target
    value = world.value(node.value)
    given = world.content(value) & ~FILE
    adds = isinstance(node.op, ast.Add | ast.Sub)
    base = world.value(target)
    if isinstance(target, ast.Subscript):
        index = world.content(world.value(target.slice))
        if adds and index & HELD_OUT and not (index | given) & (COMPUTED | PATH):
            world.learn(world.value(target.value)[1], index, node, table=True)
        given |= spans(world, target.slice) if given & COMPUTED else 0
    if isinstance(node.op, ast.Mult) and masked(world.raw(base), given):
        world.mask(given, node)
    if given & GRADIENT and given & HELD_OUT:
        world.learn(base[1], given, node)
    elif given & HISTOGRAM and given & HELD_OUT and not given & COMPUTED:
        world.learn(base[1], given, node, table=True)
        given &= ~HISTOGRAM
    elif adds and given & HELD_OUT and given & COMPUTED:
        given |= world.count(given, node)
    if isinstance(target, ast.Name):
        folded = computed(node.op, base[2], value[2])
        world.frame.bind(target.id, (base[0] | given, base[1], folded))
    elif isinstance(target, ast.Attribute):
        _store_attribute(world, target, (base[0] | given, base[1] | value[1], UNKNOWN))
    for thing in world.each(base[1]):
        if thing.shape != Shape.MODEL:
            thing.marks |= given
            if thing.shape == Shape.CONTAINER:
                thing.holds |= value[1] & ~thing.bit
    return False
