"""What do statements that run from top to bottom set, execute, start, read and write?

Follows the statements of a module (or of a function that starts things) with folded values only.
Where it cannot tell which way a script goes it takes both and keeps what they agree on.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from verifier.source.decoding import DECODERS
from verifier.source.folding import Budget, fold, truth
from verifier.source.values import FOLDER, UNKNOWN, Environment, Imported, Members

STATEMENTS = 50_000
FOLDED = 1_000_000
_TIMES = 256
_CALLS_DEEP = 4
_ROUTINE_LINES = 30
"""Only what reads a setting is followed into; the script's own work is for `reaching.py`."""
_BUILTIN_NAMES = frozenset(dir(builtins)) - {"None", "True", "False"}


class Does(StrEnum):
    """What a traced call does to the world around the script."""

    EXECUTES = "executes"  # value: the text
    RUNS = "runs"  # value: the path of a Python file
    STARTS = "starts"  # value: the arguments of a process
    IMPORTS = "imports"  # value: the name of a module
    READS = "reads"  # value: a path
    WRITES = "writes"  # value: a path
    LOADS = "loads"  # value: the path of a shared library
    BUILDS = "builds"  # value: paths of native sources, or their text


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One such call. `value` is UNKNOWN where it could not be folded; then `why` may say why."""

    does: Does
    value: object
    node: ast.Call
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Routine:
    """A function of the script, as a value."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    names: dict[str, object]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """What open() gave."""

    path: str


@dataclass(slots=True, eq=False)
class World:
    """What every trace of one program shares. `files` maps absolute paths to what they hold."""

    environment: Environment
    files: dict[str, bytes | str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    statements: int = 0
    budget: Budget = field(default_factory=lambda: Budget(FOLDED))
    search: list[str] = field(default_factory=lambda: [FOLDER])


class _Ended(Exception):
    """The statements end here: `return` with a value, or `raise`."""

    def __init__(self, value: object, *, raised: bool = False) -> None:
        self.value = value
        self.raised = raised


class Trace:
    """One run through statements. `names` is the namespace, changed in place."""

    def __init__(
        self, world: World, names: dict[str, object], *outer: Mapping[str, object]
    ) -> None:
        self.world = world
        self.budget = world.budget
        self.names = names
        self._outer = outer
        self._why = ""
        self._deep = 0
        self._unsure = 0
        self._left = False
        self.acting: frozenset[int] | None = None
        """Lines on which something is started, read or written; None: any line may."""

    # -- the scope that folding asks ---------------------------------------------------------

    def name(self, name: str) -> object:
        """A name of the namespace, of the module around it, or of Python."""
        if name in self.names:
            return self.names[name]
        for outer in self._outer:
            if name in outer:
                return outer[name]
        return Imported(name) if name in _BUILTIN_NAMES else UNKNOWN

    def attribute(self, base: object, node: ast.Attribute) -> object:
        """An attribute of a class of the script, or of `os`."""
        match base:
            case Members():
                return base.values.get(node.attr, UNKNOWN)
            case Imported("os") if node.attr == "environ":
                return self.world.environment
        return UNKNOWN

    def wants(self, function: str, node: ast.Call) -> bool:
        """What does something itself, or may have something that does among its arguments."""
        if self.acting is None or function in _ACTIONS:
            return True
        last = node.end_lineno or node.lineno
        return any(line in self.acting for line in range(node.lineno, last + 1))

    def refused(self, why: str) -> None:
        """A decoder refused."""
        self._why = why

    def called(
        self, function: object, node: ast.Call, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """What a call gives; what it does is kept as an event."""
        match function:
            case Members():
                return function
            case Routine():
                return self._routine(function, arguments, keywords)
            case str():
                if (action := _ACTIONS.get(function)) is not None:
                    return action(self, node, arguments, keywords)
        return UNKNOWN

    def _routine(
        self, function: Routine, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        lines = (function.node.end_lineno or 0) - function.node.lineno
        if self._deep >= _CALLS_DEEP or lines > _ROUTINE_LINES:
            return UNKNOWN
        inner = Trace(self.world, {}, function.names, self.names, *self._outer)
        inner._deep = self._deep + 1
        inner.bind(function.node, arguments, keywords)
        if isinstance(function.node, ast.Lambda):
            return fold(function.node.body, inner)
        value = inner.follow(function.node.body)
        return UNKNOWN if inner._left else value

    def bind(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        arguments: list[object],
        keywords: dict[str, object],
    ) -> None:
        """Set the parameters of `node`: as given, else their defaults."""
        given = node.args
        positional = [each.arg for each in (*given.posonlyargs, *given.args)]
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            if default is not None:
                defaults[each.arg] = default
        every = [*positional, *(each.arg for each in given.kwonlyargs)]
        self.names.update(
            {name: fold(defaults[name], self) if name in defaults else UNKNOWN for name in every}
        )
        self.names.update(zip(positional, arguments, strict=False))
        self.names.update((name, value) for name, value in keywords.items() if name in every)
        for rest in (given.vararg, given.kwarg):
            if rest is not None:
                self.names[rest.arg] = UNKNOWN

    # -- statements --------------------------------------------------------------------------

    def follow(self, statements: Iterable[ast.stmt]) -> object:
        """Follow `statements` to their end; the value they return."""
        try:
            self.run(statements)
        except _Ended as ended:
            return UNKNOWN if ended.raised else ended.value
        return None

    def run(self, statements: Iterable[ast.stmt]) -> None:
        """Follow `statements` to the end of the budget. Raises _Ended where they end early."""
        for statement in statements:
            self.world.statements += 1
            if self.world.statements > STATEMENTS:
                return
            follow = _STATEMENTS.get(type(statement))
            if follow is not None:
                follow(self, statement)

    def perhaps(self, *branches: Iterable[ast.stmt]) -> None:
        """Follow each branch from here; keep the names on which all agree."""
        here, outer = self.names, self._outer
        ends: list[dict[str, object]] = []
        for branch in branches:
            self.names, self._outer = {}, (here, *outer)
            self._unsure += 1
            try:
                self.run(branch)
            except _Ended as ended:
                self._left |= not ended.raised
                continue
            finally:
                self._unsure -= 1
                made, self.names, self._outer = self.names, here, outer
            ends.append(made)
        for name in {name for end in ends for name in end}:
            values = [end[name] if name in end else self.name(name) for end in ends]
            first = values[0]
            same = all(value is first or value == first for value in values[1:])
            here[name] = first if same else UNKNOWN

    def assign(self, target: ast.expr, value: object) -> None:
        """Bind `target` to `value`."""
        match target:
            case ast.Name():
                self.names[target.id] = value
            case ast.Tuple() | ast.List():
                values: list[object] = [UNKNOWN] * len(target.elts)
                if isinstance(value, list | tuple) and len(value) == len(values):
                    values = list(value)
                for part, each in zip(target.elts, values, strict=True):
                    self.assign(part, each)
            case ast.Starred():
                self.assign(target.value, UNKNOWN)
            case ast.Attribute():
                base = fold(target.value, self)
                if isinstance(base, Members):
                    self._put(base.values, target.attr, value)
            case ast.Subscript():
                base = fold(target.value, self)
                key = fold(target.slice, self)
                if isinstance(base, Environment):
                    base.set(key, value)
                elif isinstance(base, dict) and isinstance(key, str | int):
                    self._put(base, key, value)

    def _put(self, values: dict[Any, object], key: object, value: object) -> None:
        if self._unsure and values.get(key, UNKNOWN) != value:
            value = UNKNOWN
        values[key] = value

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return
        value = fold(node.value, self)
        for target in targets:
            self.assign(target, value)

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name | ast.Attribute):
            left = ast.copy_location(
                ast.Name(node.target.id, ast.Load())
                if isinstance(node.target, ast.Name)
                else ast.Attribute(node.target.value, node.target.attr, ast.Load()),
                node,
            )
            self.assign(node.target, fold(ast.BinOp(left, node.op, node.value), self))

    def _import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.asname:
                self.names[each.asname] = Imported(each.name)
            else:
                self.names[each.name.partition(".")[0]] = Imported(each.name.partition(".")[0])

    def _import_from(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            if each.name == "*":
                prefix = f"{node.module}."
                for dotted in DECODERS:
                    if dotted.startswith(prefix):
                        self.names[dotted.removeprefix(prefix)] = Imported(dotted)
                continue
            dotted = f"{node.module}.{each.name}" if node.module else each.name
            known = self.world.environment if dotted == "os.environ" else Imported(dotted)
            self.names[each.asname or each.name] = known

    def _if(self, node: ast.If) -> None:
        match truth(node.test, self):
            case True:
                self.run(node.body)
            case False:
                self.run(node.orelse)
            case _:
                self.perhaps(node.body, node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        over = fold(node.iter, self)
        if isinstance(over, list | tuple) and len(over) <= _TIMES:
            for item in over:
                self.assign(node.target, item)
                self.run(node.body)
        else:
            self.assign(node.target, UNKNOWN)
            self.perhaps(node.body, ())
        self.run(node.orelse)

    def _while(self, node: ast.While) -> None:
        if truth(node.test, self) is not False:
            self.perhaps(node.body, ())

    def _try(self, node: ast.Try) -> None:
        try:
            self.run(node.body)
        except _Ended as ended:
            if not ended.raised:
                raise
        self.run(node.orelse)
        for handler in node.handlers:
            self.perhaps((), handler.body)
        self.run(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = fold(item.context_expr, self)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self.run(node.body)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None and not isinstance(default, ast.Constant):
                fold(default, self)
        self.names[node.name] = Routine(node, self.names)

    def _class(self, node: ast.ClassDef) -> None:
        inner = Trace(self.world, {}, self.names, *self._outer)
        for base in node.bases:
            parent = fold(base, self)
            if isinstance(parent, Members):
                inner.names.update(parent.values)
        inner.run(node.body)
        members = Members(node.name, inner.names)
        self.names[node.name] = members
        start = inner.names.get("__init__")
        if isinstance(start, Routine) and not isinstance(start.node, ast.Lambda):
            self._instance(members, start.node)

    def _instance(self, members: Members, start: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Follow __init__ of a class that takes nothing but self: its attributes are settings."""
        parameters = [*start.args.posonlyargs, *start.args.args]
        if len(parameters) - len(start.args.defaults) != 1 or start.args.kwonlyargs:
            return
        inner = Trace(self.world, {}, self.names, *self._outer)
        inner.bind(start, [members], {})
        inner.follow(start.body)

    def _expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            fold(node.value, self)

    def _return(self, node: ast.Return) -> None:
        raise _Ended(fold(node.value, self) if node.value else None)

    def _raise(self, node: ast.Raise) -> None:
        raise _Ended(UNKNOWN, raised=True)

    # -- calls that do something -------------------------------------------------------------

    def event(self, does: Does, value: object, node: ast.Call) -> object:
        """Keep what a call does."""
        self.world.events.append(Event(does, value, node, self._why))
        self._why = ""
        return UNKNOWN

    def content(self, path: object) -> object:
        """What a file holds: one that the script wrote, or one of the submission."""
        return self.world.files.get(absolute(path) or "", UNKNOWN)


