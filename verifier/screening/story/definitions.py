"""Which names does a program define or import? Functions, classes, modules; nothing is loaded."""

from __future__ import annotations

import ast

from verifier.screening.story.value import NOTHING, Frame, Kind, Outside, Routine, Shape
from verifier.screening.story.world import World
from verifier.source.values import Members


def function(world: World, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A function: entered where it is called."""
    world.frame.bind(node.name, (0, 0, Routine(node, world.frame, world.where(node))))
    return False


def class_(world: World, node: ast.ClassDef) -> bool:
    """A class: its attributes as the settings leave them."""
    bases = tuple(world.value(base)[2] for base in node.bases)
    frame = Frame({}, world.frame)
    before, world.frame = world.frame, frame
    world.execute(world, node.body)
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


def import_(world: World, node: ast.Import) -> bool:
    """A module."""
    for alias in node.names:
        module = world.sibling(alias.name)
        name = alias.asname or alias.name.partition(".")[0]
        dotted = alias.name if alias.asname else name
        world.frame.bind(name, (0, 0, Outside(dotted) if module is None else module))
    return False


def import_from(world: World, node: ast.ImportFrom) -> bool:
    """Names out of a module."""
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


def borrow(world: World, node: ast.Global | ast.Nonlocal) -> bool:
    """Names of a frame further out."""
    world.frame.borrowed.update(node.names)
    return False
