"""What is an expression's value, as far as following can tell? Folds constants, unites marks.

Nothing is computed but arithmetic and comparison of plain constants.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any, Final

from verifier.screening.story import calls, data_calls, displays, slices
from verifier.screening.story.constants import LONG_LITERAL, computed, holds, true
from verifier.screening.story.slices import masked
from verifier.screening.story.value import (
    BITS,
    CLOCK,
    COMPUTED,
    FILE,
    HELD_OUT,
    MATCHES,
    NATS_TO_BITS,
    NONE,
    NOTHING,
    SHARDS,
    STORED,
    Outside,
    Routine,
    Shape,
    Value,
    union,
)
from verifier.screening.story.vocabulary import shards
from verifier.screening.story.world import EVALUATED, World
from verifier.source.children import children
from verifier.source.values import UNKNOWN

_MILLISECONDS: Final = 10_000


def evaluate(world: World, node: ast.expr | None) -> Value:
    """The value of an expression."""
    if node is None:
        return NOTHING
    world.evaluated += 1
    if world.evaluated > EVALUATED:
        world.left = 0
        return NOTHING
    kind = type(node)
    if kind is ast.Name:
        return world.name(node.id)  # type: ignore[attr-defined]
    known = _KINDS.get(kind)
    return known(world, node) if known is not None else _parts(world, node)


def truth(world: World, node: ast.expr) -> bool | None:
    """Whether a test holds, None where that is not known. Follows what the test calls."""
    if isinstance(node, ast.BoolOp):
        deciding = isinstance(node.op, ast.Or)
        open_ = False
        for part in node.values:
            holds = truth(world, part)
            if holds is deciding:
                return deciding
            open_ = open_ or holds is None
        return None if open_ else not deciding
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        holds = truth(world, node.operand)
        return None if holds is None else not holds
    return true(evaluate(world, node)[2])


def _parts(world: World, node: ast.expr) -> Value:
    marks = things = 0
    for child in children(node):
        if isinstance(child, ast.expr):
            value = evaluate(world, child)
            marks |= value[0]
            things |= value[1]
    return marks, things, UNKNOWN


def _constant(world: World, node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, str | bytes):
        if len(value) > LONG_LITERAL:
            return STORED, 0, UNKNOWN
        if isinstance(value, str):
            return SHARDS[shards(value)], 0, value
        return 0, 0, UNKNOWN
    if isinstance(value, float) and (
        abs(value - math.log(2)) < 1e-4 or abs(value - 1 / math.log(2)) < 1e-4
    ):
        return NATS_TO_BITS, 0, value
    return 0, 0, value


def _attribute(world: World, node: ast.Attribute) -> Value:
    base = evaluate(world, node.value)
    return data_calls.held_method(world, node.attr, base, calls.attribute(world, base, node))


def _binary(world: World, node: ast.BinOp) -> Value:
    left, right = evaluate(world, node.left), evaluate(world, node.right)
    first, second = world.raw(left), world.raw(right)
    marks = world.related(first | second)
    scored = HELD_OUT | COMPUTED
    if isinstance(node.op, ast.Div | ast.Mult):
        if (
            first & NATS_TO_BITS != second & NATS_TO_BITS
            and marks & scored == scored
            and not marks & BITS
        ):
            marks = (marks | BITS) & ~NATS_TO_BITS
            world.score(marks, node)
        elif masked(first, second):
            world.mask(marks, node)
        elif marks & CLOCK and isinstance(node.op, ast.Div) and right[2] is UNKNOWN:
            # Time over something else is a share of it, no time.
            marks &= ~CLOCK
    things = 0
    if isinstance(node.op, ast.Add) and (left[1] or right[1]):
        for thing in world.each(left[1] | right[1]):
            things |= 0 if thing.shape == Shape.TENSOR else thing.bit
    return marks, things, computed(node.op, left[2], right[2])


def _compare(world: World, node: ast.Compare) -> Value:
    left = evaluate(world, node.left)
    others = [evaluate(world, other) for other in node.comparators]
    if isinstance(others[0][2], Outside):
        if isinstance(left[2], str) and isinstance(node.ops[0], ast.In | ast.NotIn):
            found = world.variable(left[2], NONE)[2]
            missing = isinstance(node.ops[0], ast.NotIn)
            return 0, 0, missing if found is None else not missing
        return world.folded(node)
    first, second = world.content(left), 0
    for other in others:
        second |= world.content(other)
    marks = first | second
    if marks & CLOCK:
        _clocked(world, first, left, second, others)
        marks &= ~CLOCK
    elif isinstance(node.ops[0], ast.Eq | ast.NotEq) and not marks & COMPUTED:
        stored = FILE | STORED
        if (first & HELD_OUT and second & stored and not second & HELD_OUT) or (
            second & HELD_OUT and first & stored and not first & HELD_OUT
        ):
            marks |= MATCHES
    constant = holds(node, left[2], others[0][2]) if len(others) == 1 else UNKNOWN
    return marks, 0, constant


def _clocked(world: World, first: int, left: Value, second: int, others: list[Value]) -> None:
    limit = others[0][2] if first & CLOCK else left[2]
    if first & second & CLOCK or not isinstance(limit, int | float):
        world.limit(None)
    else:
        world.limit(limit / 1000 if limit >= _MILLISECONDS else float(limit))


def _boolean(world: World, node: ast.BoolOp) -> Value:
    stops = isinstance(node.op, ast.Or)
    result: Value | None = None
    for part in node.values:
        value = evaluate(world, part)
        holds = true(value[2])
        if holds is stops:
            return value if result is None else union(result, value)
        if holds is None:
            result = value if result is None else union(result, value)
            result = (result[0], result[1], UNKNOWN)
    return result if result is not None else value


def _unary(world: World, node: ast.UnaryOp) -> Value:
    value = evaluate(world, node.operand)
    constant = value[2]
    if isinstance(node.op, ast.Not):
        holds = true(constant)
        return value[0], 0, UNKNOWN if holds is None else not holds
    if isinstance(node.op, ast.USub) and isinstance(constant, int | float):
        return value[0], 0, -constant
    return world.content(value), 0, UNKNOWN


def _conditional(world: World, node: ast.IfExp) -> Value:
    holds = truth(world, node.test)
    if holds is not None:
        return evaluate(world, node.body if holds else node.orelse)
    return union(evaluate(world, node.body), evaluate(world, node.orelse))


def _named(world: World, node: ast.NamedExpr) -> Value:
    value = evaluate(world, node.value)
    world.frame.bind(node.target.id, value)
    return value


def _lambda(world: World, node: ast.Lambda) -> Value:
    return 0, 0, Routine(node, world.frame, world.place)


def _yield(world: World, node: ast.Yield | ast.YieldFrom) -> Value:
    value = evaluate(world, node.value)
    before = world.frame.returned
    world.frame.returned = value if before is None else union(before, value)
    return NONE


_KINDS: dict[type[ast.AST], Callable[[World, Any], Value]] = {
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Call: calls.call,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.IfExp: _conditional,
    ast.Subscript: slices.subscript,
    ast.Slice: slices.index_of,
    ast.Tuple: displays.row,
    ast.List: displays.display,
    ast.Set: displays.display,
    ast.Dict: displays.mapping,
    ast.ListComp: displays.comprehension,
    ast.SetComp: displays.comprehension,
    ast.GeneratorExp: displays.comprehension,
    ast.DictComp: displays.dict_comprehension,
    ast.JoinedStr: displays.formatted,
    ast.NamedExpr: _named,
    ast.Lambda: _lambda,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
