"""Which calls of a script do something to the world around it, and what do they do?

Opening, reading and writing files, executing text, running and starting scripts, loading and
building native code: each is noted and gives what can be known of its result.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from verifier.source.values import UNKNOWN, Environment
from verifier.source.world import SEARCHED, Does, OpenFile, absolute

if TYPE_CHECKING:
    from verifier.source.tracing import Trace

_Action: TypeAlias = "Callable[[Trace, ast.Call, list[Any], dict[str, Any]], object]"


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
        path = absolute(given)
        search = trace.world.search
        if path is not None and path not in search and len(search) <= SEARCHED:
            search.append(path)
    return UNKNOWN


def _exists(trace: Trace, _: ast.Call, arguments: list[Any], __: dict[str, Any]) -> object:
    """Certain only of what is there: what is not may be made before it is asked for."""
    known = bool(arguments) and absolute(arguments[0]) in trace.world.files
    return True if known else UNKNOWN


def _field(trace: Trace, node: ast.Call, arguments: list[Any], named: dict[str, Any]) -> object:
    if "default" in named:
        return named["default"]
    return trace.called(named.get("default_factory", UNKNOWN), node, [], {})


ACTIONS: Mapping[str, _Action] = {
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
"""Dotted name of a function, or "value.method" → what calling it does."""
