"""Where does a call lead? Into a function of the program, or to a library that is not looked at.

A function of the program is followed with the values it is given, within bounds of depth and
length; a class becomes a thing. Nothing is ever called.
"""

from __future__ import annotations

import ast

from verifier.screening.story import data_calls, library, methods
from verifier.screening.story.events import Loop
from verifier.screening.story.value import (
    COMPUTED,
    DATA,
    GRADIENT,
    HELD_OUT,
    NONE,
    NOTHING,
    PATH,
    SHARDS,
    Either,
    Frame,
    Kind,
    Method,
    Outside,
    Routine,
    Several,
    Shape,
    Value,
    Zipped,
    union,
)
from verifier.screening.story.vocabulary import (
    ALWAYS_DEPTH,
    SAYING,
    SHORT_LINES,
    SIZES,
    TELLING,
    shard_setting,
)
from verifier.screening.story.world import DEPTH, World
from verifier.source.values import UNKNOWN


def attribute(world: World, base: Value, node: ast.Attribute) -> Value:
    """The value of an attribute of `base`."""
    marks, things, constant = base
    name = node.attr
    if isinstance(constant, Outside):
        return 0, 0, Outside(f"{constant.dotted}.{name}")
    if isinstance(constant, Frame):
        return constant.names.get(name, NOTHING)
    if isinstance(constant, Kind):
        found = constant.find(name)
        return NOTHING if found is None else _of_class(found, base)
    for thing in world.each(things) if things else ():
        if name in thing.members:
            marks, things, constant = thing.members[name]
            known = marks or things or constant is not UNKNOWN
            return marks if known else SHARDS[shard_setting(name)], things, constant
        followed = thing.kind is not None and thing.shape == Shape.INSTANCE
        member = thing.kind.find(name) if followed and thing.kind is not None else None
        if member is not None:
            return _bound(world, member, base, node)
    if name in SIZES:
        return data_calls.size(world, base)
    if name == "grad":
        return marks | GRADIENT | world.pending, 0, UNKNOWN
    marks |= SHARDS[shard_setting(name)]
    for thing in world.each(things):
        if thing.shape == Shape.INSTANCE:
            # What nobody assigned: of the object's data, but not all that it was made from.
            marks |= thing.marks & DATA
            things &= ~thing.bit
    return marks, things, UNKNOWN


def _decorators(routine: Routine) -> set[str]:
    if isinstance(routine.node, ast.Lambda):
        return set()
    return {
        each.id if isinstance(each, ast.Name) else getattr(each, "attr", "")
        for each in routine.node.decorator_list
    }


def _of_class(member: Value, kind: Value) -> Value:
    """A member asked of its class: a class method takes the class."""
    routine = member[2]
    if isinstance(routine, Routine) and "classmethod" in _decorators(routine):
        return 0, 0, Routine(routine.node, routine.frame, routine.place, kind)
    return member


def _bound(world: World, member: Value, owner: Value, node: ast.Attribute) -> Value:
    routine = member[2]
    if not isinstance(routine, Routine) or isinstance(routine.node, ast.Lambda):
        return member
    decorators = _decorators(routine)
    if "staticmethod" in decorators:
        return member
    bound = Routine(routine.node, routine.frame, routine.place, owner)
    if "property" in decorators or "cached_property" in decorators:
        return enter(world, bound, [], {}, node)
    return 0, owner[1], bound


def call(world: World, node: ast.Call) -> Value:
    """The value of a call."""
    world.left -= 1
    if world.left <= 0:
        return NOTHING
    function = node.func
    receiver: Value | None = None
    if isinstance(function, ast.Attribute):
        receiver = world.value(function.value)
        target = attribute(world, receiver, function)
    else:
        target = world.value(function)
    arguments, keywords = _arguments(world, node)
    constant = target[2]
    if isinstance(constant, Routine):
        return enter(world, constant, arguments, keywords, node)
    if isinstance(constant, Either):
        ways = [enter(world, each, arguments, keywords, node) for each in constant.routines]
        return data_calls.either(ways)
    if isinstance(constant, Method):
        return methods.call(world, constant.name, constant.receiver, arguments, keywords, node)
    if isinstance(constant, Kind):
        return instantiate(world, constant, arguments, keywords, node)
    if isinstance(constant, Outside):
        return library.call(world, constant.dotted, arguments, keywords, node)
    if receiver is not None and isinstance(function, ast.Attribute):
        return methods.call(world, function.attr, receiver, arguments, keywords, node)
    return _applied(world, target, arguments, keywords, node)