def absolute(path: object) -> str | None:
    """A folded path as an absolute one, None where it is not a path."""
    if not isinstance(path, str | PurePosixPath):
        return None
    parts: list[str] = []
    for part in str(PurePosixPath(FOLDER, path))[:4096].split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


_Action = Callable[[Trace, ast.Call, list[Any], dict[str, Any]], object]


def _first(arguments: list[Any], keywords: dict[str, Any], *names: str) -> object:
    if arguments:
        return arguments[0]
    return next((keywords[name] for name in names if name in keywords), UNKNOWN)


def _open(trace: Trace, node: ast.Call, arguments: list[Any], keywords: dict[str, Any]) -> object:
    path = absolute(_first(arguments, keywords, "file"))
    mode = arguments[1] if len(arguments) > 1 else keywords.get("mode", "r")
    writes = isinstance(mode, str) and bool({"w", "a", "x"} & set(mode))
    trace.event(Does.WRITES if writes else Does.READS, UNKNOWN if path is None else path, node)
    return UNKNOWN if path is None else OpenFile(path)


def _read(trace: Trace, node: ast.Call, arguments: list[Any], _: dict[str, Any]) -> object:
    match arguments:
        case [OpenFile() as opened, *_]:
            return trace.content(opened.path)
        case [PurePosixPath() as path, *_]:
            trace.event(Does.READS, absolute(path), node)
            return trace.content(path)
    return UNKNOWN


