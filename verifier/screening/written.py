"""How does a record of screening become JSON, and come back the same?

By its type hints, each type's way worked out once: a triage keeps thousands of records and reads
them again in seconds. What comes back wrong raises; it is never repaired.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

Made = TypeVar("Made")
_Way = Callable[[Any], Any]
_BASICS = (str, int, float, bool)


class Mismatch(Exception):
    """The JSON is not what the record's type says."""


def to_json(record: Any) -> dict[str, Any]:
    """The record as JSON values: enums by value, tuples as lists, a float that is none as NaN."""
    kind: Any = type(record)
    written: dict[str, Any] = _writer(kind)(record)
    return written


def from_json(kind: type[Made], data: Any) -> Made:
    """The record of `kind` that `data` states. Raises Mismatch for anything else."""
    hint: Any = kind
    try:
        made: Made = _reader(hint)(data)
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise Mismatch(f"{kind.__name__}: {wrong}") from wrong
    return made


@cache
def _writer(hint: Any) -> _Way:
    match _shape(hint):
        case "record":
            fields = tuple((name, _writer(inner)) for name, inner in _fields(hint))
            return lambda record: {name: way(getattr(record, name)) for name, way in fields}
        case "enum":
            return lambda member: member.value
        case "tuple":
            item = _writer(typing.get_args(hint)[0])
            return lambda values: [item(value) for value in values]
        case "pair":
            return list
        case "mapping":
            inner = _writer(typing.get_args(hint)[1])
            return lambda values: {key: inner(value) for key, value in values.items()}
        case "optional":
            known = _writer(_known(hint))
            return lambda value: None if value is None else known(value)
        case _:
            return lambda value: value


@cache
def _reader(hint: Any) -> _Way:
    match _shape(hint):
        case "record":
            return _record_reader(hint)
        case "enum":
            enum: _Way = hint
            return enum
        case "tuple":
            item = _reader(typing.get_args(hint)[0])
            return lambda values: tuple(item(value) for value in _are(list, values))
        case "pair":
            kinds = typing.get_args(hint)
            return lambda values: _of_kinds(kinds, values)
        case "mapping":
            inner = _reader(typing.get_args(hint)[1])
            return lambda values: {key: inner(value) for key, value in _are(dict, values).items()}
        case "optional":
            known = _reader(_known(hint))
            return lambda value: None if value is None else known(value)
        case "plain":
            return lambda value: value
        case _:
            return lambda value: float(value) if hint is float else _are(hint, value)


def _record_reader(kind: type) -> _Way:
    fields = tuple((name, _reader(inner)) for name, inner in _fields(kind))
    names = {name for name, _ in fields}

    def read(data: Any) -> Any:
        if _are(dict, data).keys() != names:
            raise KeyError(f"keys {sorted(data.keys() ^ names)}")
        return kind(**{name: way(data[name]) for name, way in fields})

    return read


def _are(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"a {type(value).__name__}, not a {kind.__name__}")
    return value


def _of_kinds(kinds: tuple[type, ...], values: Any) -> tuple[Any, ...]:
    return tuple(_are(kind, value) for kind, value in zip(kinds, _are(list, values), strict=True))


def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _shape(hint: Any) -> str:
    """Which of the few kinds of hint it is; a "pair" holds basics, "plain" goes through."""
    origin = typing.get_origin(hint)
    if origin is tuple and typing.get_args(hint)[1:] == (Ellipsis,):
        return "tuple"
    if origin is tuple:
        return "pair"
    if origin is Mapping:
        return "mapping"
    if origin in (types.UnionType, typing.Union):
        return "optional" if _known(hint) is not None else "plain"
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return "record"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "enum"
    return "basic" if hint in _BASICS else "plain"


def _known(hint: Any) -> Any:
    """X of `X | None`, else None."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    alone = len(kinds) == 1 and types.NoneType in typing.get_args(hint)
    return kinds[0] if alone else None
