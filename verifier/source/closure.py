"""Which files of a submission does its script execute or read, and which native code is in it?

Paths are those that folding knows, and names of files that stand as strings in live code. What the
script writes itself (logs, its model) is its output, not a part of what was shipped.
"""

from __future__ import annotations

import ast
import fnmatch
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from verifier.source.children import children
from verifier.source.decoding import layer_of
from verifier.source.program import Function, Program
from verifier.source.tree import Tree
from verifier.source.unit import Unit, relative
from verifier.source.world import Does, absolute

_NATIVE = (".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp", ".rs")
_HEADERS = (".h", ".hpp", ".cuh", ".inl")
_LIBRARIES = (".so", ".dll", ".dylib", ".pyd")
_TOKENIZERS = (".model", ".vocab")
_TALKED_OF = (".md", ".txt", ".log", ".py", ".sh", ".json", ".yaml", ".yml", ".csv", ".png")
"""Names of these stand in help texts and messages too: only a path that is read counts."""
_MARKS = ("#include", "__global__", 'extern "C"')
_NAME_CHARACTERS = 300
_NATIVE_CHARACTERS = 60
_PATTERNS = 100
"""Patterns that are matched with the files; people write three."""


class Role(StrEnum):
    """How a file takes part."""

    ENTRY = "entry"
    EXECUTED = "executed"
    BUILT = "built"
    LOADED = "loaded"
    READ = "read"
    TOKENIZER = "tokenizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """Native source: a sibling file, a string that starts on `line` (1-based) of a Python text, or
    a file that the script unpacks. `layer` names the unpacking that leads to the text.
    """

    path: str
    text: str
    layer: str = ""
    line: int = 1


@dataclass(slots=True)
class Closure:
    """What takes part in a run. `files` maps paths of the submission to how they take part.

    `outside` are paths elsewhere that are executed or loaded; `unknown` counts the calls that
    read, start or load what is not known before the script runs.
    """

    files: dict[str, Role] = field(default_factory=dict)
    natives: list[Native] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    unknown: int = 0
    matched: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The files that each pattern matches; of more patterns than are matched, none."""


_ROLES: Mapping[Does, Role] = {
    Does.EXECUTES: Role.EXECUTED,
    Does.RUNS: Role.EXECUTED,
    Does.STARTS: Role.BUILT,
    Does.READS: Role.READ,
    Does.LOADS: Role.LOADED,
    Does.BUILDS: Role.BUILT,
}
_ORDER = tuple(Role)


def read_closure(program: Program, tree: Tree) -> Closure:
    """Everything of `tree` that running `program` executes or reads, as far as reading shows."""
    closure = Closure()
    _take(closure, program.launch.script, Role.ENTRY)
    live = [unit for unit in program.units if program.runs(unit)]
    for unit in live:
        _take(closure, unit.path, Role.EXECUTED)
    written = {
        path for event in program.events(Does.WRITES) for path in _paths(event.value, tree, closure)
    }
    for does, role in _ROLES.items():
        for event in program.events(does):
            _follow(closure, tree, event.value, role, written)
    for unit in live:
        _strings(closure, program, tree, unit, written)
    _headers(closure, tree)
    for path in closure.files:
        if path.endswith(_NATIVE) and (text := tree.text(path)) is not None:
            closure.natives.append(Native(path=path, text=text))
    for path, content in program.written.items():
        if path.endswith(_NATIVE):
            text = content if isinstance(content, str) else content.decode("utf-8", "replace")
            layer = f"{layer_of(content)}:{path.rpartition('/')[2]}"
            closure.natives.append(Native(path=program.launch.script, text=text, layer=layer))
    return closure


def _take(closure: Closure, path: str, role: Role) -> None:
    if path.endswith(_TOKENIZERS):
        role = Role.TOKENIZER
    known = closure.files.get(path)
    if known is None or _ORDER.index(role) < _ORDER.index(known):
        closure.files[path] = role


