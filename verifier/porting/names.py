"""Which names does a piece of a script bind, and which does it need from around it?

By syntax alone, with Python's scopes as far as functions, lambdas and comprehensions go. Must never
evaluate anything.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BUILT_IN = frozenset(dir(builtins)) | {"__file__", "__name__"}


def bound(node: ast.AST) -> frozenset[str]:
    """The names that a statement binds in the scope it stands in."""
    return frozenset(_bound(node))


def needed(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names that statements load from around them, built-in ones aside.

    A name that they bind themselves counts too: in which order is not asked.
    """
    found: set[str] = set()
    for node in nodes:
        found |= _free(node)
    return frozenset(found - _BUILT_IN)


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> tuple[str, ...]:
    """The names of the parameters of a function, in order."""
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [each for each in (given.vararg, given.kwarg) if each is not None]
    return tuple(each.arg for each in every)


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a scope in source order, those inside of others too; none of functions
    and classes that are defined in it."""
    for each in body:
        yield each
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in blocks(each):
                yield from statements(block)


def blocks(node: ast.stmt) -> tuple[list[ast.stmt], ...]:
    """The blocks of statements of a compound one, () for a simple one."""
    found = [
        block
        for name in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(node, name, None), list) and block
    ]
    for each in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        found.append(each.body)
    return tuple(found)


def own(node: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that are no blocks of it: its test, its items, its targets."""
    inside = {id(each) for block in blocks(node) for each in block}
    for child in ast.iter_child_nodes(node):
        if id(child) not in inside and not isinstance(child, ast.ExceptHandler | ast.match_case):
            yield child


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.Import() | ast.ImportFrom():
            for each in node.names:
                yield each.asname or each.name.partition(".")[0]
        case ast.ExceptHandler(name=str() as name):
            yield name
            for child in ast.iter_child_nodes(node):
                yield from _bound(child)
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _bound(child)


def _free(node: ast.AST) -> set[str]:
    match node:
        case ast.Name():
            return {node.id} if isinstance(node.ctx, ast.Load) else set()
        case ast.AugAssign(target=ast.Name(id=name)):
            return {name} | _free(node.value)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return _of_function(node)
        case _ if isinstance(node, _COMPREHENSIONS):
            inside = {
                name
                for each in ast.walk(node)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                for name in (each.id,)
            }
            return _of_children(node) - inside
    return _of_children(node)


def _of_children(node: ast.AST) -> set[str]:
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        found |= _free(child)
    return found


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """What a function takes from around it, and what its defaults and decorators do."""
    body = node.body if isinstance(node.body, list) else [node.body]
    inside: set[str] = set()
    mine = set(parameters(node))
    for each in body:
        inside |= _free(each)
        mine |= set(_bound(each)) if not isinstance(node, ast.Lambda) else set()
    for each in body:
        for part in ast.walk(each):
            if isinstance(part, ast.Global | ast.Nonlocal):
                mine -= set(part.names)
    found = inside - mine
    found |= _of_children(node.args)
    if not isinstance(node, ast.Lambda):
        for each in node.decorator_list:
            found |= _free(each)
        if node.returns is not None:
            found |= _free(node.returns)
    return found