def _arguments(world: World, node: ast.Call) -> tuple[list[Value], dict[str, Value]]:
    arguments: list[Value] = []
    for each in node.args:
        if isinstance(each, ast.Starred):
            value = world.value(each.value)
            parts = value[2].parts if isinstance(value[2], Several) else (value,)
            arguments.extend(parts)
        else:
            arguments.append(world.value(each))
    return arguments, {each.arg or "**": world.value(each.value) for each in node.keywords}


def _applied(
    world: World, target: Value, arguments: list[Value], keywords: dict[str, Value], node: ast.Call
) -> Value:
    """Calling a model, or an object of the program, or what nobody knows."""
    for thing in world.each(target[1]):
        member = None if thing.kind is None else thing.kind.find("__call__")
        if member is not None and thing.shape == Shape.INSTANCE:
            routine = member[2]
            if isinstance(routine, Routine):
                bound = Routine(routine.node, routine.frame, routine.place, target)
                return enter(world, bound, arguments, keywords, node)
    marks = data_calls.carried(world, [target, *arguments], keywords)
    shapes = {thing.shape for thing in world.each(target[1])} - {Shape.CONTAINER}
    # What nobody knows, given data: a model's method that was handed on.
    if shapes or (not target[1] and marks & DATA and not marks & PATH):
        world.ran(marks, node)
        for thing in world.each(target[1]):
            for hook in thing.hooks:
                # What a layer is given has come out of the layers before it.
                given: Value = marks | COMPUTED, 0, UNKNOWN
                enter(world, hook, [target, given, given], {}, node)
        marks |= COMPUTED
    return marks, 0, UNKNOWN


def instantiate(
    world: World, kind: Kind, arguments: list[Value], keywords: dict[str, Value], node: ast.Call
) -> Value:
    """A new thing of a class of the program."""
    things = 0
    for value in (*arguments, *keywords.values()):
        things |= value[1]
    if kind.shape != Shape.INSTANCE:
        held = 0 if kind.shape == Shape.MODEL else things
        return 0, world.new_thing(kind.shape, kind, 0, held or things), UNKNOWN
    bit = world.new_thing(Shape.INSTANCE, kind)
    made: Value = (0, bit, UNKNOWN)
    start = kind.find("__init__")
    if start is None:
        for thing in world.each(bit):
            thing.members.update(zip(kind.members, arguments, strict=False))
            thing.members.update(keywords)
        start, arguments, keywords = kind.find("__post_init__"), [], {}
    if start is not None and isinstance(start[2], Routine):
        routine = start[2]
        bound = Routine(routine.node, routine.frame, routine.place, made)
        enter(world, bound, arguments, keywords, node)
    return made


def enter(
    world: World,
    routine: Routine,
    arguments: list[Value],
    keywords: dict[str, Value],
    node: ast.AST,
) -> Value:
    """Follow a function of the program with these arguments: what it returns."""
    body = routine.node
    if (
        world.depth >= DEPTH
        or world.left <= 0
        or world.following.count(id(body)) > 1
        or _dull(world, routine)
    ):
        return data_calls.carried(world, arguments, keywords), 0, UNKNOWN
    arguments = [*routine.first, *arguments]
    keywords = {**dict(routine.named), **keywords}
    if routine.owner is not None:
        arguments = [routine.owner, *arguments]
    frame = Frame({}, routine.frame)
    before = world.frame, world.place, world.path
    path = world.paths.setdefault((world.path, id(node)), len(world.paths) + 1)
    _bind_parameters(world, body.args, frame, arguments, keywords, routine.frame)
    world.place, world.path = routine.place, path
    world.callers.append(world.frame)
    world.frame = frame
    world.depth += 1
    world.following.append(id(body))
    world.entered.add(id(body))
    if isinstance(body, ast.Lambda):
        frame.returned = world.value(body.body)
    else:
        world.execute(world, body.body)
    world.following.pop()
    world.depth -= 1
    world.callers.pop()
    world.hooked.discard(id(frame))
    world.frame, world.place, world.path = before
    result = NONE if frame.returned is None else frame.returned
    return _with_owner(world, result, routine.owner)


