"""What do plain constants make of each other? Arithmetic and comparison, bounded; nothing else."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

from verifier.screening.story.value import Outside, Routine, Several
from verifier.source.values import UNKNOWN

LONG_LITERAL: Final = 4_000


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


def true(constant: object) -> bool | None:
    """Whether a constant is true, None for what is not known."""
    if constant is None or isinstance(constant, int | float | str | bytes):
        return bool(constant)
    if isinstance(constant, Routine | Outside):
        return True
    return None


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


def holds(node: ast.Compare, left: object, right: object) -> object:
    """Whether a comparison of two constants holds, or UNKNOWN."""
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
