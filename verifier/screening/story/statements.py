"""What does following a statement change? Names, things, and the events that rules read.

A branch that the settings decide is followed alone; otherwise both are, each without what the
other learned. A loop is followed once, and once more where it repeats the same held-out data.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from verifier.screening.story import calls, definitions, stores
from verifier.screening.story.events import Learned, Loop
from verifier.screening.story.expressions import evaluate, truth
from verifier.screening.story.value import (
    HELD_OUT,
    NONE,
    Frame,
    Value,
    union,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

DEEP = 1_000
"""What a statement that is too deep costs, in statements."""


def execute(world: World, body: list[ast.stmt]) -> bool:
    """Follow statements in order; whether the last one followed leaves them."""
    for node in body:
        world.left -= 1
        if world.left <= 0:
            return True
        follow = _KINDS.get(type(node))
        try:
            if follow is not None and follow(world, node):
                return True
        except RecursionError:
            # A statement nested deeper than anyone writes: what it holds is not read.
            world.left -= DEEP
            world.deep += 1
    return False


def _expression(world: World, node: ast.Expr) -> bool:
    if isinstance(node.value, ast.Constant):
        return False
    evaluate(world, node.value)
    return _exits(node.value)


def _exits(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return (function.value.id, function.attr) in (("sys", "exit"), ("os", "_exit"))
    return isinstance(function, ast.Name) and function.id in ("exit", "quit")


def _assign(world: World, node: ast.Assign) -> bool:
    value = evaluate(world, node.value)
    for target in node.targets:
        stores.store(world, target, value, node)
    return False


def _annotated(world: World, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        stores.store(world, node.target, evaluate(world, node.value), node)
    return False


def _return(world: World, node: ast.Return) -> bool:
    value = NONE if node.value is None else evaluate(world, node.value)
    before = world.frame.returned
    world.frame.returned = value if before is None else union(before, value)
    return True


def _leave(world: World, node: ast.stmt) -> bool:
    return True


def _if(world: World, node: ast.If) -> bool:
    holds = truth(world, node.test)
    if holds and isinstance(node.body[-1], ast.Raise):
        return False  # The run that was submitted did not end here, whatever the settings say.
    if holds is not None:
        return execute(world, node.body if holds else node.orelse)
    frame = world.frame
    outer_log = frame.log
    first_log: list[tuple[str, Value | None]] = []
    frame.log = first_log
    learned = world.learned_bits
    first_left = execute(world, node.body)
    first = _rolled_back(frame, first_log)
    second_log: list[tuple[str, Value | None]] = []
    frame.log = second_log
    hidden = world.hidden
    if node.orelse:
        world.hidden |= world.learned_bits & ~learned
    second_left = execute(world, node.orelse)
    world.hidden = hidden
    second = _rolled_back(frame, second_log)
    frame.log = outer_log
    for name in {**first, **second}:
        old = frame.names.get(name)
        ways = [
            way.get(name, old)
            for way, left in ((first, first_left), (second, second_left))
            if not left
        ]
        known = [value for value in ways if value is not None]
        if known:
            frame.bind(name, known[0] if len(known) == 1 else union(known[0], known[1]))
    return first_left and second_left


def _rolled_back(frame: Frame, log: list[tuple[str, Value | None]]) -> dict[str, Value]:
    """What a branch bound; the frame is as it was before."""
    bound = {name: frame.names[name] for name, _ in log if name in frame.names}
    for name, old in reversed(log):
        if old is None:
            frame.names.pop(name, None)
        else:
            frame.names[name] = old
    return bound


def _assigned(body: list[ast.stmt], found: set[str]) -> set[str]:
    """The names that statements and the blocks in them assign."""
    for node in body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                found.add(target.id)
            elif isinstance(target, ast.Tuple):
                found.update(each.id for each in target.elts if isinstance(each, ast.Name))
        for block in ("body", "orelse", "finalbody"):
            inner = getattr(node, block, None)
            if isinstance(inner, list) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
                _assigned(inner, found)
    return found


def _forget(world: World, node: ast.For | ast.AsyncFor | ast.While) -> None:
    """What a loop assigns is no constant in it: a counter, a flag, a best value."""
    names = world.assigned.get(id(node))
    if names is None:
        names = world.assigned[id(node)] = frozenset(_assigned(node.body, set()))
    for name in names:
        value = world.frame.names.get(name)
        if value is not None and (value[2] is None or isinstance(value[2], int | float | str)):
            world.frame.bind(name, (value[0], value[1], UNKNOWN))


def _for(world: World, node: ast.For | ast.AsyncFor) -> bool:
    over = evaluate(world, node.iter)
    _forget(world, node)
    loop = Loop(node, world.place, world.mark("loop", node, node))
    runs = over[2]
    if isinstance(runs, range):
        loop.turns = len(runs)
        if not runs:
            return False
    before, first_event = world.turns, len(world.events)
    for turn in (0, 1):
        world.turns = (*before, (loop, turn))
        calls.bind_element(world, node.target, over, loop)
        execute(world, node.body)
        if loop.turns == 1 or not _repeats(world, loop, first_event):
            break
        loop.repeated = True
    world.turns = before
    execute(world, node.orelse)
    return False


def _repeats(world: World, loop: Loop, first: int) -> bool:
    """Whether the loop learned held-out data that does not depend on its variable."""
    return any(
        isinstance(event, Learned)
        and not event.table
        and event.marks & HELD_OUT
        and not event.marks & loop.bit
        for event in world.events[first:]
    )


def _while(world: World, node: ast.While) -> bool:
    loop = Loop(node, world.place)
    if truth(world, node.test) is False:
        return False
    _forget(world, node)
    before = world.turns
    world.turns = (*before, (loop, 0))
    evaluate(world, node.test)
    execute(world, node.body)
    world.turns = before
    return False


def _with(world: World, node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        value = evaluate(world, item.context_expr)
        if item.optional_vars is not None:
            calls.bind(world, item.optional_vars, value)
    return execute(world, node.body)


def _try(world: World, node: ast.Try) -> bool:
    left = execute(world, node.body)
    if not left:
        execute(world, node.orelse)
    for handler in node.handlers:
        for each in handler.body:
            if isinstance(each, ast.Assign):
                for target in each.targets:
                    if isinstance(target, ast.Name) and target.id not in world.frame.names:
                        world.frame.bind(target.id, evaluate(world, each.value))
    return execute(world, node.finalbody) or (left and not node.handlers)


def _test(world: World, node: ast.Assert) -> bool:
    evaluate(world, node.test)
    return False


_KINDS: dict[type[ast.stmt], Callable[[World, Any], bool]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: stores.augmented,
    ast.Return: _return,
    ast.Continue: _leave,
    ast.Break: _leave,
    ast.Raise: _leave,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: definitions.function,
    ast.AsyncFunctionDef: definitions.function,
    ast.ClassDef: definitions.class_,
    ast.Import: definitions.import_,
    ast.ImportFrom: definitions.import_from,
    ast.Global: definitions.borrow,
    ast.Nonlocal: definitions.borrow,
    ast.Assert: _test,
}
