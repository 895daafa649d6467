"""What is an expression's value, as far as following can tell? Folds constants, unites marks.

Nothing is computed but arithmetic and comparison of plain constants.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any, Final

from verifier.screening.story import calls, library
from verifier.screening.story.events import Loop, Span
from verifier.screening.story.value import (
    BITS,
    CLOCK,
    COMPUTED,
    DATA,
    FILE,
    HELD_OUT,
    HISTOGRAM,
    MATCHES,
    NATS_TO_BITS,
    NONE,
    NOTHING,
    PATH,
    PLACE,
    RANDOM,
    SAMPLED,
    SHARDS,
    STORED,
    Outside,
    Routine,
    Several,
    Shape,
    Value,
    union,
)
from verifier.screening.story.vocabulary import shards
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

LONG_LITERAL: Final = 4_000
CUT_ITEMS: Final = 1_000
_MILLISECONDS: Final = 10_000
_PLAIN = (int, float, str, bool)

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(world: World, node: ast.expr | None) -> Value:
    """The value of an expression."""
    if node is None:
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


def true(constant: object) -> bool | None:
    """Whether a constant is true, None for what is not known."""
    if constant is None or isinstance(constant, int | float | str | bytes):
        return bool(constant)
    if isinstance(constant, Routine | Outside):
        return True
    return None


def _parts(world: World, node: ast.expr) -> Value:
    marks = things = 0
    for child in ast.iter_child_nodes(node):
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
    return calls.attribute(world, evaluate(world, node.value), node)


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


def masked(first: int, second: int) -> bool:
    """Whether one of two factors is a loss and the other whether tokens match stored ones."""
    both = MATCHES | COMPUTED
    return (first & both, second & COMPUTED) == (MATCHES, COMPUTED) or (
        second & both,
        first & COMPUTED,
    ) == (MATCHES, COMPUTED)


def computed(op: ast.operator, left: object, right: object) -> object:
    """The constant that two plain constants make, or UNKNOWN."""
    apply = _BINARY.get(type(op))
    if apply is None or not isinstance(left, _PLAIN) or not isinstance(right, _PLAIN):
        return UNKNOWN
    if isinstance(left, str) != isinstance(right, str):
        return UNKNOWN
    if isinstance(left, str) and not isinstance(op, ast.Add):
        return UNKNOWN
    if max(_length(left), _length(right)) > LONG_LITERAL:
        return UNKNOWN
    try:
        return apply(left, right)
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN


def _length(value: object) -> int:
    return (
        len(value)
        if isinstance(value, str)
        else value.bit_length()
        if isinstance(value, int)
        else 0
    )


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
    constant = _holds(node, left[2], others[0][2]) if len(others) == 1 else UNKNOWN
    return marks, 0, constant


def _clocked(world: World, first: int, left: Value, second: int, others: list[Value]) -> None:
    limit = others[0][2] if first & CLOCK else left[2]
    if first & second & CLOCK or not isinstance(limit, int | float):
        world.limit(None)
    else:
        world.limit(limit / 1000 if limit >= _MILLISECONDS else float(limit))


def _holds(node: ast.Compare, left: object, right: object) -> object:
    op = node.ops[0]
    if isinstance(op, ast.In | ast.NotIn):
        return _inside(op, left, right)
    if left is None or right is None:
        return _none(op, left, right)
    apply = _COMPARED.get(type(op))
    if apply is None or not isinstance(left, _PLAIN) or not isinstance(right, _PLAIN):
        return UNKNOWN
    try:
        return bool(apply(left, right))
    except TypeError:
        return UNKNOWN


def _none(op: ast.cmpop, left: object, right: object) -> object:
    """A comparison with None."""
    if UNKNOWN in (left, right) or not isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
        return UNKNOWN
    return (left is right) == isinstance(op, ast.Is | ast.Eq)


def _inside(op: ast.cmpop, left: object, right: object) -> object:
    found: object = UNKNOWN
    if isinstance(right, Several) and isinstance(left, _PLAIN):
        constants = [part[2] for part in right.parts]
        if all(isinstance(each, _PLAIN) for each in constants):
            found = left in constants
    elif isinstance(right, str) and isinstance(left, str):
        found = left in right
    if found is UNKNOWN:
        return UNKNOWN
    return bool(found) == isinstance(op, ast.In)


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


def _subscript(world: World, node: ast.Subscript) -> Value:
    world.left -= 1
    if world.left <= 0:
        return NOTHING
    base = evaluate(world, node.value)
    if isinstance(base[2], Outside):
        if base[2].dotted == "sys.modules":
            return 0, 0, world.frame.outermost()
        return world.folded(node)
    key = _index(world, node.slice)
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


def _index(world: World, node: ast.expr) -> Value:
    """An index. Of a slice that keeps the first so many items, its range."""
    if not isinstance(node, ast.Slice):
        return evaluate(world, node)
    marks = 0
    constants: list[object] = []
    for bound in (node.lower, node.upper, node.step):
        value = NONE if bound is None else evaluate(world, bound)
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


def _tuple(world: World, node: ast.Tuple) -> Value:
    return library.several(tuple(evaluate(world, each) for each in node.elts))


def _display(world: World, node: ast.List | ast.Set) -> Value:
    marks, things, parts = library.several(tuple(evaluate(world, each) for each in node.elts))
    if not node.elts:
        return 0, world.new_thing(Shape.CONTAINER), UNKNOWN
    return marks, things | world.new_thing(Shape.CONTAINER, None, marks, things), parts


def _dict(world: World, node: ast.Dict) -> Value:
    marks = things = 0
    members: dict[str, Value] = {}
    for key, each in zip(node.keys, node.values, strict=True):
        value = evaluate(world, each)
        marks |= value[0]
        things |= value[1]
        if key is not None:
            named = evaluate(world, key)
            marks |= named[0]
            if isinstance(named[2], str):
                members[named[2]] = value
    made = world.new_thing(Shape.CONTAINER, None, marks, things)
    for thing in world.each(made):
        thing.members.update(members)
    return 0, made, UNKNOWN


def _comprehension(world: World, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    return _looped(world, node.generators, lambda: evaluate(world, node.elt))


def _dict_comprehension(world: World, node: ast.DictComp) -> Value:
    def pair() -> Value:
        key, value = evaluate(world, node.key), evaluate(world, node.value)
        return key[0] | value[0], value[1], UNKNOWN

    return _looped(world, node.generators, pair)


def _looped(world: World, generators: list[ast.comprehension], inner: Callable[[], Value]) -> Value:
    turns = world.turns
    for generator in generators:
        over = evaluate(world, generator.iter)
        loop = Loop(generator, world.place, world.mark("loop", generator, generator))
        world.turns = (*world.turns, (loop, 0))
        calls.bind_element(world, generator.target, over, loop)
        for test in generator.ifs:
            evaluate(world, test)
    marks, things, _ = inner()
    world.turns = turns
    return marks, things, UNKNOWN


def _formatted(world: World, node: ast.JoinedStr) -> Value:
    marks = 0
    texts: list[str] | None = []
    for part in node.values:
        value = evaluate(world, part.value if isinstance(part, ast.FormattedValue) else part)
        marks |= value[0]
        constant = value[2]
        if texts is not None and isinstance(constant, str | int):
            texts.append(str(constant))
        else:
            texts = None
    return marks, 0, UNKNOWN if texts is None else "".join(texts)[:LONG_LITERAL]


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
    ast.Subscript: _subscript,
    ast.Slice: _index,
    ast.Tuple: _tuple,
    ast.List: _display,
    ast.Set: _display,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.JoinedStr: _formatted,
    ast.NamedExpr: _named,
    ast.Lambda: _lambda,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
