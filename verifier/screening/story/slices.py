"""What does taking a part of something give, and which part of the held-out data is it?"""

from __future__ import annotations

import ast
from typing import Final

from verifier.screening.story.events import Span
from verifier.screening.story.value import (
    CLOCK,
    COMPUTED,
    DATA,
    HELD_OUT,
    HISTOGRAM,
    MATCHES,
    NONE,
    NOTHING,
    PATH,
    PLACE,
    RANDOM,
    SAMPLED,
    Outside,
    Several,
    Shape,
    Value,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

CUT_ITEMS: Final = 1_000
"""A constant upper bound of so many items cuts the data; a smaller one is a window."""


def masked(first: int, second: int) -> bool:
    """Whether one of two factors is a loss and the other whether tokens match stored ones."""
    both = MATCHES | COMPUTED
    return (first & both, second & COMPUTED) == (MATCHES, COMPUTED) or (
        second & both,
        first & COMPUTED,
    ) == (MATCHES, COMPUTED)


def subscript(world: World, node: ast.Subscript) -> Value:
    """The value of a subscript."""
    world.left -= 1
    if world.left <= 0:
        return NOTHING
    base = world.value(node.value)
    if isinstance(base[2], Outside):
        if base[2].dotted == "sys.modules":
            return 0, 0, world.frame.outermost()
        return world.folded(node)
    key = index_of(world, node.slice)
    known = _item(world, base, key[2])
    if known is not None:
        return known
    index = world.content(key)
    marks = base[0] | (index & ~CLOCK) | _taken(world, node, base, index, key[2])
    inner, things = world.inside(base[1])
    if index & PATH:
        return (marks | inner) & (~DATA | index), things, UNKNOWN
    return marks | inner, things, UNKNOWN


def _item(world: World, base: Value, key: object) -> Value | None:
    """The part of a tuple, or the value under a key that was written out."""
    if isinstance(base[2], Several) and isinstance(key, int):
        parts = base[2].parts
        return parts[key] if -len(parts) <= key < len(parts) else None
    if isinstance(key, str):
        for thing in world.each(base[1]):
            if thing.shape == Shape.CONTAINER and key in thing.members:
                return thing.members[key]
    return None


def _taken(world: World, node: ast.Subscript, base: Value, index: int, key: object) -> int:
    """The marks that taking a part of held-out data or of losses adds."""
    carried = world.raw(base)
    marks = 0
    if carried & (HELD_OUT | PLACE) and not carried & (COMPUTED | HISTOGRAM | PATH):
        if carried & HELD_OUT:
            marks |= world.slice_mark(node)
            marks |= SAMPLED if index & RANDOM else 0
        if isinstance(key, range) and not carried & world.loops_mark():
            marks |= world.cut_mark(node, key.stop)
    if carried & (HELD_OUT | COMPUTED):
        marks |= spans(world, node.slice, tokens=not carried & COMPUTED)
        if masked(carried, index):
            world.mask(carried | index, node)
    return marks


def index_of(world: World, node: ast.expr) -> Value:
    """An index. Of a slice that keeps the first so many items, its range."""
    if not isinstance(node, ast.Slice):
        return world.value(node)
    marks = 0
    constants: list[object] = []
    for bound in (node.lower, node.upper, node.step):
        value = NONE if bound is None else world.value(bound)
        marks |= world.content(value)
        constants.append(value[2])
    lower, upper, step = constants
    cuts = isinstance(upper, int) and upper >= CUT_ITEMS and step is None
    if cuts and isinstance(upper, int) and (lower is None or lower == 0):
        return marks, 0, range(upper)
    return marks, 0, UNKNOWN


def spans(world: World, index: ast.expr, *, tokens: bool = False) -> int:
    """The marks of the bounds in an index that are not constants."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    marks = 0
    for part in parts:
        if isinstance(part, ast.Slice) and not (_fixed(part.lower) and _fixed(part.upper)):
            marks |= world.span_mark(part, Span(_written(part.lower), _written(part.upper), tokens))
    return marks


def _fixed(bound: ast.expr | None) -> bool:
    """Whether a bound is open or a number."""
    if isinstance(bound, ast.UnaryOp):
        bound = bound.operand
    return bound is None or isinstance(bound, ast.Constant)


def _written(node: ast.expr | None) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return "" if node is None else ast.unparse(node)