def _write(trace: Trace, node: ast.Call, arguments: list[Any], _: dict[str, Any]) -> object:
    match arguments:
        case [(OpenFile() | PurePosixPath()) as target, (str() | bytes()) as content, *_]:
            path = target.path if isinstance(target, OpenFile) else absolute(target)
            if isinstance(target, PurePosixPath):
                trace.event(Does.WRITES, path, node)
            trace.world.files[str(path)] = content
    return UNKNOWN


def _opened(trace: Trace, node: ast.Call, arguments: list[Any], keywords: dict[str, Any]) -> object:
    if arguments and isinstance(arguments[0], PurePosixPath):
        return _open(trace, node, arguments, keywords)
    return UNKNOWN


def _does(does: Does, *names: str) -> _Action:
    def action(trace: Trace, node: ast.Call, given: list[Any], named: dict[str, Any]) -> object:
        return trace.event(does, _first(given, named, *names), node)

    return action


def _runs_file(trace: Trace, node: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    path = arguments[1] if len(arguments) > 1 else named.get("location", UNKNOWN)
    return trace.event(Does.RUNS, path, node)


def _replaces(trace: Trace, node: ast.Call, arguments: list[Any], _: dict[str, Any]) -> object:
    given = arguments[1] if len(arguments) > 1 else UNKNOWN
    return trace.event(Does.STARTS, given if isinstance(given, list) else arguments[1:], node)


def _saves(trace: Trace, node: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    path = arguments[1] if len(arguments) > 1 else named.get("f", UNKNOWN)
    return trace.event(Does.WRITES, path, node)


def _builds(trace: Trace, node: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    sources: list[object] = []
    for name in ("sources", "cpp_sources", "cuda_sources"):
        value = named.get(name, arguments[1] if name == "sources" and arguments[1:] else None)
        sources.extend(value if isinstance(value, list | tuple) else [value] if value else [])
    return trace.event(Does.BUILDS, sources, node)


def _sets_default(trace: Trace, _: ast.Call, arguments: list[Any], __: dict[str, Any]) -> object:
    match arguments:
        case [Environment() as environment, name, value]:
            if environment.holds(name) is False:
                environment.set(name, value)
            return environment.get(name)
    return UNKNOWN


def _updates(_: Trace, __: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    match arguments:
        case [Environment() as environment, *rest]:
            for name, value in {
                **(rest[0] if rest and isinstance(rest[0], dict) else {}),
                **named,
            }.items():
                environment.set(name, value)
    return UNKNOWN


def _searches(trace: Trace, _: ast.Call, arguments: list[Any], __: dict[str, Any]) -> object:
    for given in arguments:
        if (path := absolute(given)) is not None:
            trace.world.search.append(path)
    return UNKNOWN


def _exists(trace: Trace, _: ast.Call, arguments: list[Any], __: dict[str, Any]) -> object:
    """Certain only of what is there: what is not may be made before it is asked for."""
    known = bool(arguments) and absolute(arguments[0]) in trace.world.files
    return True if known else UNKNOWN


def _field(trace: Trace, node: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    if "default" in named:
        return named["default"]
    return trace.called(named.get("default_factory", UNKNOWN), node, [], {})


_ACTIONS: Mapping[str, _Action] = {
    "dataclasses.field": _field,
    "open": _open,
    "io.open": _open,
    "value.open": _opened,
    "value.read": _read,
    "value.read_text": _read,
    "value.read_bytes": _read,
    "value.write": _write,
    "value.write_text": _write,
    "value.write_bytes": _write,
    "value.exists": _exists,
    "value.is_file": _exists,
    "os.path.exists": _exists,
    "os.path.isfile": _exists,
    "value.setdefault": _sets_default,
    "value.update": _updates,
    "sys.path.insert": _searches,
    "sys.path.append": _searches,
    "exec": _does(Does.EXECUTES),
    "eval": _does(Does.EXECUTES),
    "compile": lambda _, __, given, named: _first(given, named, "source"),
    "os.getenv": lambda trace, _, given, __: trace.world.environment.get(*given[:2]),
    "os.environ.get": lambda trace, _, given, __: trace.world.environment.get(*given[:2]),
    "os.putenv": lambda trace, _, given, __: trace.world.environment.set(*given[:2]),
    "runpy.run_path": _does(Does.RUNS, "path_name"),
    "runpy.run_module": _does(Does.IMPORTS, "mod_name"),
    "importlib.import_module": _does(Does.IMPORTS, "name"),
    "__import__": _does(Does.IMPORTS, "name"),
    "importlib.util.spec_from_file_location": _runs_file,
    "importlib.machinery.SourceFileLoader": _runs_file,
    "subprocess.run": _does(Does.STARTS, "args"),
    "subprocess.call": _does(Does.STARTS, "args"),
    "subprocess.check_call": _does(Does.STARTS, "args"),
    "subprocess.check_output": _does(Does.STARTS, "args"),
    "subprocess.Popen": _does(Does.STARTS, "args"),
    "os.system": _does(Does.STARTS, "command"),
    "os.popen": _does(Does.STARTS, "cmd"),
    "os.execv": _replaces,
    "os.execvp": _replaces,
    "os.execve": _replaces,
    "os.execl": _replaces,
    "ctypes.CDLL": _does(Does.LOADS, "name"),
    "ctypes.cdll.LoadLibrary": _does(Does.LOADS, "name"),
    "numpy.ctypeslib.load_library": _does(Does.LOADS),
    "torch.ops.load_library": _does(Does.LOADS),
    "torch.utils.cpp_extension.load": _builds,
    "torch.utils.cpp_extension.load_inline": _builds,
    "torch.save": _saves,
    "numpy.save": _does(Does.WRITES, "file"),
    "numpy.savez": _does(Does.WRITES, "file"),
    "numpy.load": _does(Does.READS, "file"),
    "numpy.fromfile": _does(Does.READS, "file"),
    "numpy.memmap": _does(Does.READS, "filename"),
    "numpy.loadtxt": _does(Does.READS, "fname"),
    "torch.load": _does(Does.READS, "f"),
    "glob.glob": _does(Does.READS, "pathname"),
    "sentencepiece.SentencePieceProcessor": _does(Does.READS, "model_file"),
}

_STATEMENTS: Mapping[type[ast.stmt], Callable[[Trace, Any], None]] = {
    ast.Assign: Trace._assignment,
    ast.AnnAssign: Trace._assignment,
    ast.AugAssign: Trace._augmented,
    ast.Import: Trace._import,
    ast.ImportFrom: Trace._import_from,
    ast.If: Trace._if,
    ast.For: Trace._for,
    ast.AsyncFor: Trace._for,
    ast.While: Trace._while,
    ast.Try: Trace._try,
    ast.With: Trace._with,
    ast.AsyncWith: Trace._with,
    ast.FunctionDef: Trace._function,
    ast.AsyncFunctionDef: Trace._function,
    ast.ClassDef: Trace._class,
    ast.Expr: Trace._expression,
    ast.Return: Trace._return,
    ast.Raise: Trace._raise,
}