def _with_owner(world: World, result: Value, owner: Value | None) -> Value:
    """What comes out of a queue or a thread carries what its owner was made from."""
    if owner is None or result[2] is not UNKNOWN or world.raw(result) & DATA:
        return result
    data = 0
    for thing in world.each(owner[1]):
        if thing.shape == Shape.INSTANCE:
            data |= thing.marks & DATA
    return result[0] | data, result[1], UNKNOWN


def _dull(world: World, routine: Routine) -> bool:
    """Whether a function only says something, or is long and tells nothing."""
    node = routine.node
    if isinstance(node, ast.Lambda) or node.name in ("__init__", "__post_init__"):
        return False
    if world.depth == 0:
        return False
    known = world.dull.get(id(node))
    long = (node.end_lineno or node.lineno) - node.lineno > SHORT_LINES
    if known is None:
        dull = not TELLING.search(world.text(routine.place, node)) if long else _only_says(node)
        known = world.dull[id(node)] = dull
    return known and not (long and world.depth < ALWAYS_DEPTH)


def _only_says(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a short function prints and writes what it is given, and no more."""
    return not any(_does(inner) for inner in ast.walk(node))


def _does(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name not in SAYING
        case ast.Return(value=value) | ast.Yield(value=value):
            return value is not None
        case ast.Attribute(ctx=ast.Store()):
            return True
    return isinstance(node, ast.Call | ast.AugAssign | ast.For | ast.While)


def _bind_parameters(
    world: World,
    parameters: ast.arguments,
    frame: Frame,
    arguments: list[Value],
    keywords: dict[str, Value],
    outer: Frame,
) -> None:
    names = [each.arg for each in (*parameters.posonlyargs, *parameters.args)]
    for name, default in zip(reversed(names), reversed(parameters.defaults), strict=False):
        frame.names[name] = _default(world, default, outer)
    for each, optional in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
        frame.names[each.arg] = NOTHING if optional is None else _default(world, optional, outer)
    frame.names.update(zip(names, arguments, strict=False))
    rest = NOTHING
    known = {*names, *(each.arg for each in parameters.kwonlyargs)}
    for name, value in keywords.items():
        if name in known:
            frame.names[name] = value
        else:
            rest = union(rest, value)
    for name in names:
        frame.names.setdefault(name, NOTHING)
    if parameters.vararg is not None:
        extra = tuple(arguments[len(names) :])
        frame.names[parameters.vararg.arg] = data_calls.several(extra)
    if parameters.kwarg is not None:
        frame.names[parameters.kwarg.arg] = rest


def _default(world: World, node: ast.expr, outer: Frame) -> Value:
    if isinstance(node, ast.Constant):
        return world.value(node)
    before, world.frame = world.frame, outer
    value = world.value(node)
    world.frame = before
    return value


def bind_element(world: World, target: ast.expr, over: Value, loop: Loop) -> None:
    """Bind the variable of a loop to an element of what it runs over."""
    zipped = over[2]
    if (
        isinstance(zipped, Zipped)
        and isinstance(target, ast.Tuple)
        and len(target.elts) == len(zipped.parts)
    ):
        for each, part in zip(target.elts, zipped.parts, strict=True):
            bind_element(world, each, part, loop)
        return
    inner, things = world.inside(over[1])
    carried = world.raw(over)
    marks = over[0] | inner | loop.bit
    if carried & HELD_OUT and not carried & (COMPUTED | PATH):
        marks |= world.slice_mark(target)
    bind(world, target, (marks, things, UNKNOWN))


def bind(world: World, target: ast.expr, value: Value) -> None:
    """Assign a value to names; other targets are the statements' affair."""
    if isinstance(target, ast.Name):
        world.frame.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        constant = value[2]
        parts = constant.parts if isinstance(constant, Several) else ()
        starred = any(isinstance(each, ast.Starred) for each in target.elts)
        if len(parts) == len(target.elts) and not starred:
            for each, part in zip(target.elts, parts, strict=True):
                bind(world, each, part)
        else:
            whole = value[0], value[1], UNKNOWN
            for each in target.elts:
                bind(world, each, whole)
    elif isinstance(target, ast.Starred):
        bind(world, target.value, (value[0], value[1], UNKNOWN))
