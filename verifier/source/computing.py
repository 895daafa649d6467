"""What do Python's operators make of known values? Bounded, and nothing else than Python's own."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from verifier.source.values import CHARACTERS, UNKNOWN, Unknown

_EXPONENT = 256


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same, type included."""
    return left is right or (left == right and type(left) is type(right))


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


def _identical(left: Any, right: Any) -> bool | Unknown:
    """`is`: certain for what there is one of, and for what differs."""
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return UNKNOWN if same(left, right) else False


def _opposite(value: bool | Unknown) -> bool | Unknown:
    return value if value is UNKNOWN else not value


COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: _identical,
    ast.IsNot: lambda left, right: _opposite(_identical(left, right)),
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


def computed(op: ast.operator, left: Any, right: Any) -> object:
    """The result of a binary operator, UNKNOWN beyond its bounds. Raises as the operator does."""
    match op, left, right:
        case ast.Pow() | ast.LShift(), _, int() | float():
            if abs(right) > _EXPONENT:
                return UNKNOWN
        case ast.Pow() | ast.LShift(), _, _:
            return UNKNOWN
        case ast.Mult(), int(), str() | bytes() | list() | tuple():
            return computed(op, right, left)
        case ast.Mult(), str() | bytes() | list() | tuple(), int():
            if len(left) * max(0, right) > CHARACTERS // 8:
                return UNKNOWN
        case ast.Mod(), str() | bytes(), _:
            return UNKNOWN
        case _, PurePosixPath(), _:
            return left / right if isinstance(op, ast.Div) else UNKNOWN
    return _BINARY[type(op)](left, right) if type(op) in _BINARY else UNKNOWN
