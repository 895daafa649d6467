"""JSON Schema as far as the report's model speaks it; any other word of it is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda v, said: (
        isinstance(v, TYPES[said]) and (said == "boolean") == isinstance(v, bool)
    ),
    "enum": lambda v, said: v in said,
    "const": lambda v, said: v == said,
    "required": lambda v, said: set(said) <= set(v),
    "minItems": lambda v, said: len(v) >= said,
    "maxItems": lambda v, said: len(v) <= said,
    "minLength": lambda v, said: len(v) >= said,
    "maxLength": lambda v, said: len(v) <= said,
    "minimum": lambda v, said: v >= said,
    "maximum": lambda v, said: v <= said,
    "exclusiveMinimum": lambda v, said: v > said,
    "exclusiveMaximum": lambda v, said: v < said,
    "pattern": lambda v, said: re.search(said, v) is not None,
}
SAID_ONLY = {"title", "description", "$defs", "default"}


def check(value: Any, schema: Schema, root: Schema | None = None) -> None:
    """Raises AssertionError naming the first value that is not what `schema` says."""
    root = root or schema
    # the other words mean nothing for a value of another type
    for word in sorted(schema, key=lambda word: word != "type"):
        said = schema[word]
        if word in PLAIN:
            assert PLAIN[word](value, said), f"{value!r:.80}: {word} {said!r:.80}"
        elif word not in SAID_ONLY:
            for inner, inner_schema in parts(word, said, value, schema, root):
                check(inner, inner_schema, root)


def parts(
    word: str, said: Any, value: Any, schema: Schema, root: Schema
) -> list[tuple[Any, Schema]]:
    """The values inside `value` that `word` speaks of, each with its own schema."""
    match word:
        case "$ref":
            return [(value, root["$defs"][said.removeprefix("#/$defs/")])]
        case "anyOf":
            fitting = [choice for choice in said if fits(value, choice, root)]
            assert fitting, f"{value!r:.80} is none of the choices"
            return []
        case "properties":
            return [(value[name], inner) for name, inner in said.items() if name in value]
        case "additionalProperties":
            others = [v for k, v in value.items() if k not in schema.get("properties", {})]
            assert said is not False or not others, "has a key too many"
            return [(other, said) for other in others] if isinstance(said, dict) else []
        case "propertyNames":
            return [(name, said) for name in value]
        case "items":
            return [(item, said) for item in value[len(schema.get("prefixItems", ())) :]]
        case "prefixItems":
            return list(zip(value, said, strict=False))
    raise AssertionError(f"the schema says '{word}'")


def fits(value: Any, schema: Schema, root: Schema) -> bool:
    """Whether `check` would pass."""
    try:
        check(value, schema, root)
    except AssertionError:
        return False
    return True
