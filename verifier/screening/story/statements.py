"""What does following a statement change? Names, things, and the events that rules read.

A branch that the settings decide is followed alone; otherwise both are, each without what the
other learned. A loop is followed once, and once more where it repeats the same held-out data.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from verifier.screening.story import calls
from verifier.screening.story.events import Learned, Loop
from verifier.screening.story.expressions import computed, evaluate, masked, spans, truth
from verifier.screening.story.value import (
    CLOCK,
    COMPUTED,
    FILE,
    GRADIENT,
    HELD_OUT,
    HISTOGRAM,
    NONE,
    NOTHING,
    PATH,
    Frame,
    Kind,
    Outside,
    Routine,
    Shape,
    Value,
    union,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN, Members

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
        _store(world, target, value, node)
    return False


def _annotated(world: World, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        _store(world, node.target, evaluate(world, node.value), node)
    return False


def _store(world: World, target: ast.expr, value: Value, node: ast.Assign | ast.AnnAssign) -> None:
    if isinstance(target, ast.Name):
        if value[0] & GRADIENT and value[0] & HELD_OUT and isinstance(node.value, ast.BinOp):
            made = world.new_thing(Shape.TENSOR)
            world.learn(made, value[0], node)
            value = 0, made, UNKNOWN
        elif value[2] is UNKNOWN and world.frame.outer is None:
            value = value[0], value[1], world.constant(target.id)
        world.frame.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        calls.bind(world, target, value)
        if isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                if isinstance(each, ast.Subscript | ast.Attribute):
                    _store(world, each, (value[0], value[1], UNKNOWN), node)
    elif isinstance(target, ast.Attribute):
        _store_attribute(world, target, value)
    elif isinstance(target, ast.Subscript):
        _store_item(world, target, value, node)


def _store_attribute(world: World, target: ast.Attribute, value: Value) -> None:
    for thing in world.each(evaluate(world, target.value)[1]):
        if thing.shape == Shape.INSTANCE:
            thing.members[target.attr] = value
            if thing.kind is None or not thing.kind.settings:
                thing.marks |= value[0]
                thing.holds |= value[1] & ~thing.bit
        elif thing.shape == Shape.MODEL and target.attr != "grad":
            thing.holds |= value[1] & ~thing.bit


def _store_item(
    world: World, target: ast.Subscript, value: Value, node: ast.Assign | ast.AnnAssign
) -> None:
    base = evaluate(world, target.value)
    index = world.content(evaluate(world, target.slice))
    given = world.content(value)
    marks = (given | index) & ~(FILE | CLOCK) | spans(world, target.slice)
    key = _key(target.slice)
    for thing in world.each(base[1]):
        if thing.shape == Shape.MODEL:
            continue
        if key and thing.shape == Shape.CONTAINER:
            thing.members[key] = value
        thing.marks |= marks
        if thing.shape == Shape.CONTAINER:
            thing.holds |= value[1] & ~thing.bit
            if index & HELD_OUT and not (index | given) & (COMPUTED | PATH):
                world.learn(thing.bit, index, node, table=True)
    if not base[1] and isinstance(target.value, ast.Name):
        world.frame.bind(target.value.id, (base[0] | marks, 0, UNKNOWN))


def _key(node: ast.expr) -> str:
    """A key that is written out."""
    constant = node.value if isinstance(node, ast.Constant) else None
    return constant if isinstance(constant, str) else ""


def _augmented(world: World, node: ast.AugAssign) -> bool:
    target = node.target
    value = evaluate(world, node.value)
    given = world.content(value) & ~FILE
    adds = isinstance(node.op, ast.Add | ast.Sub)
    base = evaluate(world, target)
    if isinstance(target, ast.Subscript):
        index = world.content(evaluate(world, target.slice))
        if adds and index & HELD_OUT and not (index | given) & (COMPUTED | PATH):
            world.learn(evaluate(world, target.value)[1], index, node, table=True)
        given |= spans(world, target.slice) if given & COMPUTED else 0
    if isinstance(node.op, ast.Mult) and masked(world.raw(base), given):
        world.mask(given, node)
    if given & GRADIENT and given & HELD_OUT:
        world.learn(base[1], given, node)
    elif given & HISTOGRAM and given & HELD_OUT and not given & COMPUTED:
        world.learn(base[1], given, node, table=True)
        given &= ~HISTOGRAM
    elif adds and given & HELD_OUT and given & COMPUTED:
        given |= world.count(given, node)
    if isinstance(target, ast.Name):
        folded = computed(node.op, base[2], value[2])
        world.frame.bind(target.id, (base[0] | given, base[1], folded))
    elif isinstance(target, ast.Attribute):
        _store_attribute(world, target, (base[0] | given, base[1] | value[1], UNKNOWN))
    for thing in world.each(base[1]):
        if thing.shape != Shape.MODEL:
            thing.marks |= given
            if thing.shape == Shape.CONTAINER:
                thing.holds |= value[1] & ~thing.bit
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


def _function(world: World, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    world.frame.bind(node.name, (0, 0, Routine(node, world.frame, world.where(node))))
    return False


def _class(world: World, node: ast.ClassDef) -> bool:
    bases = tuple(evaluate(world, base)[2] for base in node.bases)
    frame = Frame({}, world.frame)
    before, world.frame = world.frame, frame
    execute(world, node.body)
    world.frame = before
    known = world.unit_name(node.name)
    if isinstance(known, Members):
        for name, set_to in known.values.items():
            constant = True if world.is_on(name) else set_to
            if isinstance(constant, int | float | str | bool) or constant is None:
                marks, things, found = frame.names.get(name, NOTHING)
                if not isinstance(found, Routine | Kind):
                    frame.names[name] = world.constant_value(constant, marks, things)
    shape = _shape(bases)
    routines = any(
        isinstance(value[2], Routine) and not name.startswith("__")
        for name, value in frame.names.items()
    )
    kind = Kind(
        node.name,
        shape,
        frame.names,
        tuple(base for base in bases if isinstance(base, Kind)),
        world.place,
        settings=shape == Shape.INSTANCE and not routines,
    )
    world.frame.bind(node.name, (0, 0, kind))
    return False


def _shape(bases: tuple[object, ...]) -> str:
    for base in bases:
        if isinstance(base, Kind):
            if base.shape != Shape.INSTANCE:
                return base.shape
        elif isinstance(base, Outside):
            last = base.dotted.rpartition(".")[2]
            if last == "Optimizer" or ".optim." in base.dotted:
                return Shape.OPTIMISER
            if last in ("Module", "Function") or ".nn." in base.dotted:
                return Shape.MODEL
    return Shape.INSTANCE


def _import(world: World, node: ast.Import) -> bool:
    for alias in node.names:
        module = world.sibling(alias.name)
        name = alias.asname or alias.name.partition(".")[0]
        dotted = alias.name if alias.asname else name
        world.frame.bind(name, (0, 0, Outside(dotted) if module is None else module))
    return False


def _import_from(world: World, node: ast.ImportFrom) -> bool:
    module = world.sibling(node.module or "")
    for alias in node.names:
        if module is not None:
            if alias.name == "*":
                world.frame.names.update(module.names)
                continue
            value = module.names.get(alias.name, NOTHING)
        else:
            value = 0, 0, Outside(f"{node.module or ''}.{alias.name}")
        world.frame.bind(alias.asname or alias.name, value)
    return False


def _borrow(world: World, node: ast.Global | ast.Nonlocal) -> bool:
    world.frame.borrowed.update(node.names)
    return False


def _test(world: World, node: ast.Assert) -> bool:
    evaluate(world, node.test)
    return False


_KINDS: dict[type[ast.stmt], Callable[[World, Any], bool]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
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
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _borrow,
    ast.Nonlocal: _borrow,
    ast.Assert: _test,
}
