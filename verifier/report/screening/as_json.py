"""What stands in screen.json and triage.json? The records as they are, and their JSON Schemas.

Text is verbatim, but for what no UTF-8 file can hold, and written in ASCII, so that to print it is
harmless; a float that is no number is written as a word. Reading back is as strict as the schema,
whoever wrote the file. Must never guess.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from verifier.errors import BadInput, RequestError
from verifier.report.harmless import storable
from verifier.screening.screened import Screening, Triage

SCREEN_FORMAT = "screen/1"
TRIAGE_FORMAT = "triage/1"
READ_BYTES = 1 << 26
DEPTH_AT_MOST = 64

_WORDS = ("NaN", "Infinity", "-Infinity")


def screen(screening: Screening) -> str:
    """screen.json; ends with a line break."""
    body = {"format": SCREEN_FORMAT, **plain(screening)}
    return _text(body, indent=1) + "\n"


def triage(found: Triage) -> Iterator[str]:
    """triage.json piece by piece: the triage's own fields, then one line a row."""
    own = {field.name: getattr(found, field.name) for field in fields(found)}
    rows = own.pop("rows")
    head = _text({"format": TRIAGE_FORMAT, **plain(own)})
    yield f'{head[:-1]}, "rows": ['
    for place, row in enumerate(rows):
        yield f"{',' if place else ''}\n{_text(plain(row))}"
    yield "\n]}\n"


def _text(value: Any, indent: int | None = None) -> str:
    """JSON in ASCII: what could move a cursor or turn the writing is an escape within it."""
    made = json.dumps(value, indent=indent, allow_nan=False)
    return made.replace("\x7f", "\\u007f")


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON holds it: records as objects, what is too deep as a word."""
    if depth > DEPTH_AT_MOST:
        return "(nested too deeply)"
    match value:
        case str():
            return storable(str(value))
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else _word(value)
        case Mapping():
            return {storable(str(key)): plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, depth + 1) for item in value]
        case _ if is_dataclass(value):
            return {f.name: plain(getattr(value, f.name), depth + 1) for f in fields(value)}
    return storable(str(value))


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


# ---------------------------------------------------------------- and back


def read_screening(path: Path) -> Screening:
    """The screening that `path` holds.

    Raises RequestError where there is no file, BadInput where it is no screen.json.
    """
    try:
        with path.open("rb") as file:
            text = file.read(READ_BYTES + 1)
    except OSError as fault:
        raise RequestError(f"{path} cannot be read: {fault.strerror}") from fault
    if len(text) > READ_BYTES:
        raise BadInput(f"has more than {READ_BYTES:,} bytes", file=path)
    try:
        body = json.loads(text)
        if not isinstance(body, dict) or body.get("format") != SCREEN_FORMAT:
            raise BadInput(f"is not of format {SCREEN_FORMAT}", file=path)
        return validated(body)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"is no screening: {first['msg']}", file=path, place=place) from fault
    except _Unknown as fault:
        raise BadInput("holds what no screening holds", file=path) from fault
    except (ValueError, RecursionError) as fault:
        raise BadInput("is not JSON", file=path) from fault


def validated(body: dict[str, Any]) -> Screening:
    """The screening that `body`, a whole screen.json, states.

    Raises ValidationError naming the place, ValueError where it holds what a screening does not:
    what it states is written again, and must be the same.
    """
    stated = {key: value for key, value in body.items() if key != "format"}
    found: Screening = _adapter(Screening).validate_python(stated)
    if plain(found) != stated:
        raise _Unknown
    return found


class _Unknown(ValueError):
    """Keys or values that a screening does not have."""


# ---------------------------------------------------------------- schemas


def screen_schema() -> dict[str, Any]:
    """JSON Schema of screen.json."""
    return _schema(Screening, SCREEN_FORMAT)


def triage_schema() -> dict[str, Any]:
    """JSON Schema of triage.json."""
    return _schema(Triage, TRIAGE_FORMAT)


def _schema(kind: type, name: str) -> dict[str, Any]:
    made: dict[str, Any] = _adapter(kind).json_schema(mode="serialization")
    made["properties"] = {"format": {"const": name, "type": "string"}, **made["properties"]}
    made["required"] = ["format", *made["required"]]
    made["title"] = name
    closed: dict[str, Any] = _closed(made)
    return closed


def _closed(schema: Any) -> Any:
    """`schema` with no key unknown, every key there, and a word where a float is no number."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "number":
        rest = {key: item for key, item in schema.items() if key not in {"type", "default"}}
        return {**rest, "anyOf": [{"type": "number"}, {"enum": list(_WORDS)}]}
    closed = {key: _closed(item) for key, item in schema.items() if key != "default"}
    if "properties" in closed:
        closed |= {"additionalProperties": False, "required": list(closed["properties"])}
    return closed


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
