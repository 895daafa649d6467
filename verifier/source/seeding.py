"""Which expressions of a script are the held-out data, or the training data, at first hand?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from verifier.source.flowing import Seeds
from verifier.source.functions import Function
from verifier.source.settings import Setting


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of data is named: in paths, by variables, by the functions that read it."""

    path: re.Pattern[str]
    name: re.Pattern[str]
    reader: re.Pattern[str]


HELDOUT = Kind(
    path=re.compile(r"(?:^|[/_.-])val(?:id|idation)?[_*.-]"),
    name=re.compile(r"val(?:id|idation)?_(?:tokens?|data|files?|glob|pattern|shards?|docs?|np)"),
    reader=re.compile(r"_?(?:load|get|read)_(?:val|valid|validation)_(?:tokens|data|docs|shards?)"),
)
TRAINING = Kind(
    path=re.compile(r"(?:^|[/_.-])train(?:ing)?[_*.-]"),
    name=re.compile(r"train(?:ing)?_(?:tokens?|data|files?|glob|pattern|shards?|loader|docs?|np)"),
    reader=re.compile(r"_?(?:load|get|read)_train(?:ing)?_(?:tokens|data|docs|shards?)"),
)
_PATH_CHARACTERS = 400


def seeds_of(settings: Mapping[str, Setting], kind: Kind) -> Seeds:
    """What is data of `kind` by the path it is read from, by its name, or by who reads it."""
    paths = frozenset(
        name for name, setting in settings.items() if _is_path(setting.value, kind.path)
    )

    def seeds(node: ast.expr, _: Function) -> bool:
        match node:
            case ast.Constant():
                return _is_path(node.value, kind.path)
            case ast.Name():
                return node.id in paths or kind.name.fullmatch(node.id) is not None
            case ast.Attribute():
                return node.attr in paths or kind.name.fullmatch(node.attr) is not None
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
                return kind.reader.fullmatch(called) is not None
        return False

    return seeds


def _is_path(value: object, pattern: re.Pattern[str]) -> bool:
    values: Iterable[object] = value if isinstance(value, list | tuple) else (value,)
    return any(
        isinstance(each, str)
        and len(each) <= _PATH_CHARACTERS
        and ("*" in each or "/" in each or each.endswith(".bin"))
        and pattern.search(each) is not None
        for each in values
    )
