"""How does a frozen record become JSON, and come back exactly the same or not at all?

By its type hints alone: enums, tuples, mappings, optional fields, nested records. A float that is
no number is written as a word, so that the JSON stays JSON. Must never guess: a value that is not
what the hint says is an error that names its key.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum, IntEnum
from functools import cache
from typing import Any

import numpy as np

from verifier.records import Array

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DEPTH = 32
_EXACT_INTEGER = 1 << 53
_SHOWN = 40


class Mismatch(Exception):
    """A value is not what the record's type says. `key` is its place, dotted."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"this line {message}" if key == "" else f"'{key}' {message}")


def hints(record: type) -> dict[str, Any]:
    """The resolved type of each field that is not an array."""
    return {name: hint for name, hint in _resolved(record).items() if hint != Array}


def array_fields(record: type) -> tuple[str, ...]:
    """The names of a record's array fields, in order."""
    return tuple(name for name, hint in _resolved(record).items() if hint == Array)


@cache
def _resolved(record: type) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


# ---------------------------------------------------------------- to JSON


def encode_record(record: Any) -> dict[str, Any]:
    """The plain fields of `record` as JSON values. Raises Mismatch."""
    return _encode_fields(record)


def _encode_fields(record: Any, key: str = "") -> dict[str, Any]:
    plain = hints(type(record))
    return {name: _encode(getattr(record, name), plain[name], _within(key, name)) for name in plain}


def _encode(value: Any, hint: Any, key: str) -> Any:
    if hint is Any:
        return _plain(value, key)
    optional = _optional(hint)
    if optional is not None:
        return None if value is None else _encode(value, optional, key)
    match typing.get_origin(hint):
        case builtin if builtin is tuple and isinstance(value, tuple):
            kinds = enumerate(_item_hints(hint, len(value), key))
            return [_encode(value[i], kind, f"{key}[{i}]") for i, kind in kinds]
        case abstract if abstract is Mapping and isinstance(value, Mapping):
            inner = typing.get_args(hint)[1]
            return {_word(k, key): _encode(v, inner, _within(key, k)) for k, v in value.items()}
        case origin if origin is not None:
            raise Mismatch(key, f"is a {type(value).__name__}")
    if dataclasses.is_dataclass(hint):
        if type(value) is not hint:
            raise Mismatch(key, f"is a {type(value).__name__}")
        return _encode_fields(value, key)
    value = value.item() if isinstance(value, np.generic) else value
    fits = isinstance(value, (float, int) if hint is float else hint)
    if not fits or (isinstance(value, bool) and hint is not bool):
        raise Mismatch(key, f"is a {type(value).__name__}, not a {hint.__name__}")
    if hint is float and isinstance(value, int) and abs(value) > _EXACT_INTEGER:
        raise Mismatch(key, "is an integer that a float does not hold")
    if isinstance(value, Enum):
        return value.name if isinstance(value, IntEnum) else value.value
    return _float_word(float(value)) if hint is float else hint(value)


def _float_word(value: float) -> float | str:
    """A number as it is; what is none by the name that Python's JSON gives it."""
    return value if math.isfinite(value) else json.dumps(value)


def _plain(value: Any, key: str, depth: int = 0) -> Any:
    """A value of an open field: JSON already, with tuples for lists."""
    if depth > _DEPTH:
        raise Mismatch(key, "is nested too deeply")
    match value:
        case None | bool() | str():
            return value
        case int() if type(value) is int:
            return value
        case float() if math.isfinite(value):
            return float(value)
        case Mapping():
            return {_word(k, key): _plain(v, _within(key, k), depth + 1) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v, f"{key}[{i}]", depth + 1) for i, v in enumerate(value)]
        case _:
            raise Mismatch(key, f"is a {type(value).__name__} that JSON does not have")


# ---------------------------------------------------------------- and back


def decode_record(kind: type, data: Any, key: str) -> Any:
    """The record of `kind` that `data` states, its arrays empty. Raises Mismatch."""
    plain = hints(kind)
    if not isinstance(data, dict):
        raise Mismatch(key, "must be an object")
    for name in data:
        if name not in plain:
            raise Mismatch(_within(key, ascii(name[:_SHOWN])), "is unknown")
    for name in plain:
        if name not in data:
            raise Mismatch(_within(key, name), "is missing")
    fields = {n: _decode(data[n], hint, _within(key, n)) for n, hint in plain.items()}
    return kind(**fields, **dict.fromkeys(array_fields(kind), np.zeros(0)))


def _decode(value: Any, hint: Any, key: str) -> Any:
    if hint is Any:
        return value
    optional = _optional(hint)
    if optional is not None:
        return None if value is None else _decode(value, optional, key)
    match typing.get_origin(hint):
        case builtin if builtin is tuple:
            if not isinstance(value, list):
                raise Mismatch(key, "must be a list")
            kinds = enumerate(_item_hints(hint, len(value), key))
            return tuple(_decode(value[i], kind, f"{key}[{i}]") for i, kind in kinds)
        case abstract if abstract is Mapping:
            if not isinstance(value, dict):
                raise Mismatch(key, "must be an object")
            inner = typing.get_args(hint)[1]
            return {k: _decode(v, inner, _within(key, k)) for k, v in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return decode_record(hint, value, key)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(value, hint, key)
    if hint is float and isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if type(value) is not hint:
        raise Mismatch(key, f"must be a {hint.__name__}")
    return value


def _member(value: Any, hint: type[Enum], key: str) -> Enum:
    named = {m.name if isinstance(m, IntEnum) else m.value: m for m in hint}
    if not isinstance(value, str) or value not in named:
        raise Mismatch(key, f"must be one of {', '.join(map(str, named))}")
    return named[value]


# ---------------------------------------------------------------- hints


def _optional(hint: Any) -> Any:
    """X of `X | None`, else None."""
    if typing.get_origin(hint) not in {types.UnionType, typing.Union}:
        return None
    (inner,) = (kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    return inner


def _item_hints(hint: Any, length: int, key: str) -> tuple[Any, ...]:
    """The type of each of `length` items of `tuple[X, ...]` or `tuple[X, Y]`."""
    kinds = typing.get_args(hint)
    if Ellipsis in kinds:
        return (kinds[0],) * length
    if len(kinds) != length:
        raise Mismatch(key, f"must have {len(kinds)} items")
    return kinds


def _word(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise Mismatch(key, "has a key that is not text")
    return value


def _within(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