def _follow(closure: Closure, tree: Tree, value: object, role: Role, written: set[str]) -> None:
    known = False
    for each in _values(value):
        if isinstance(each, str | PurePosixPath):
            known = True
            _file(closure, tree, each, role, written)
    if not known:
        closure.unknown += 1


def _file(
    closure: Closure, tree: Tree, value: str | PurePosixPath, role: Role, written: set[str]
) -> None:
    if len(str(value)) > _NAME_CHARACTERS:
        return
    inside = list(_paths(value, tree, closure))
    for path in inside:
        if role is Role.BUILT and not path.endswith((*_NATIVE, ".py")):
            continue
        if path not in written:
            _take(closure, path, role)
    loads = role in (Role.LOADED, Role.EXECUTED)
    if loads and not inside and "/" in str(value) and str(value) not in closure.outside:
        closure.outside.append(str(value))


def _values(value: object) -> Iterator[object]:
    match value:
        case str() if " " in value and len(value) <= 4096:
            try:
                yield from shlex.split(value)
            except ValueError:
                yield value
        case list() | tuple():
            for each in value[:64]:
                yield from _values(each)
        case _:
            yield value


def _paths(value: object, tree: Tree, closure: Closure) -> Iterator[str]:
    """The files of the submission that a folded path, or pattern, names."""
    for each in _values(value):
        path = relative(absolute(each))
        if path is None or len(path) > _NAME_CHARACTERS:
            continue
        if path in tree.files or path in tree.unread:
            yield path
        elif "*" in path:
            if path not in closure.matched:
                if len(closure.matched) >= _PATTERNS:
                    closure.unknown += 1
                    continue
                closure.matched[path] = tuple(fnmatch.filter(tree.paths, path))
            yield from closure.matched[path]


def _strings(closure: Closure, program: Program, tree: Tree, unit: Unit, written: set[str]) -> None:
    """Files named by a string alone, and native code that stands in a string."""
    names = {path.rpartition("/")[2]: path for path in tree.paths if not path.endswith(_TALKED_OF)}
    named = {name: path for name, path in names.items() if name in unit.text}
    marked = any(mark in unit.text for mark in _MARKS)
    if unit.tree is None or not (named or marked):
        return
    for node, text in _live_strings(program, unit.tree):
        if marked and len(text) > _NATIVE_CHARACTERS and any(mark in text for mark in _MARKS):
            native = Native(path=unit.path, text=text, layer=unit.layer, line=node.lineno)
            closure.natives.append(native)
        elif len(text) <= _NAME_CHARACTERS:
            path = named.get(text.rpartition("/")[2])
            if path is not None and path not in written:
                _take(closure, path, _role_by_name(path))


def _live_strings(program: Program, tree: ast.Module) -> Iterator[tuple[ast.Constant, str]]:
    """The strings in code that is reached, those that are only comments left out."""
    waiting: list[tuple[ast.AST, Function | None]] = [(tree, program.of(tree))]
    while waiting:
        node, function = waiting.pop()
        if function is None or not program.live(function, node):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value
        for child in children(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = program.of(child)
                waiting.append((child, inside))
            elif not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                waiting.append((child, function))


def _role_by_name(path: str) -> Role:
    if path.endswith(_LIBRARIES):
        return Role.LOADED
    return Role.BUILT if path.endswith(_NATIVE) else Role.READ


def _headers(closure: Closure, tree: Tree) -> None:
    """Headers beside native sources that are built, where one of those includes them."""
    texts = [tree.text(path) or "" for path in closure.files if path.endswith(_NATIVE)]
    for path in _with_suffix(tree.files, _HEADERS):
        if any(path.rpartition("/")[2] in text for text in texts):
            _take(closure, path, Role.BUILT)


def _with_suffix(paths: Iterable[str], suffixes: tuple[str, ...]) -> Iterator[str]:
    return (path for path in paths if path.endswith(suffixes))
