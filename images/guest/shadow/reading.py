"""Python that is newer than the interpreter: read all the same, nothing rewritten on disk.

CPython compiles what it can. What it cannot is parsed by the host's own reader, whose modules
stand beside this one; it gives a tree of the same meaning and the same lines, which is compiled.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import importlib
import operator
import re
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PACKAGE = "newer_python"
_MODULES = ("unfollowed", "newer", "parsing")
_compile = builtins.compile
_exec = builtins.exec
_LIBRARIES = ("<frozen", sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parent))
_GENERIC = re.compile(r"(?m)^[ \t]*(?:async +)?(?:def|class) +\w+ *\[")
"""Type parameters are not there any more where annotations would ask for them."""
Constants = Sequence[tuple[int, float, float]]
_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


def install(folder: Path, newer: list[int], constants: Constants) -> None:
    """From now on texts that do not compile are read anew; the first such line of each is noted.

    `constants` are numbers of the script's texts that are taken for others: line, before, after.
    """
    parser = functools.cache(functools.partial(_parser, folder))

    def compile_(
        source: Any, filename: Any, mode: str, flags: int = 0, dont_inherit: bool = False,
        *args: Any, **keywords: Any,
    ) -> Any:  # fmt: skip
        if not dont_inherit:
            flags |= sys._getframe(1).f_code.co_flags & _FUTURE
        own = constants and not str(filename).startswith(_LIBRARIES)
        try:
            if own and isinstance(source, str | bytes):
                tree = _compile(source, filename, mode, flags | ast.PyCF_ONLY_AST, True)
                source = _scaled(tree, constants)
            return _compile(source, filename, mode, flags, True, *args, **keywords)
        except SyntaxError:
            tree = None
            if mode == "exec" and isinstance(source, str | bytes):
                tree = _tree(source, parser(), newer)
            if tree is None:
                raise
            tree = _scaled(tree, constants)
            if _GENERIC.search(source if isinstance(source, str) else source.decode()):
                flags |= __future__.annotations.compiler_flag
        return tree if flags & ast.PyCF_ONLY_AST else _compile(
            tree, filename, mode, flags, True, *args, **keywords
        )  # fmt: skip

    def exec_(source: Any, globals: Any = None, locals: Any = None, /, **keywords: Any) -> None:
        frame = sys._getframe(1)
        if isinstance(source, str | bytes):
            flags = frame.f_code.co_flags & _FUTURE
            source = compile_(source, "<string>", "exec", flags, True)
        if globals is None:
            globals, locals = frame.f_globals, frame.f_locals if locals is None else locals
        _exec(source, globals, globals if locals is None else locals, **keywords)

    builtins.compile = compile_
    builtins.exec = exec_


def _scaled(tree: ast.AST, constants: Constants) -> ast.AST:
    """A tree with other numbers on some lines. They stand alone, as `1 << 22` or as `2**22`."""
    wanted = {(line, before): after for line, before, after in constants}

    class Scaling(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            made = wanted.get((getattr(node, "lineno", 0), _number(node)))
            if made is None:
                return super().generic_visit(node)
            return ast.copy_location(ast.Constant(made), node)

    return Scaling().visit(tree) if wanted else tree


def _number(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=int(value) | float(value)):
            return value
        case ast.BinOp(ast.Constant(value=1), ast.LShift(), ast.Constant(value=int(bits))):
            return 1 << min(bits, 64)
        case ast.BinOp(ast.Constant(value=2), ast.Pow(), ast.Constant(value=int(bits))):
            return 1 << min(max(bits, 0), 64)
    return None


def _tree(source: str | bytes, parse: Callable[[bytes], Any] | None, newer: list[int]) -> Any:
    if parse is None:
        return None
    parsed = parse(source.encode() if isinstance(source, str) else bytes(source))
    if parsed.tree is not None and parsed.newer:
        newer.append(parsed.newer)
    return parsed.tree


def _parser(folder: Path) -> Callable[[bytes], Any] | None:
    """The reader's `parse`, None where its modules or tree-sitter are not there."""
    above = {name: sys.modules.get(name) for name in ("verifier", "verifier.source")}
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    try:
        for name in above:
            sys.modules[name] = package
        for name in _MODULES:
            sys.modules[f"{PACKAGE}.{name}"] = importlib.import_module(f"verifier.source.{name}")
        return sys.modules[f"{PACKAGE}.parsing"].parse
    except ImportError:
        return None
    finally:
        for name in _MODULES:
            sys.modules.pop(f"verifier.source.{name}", None)
        for name, module in above.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
