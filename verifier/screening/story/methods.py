"""What does a method do to data, where nobody knows the class? Goes by its name.

In-place methods change the thing, `step` and `load_state_dict` change models; a method that
nobody listed passes on what its receiver and arguments carry.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from verifier.screening.story import data_calls, library
from verifier.screening.story.value import (
    COMPUTED,
    DATA,
    FILE,
    GRADIENT,
    HELD_OUT,
    NONE,
    NOTHING,
    PATH,
    Routine,
    Shape,
    Value,
)
from verifier.screening.story.vocabulary import (
    CALLERS,
    COUNTS,
    DRAWS,
    HOOKS,
    INNER,
    LOGARITHMS,
    LOSSES,
    NEXT,
    POSITIONS,
    PUTS,
    SIZES,
    SNAPSHOTS,
    VIEWS,
    WHOLE,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

Arguments = list[Value]
Keywords = dict[str, Value]
Method = Callable[[World, Value, Arguments, Keywords, ast.Call], Value]

_HOOKS = 4
"""On one thing; people put on one."""


def call(
    world: World,
    name: str,
    receiver: Value,
    arguments: Arguments,
    keywords: Keywords,
    node: ast.Call,
) -> Value:
    """The value of calling method `name` of `receiver`."""
    known = _METHODS.get(name)
    if known is not None:
        return known(world, receiver, arguments, keywords, node)
    if name.endswith("_") and not name.endswith("__"):
        return in_place(world, name, receiver, arguments, keywords, node)
    marks = data_calls.carried(world, [receiver, *arguments], keywords)
    for value in arguments:
        if isinstance(value[2], Routine) and not isinstance(value[2].node, ast.Lambda):
            marks |= world.content(world.enter(value[2], [], {}, node))
    if any(thing.shape == Shape.MODEL for thing in world.each(receiver[1])) and arguments:
        world.ran(marks, node)
        marks |= COMPUTED
    return marks, 0, UNKNOWN


def in_place(
    world: World,
    name: str,
    receiver: Value,
    arguments: Arguments,
    keywords: Keywords,
    node: ast.Call,
) -> Value:
    """A method that changes its receiver: `add_`, `copy_`, `zero_`, `scatter_add_` …"""
    given = data_calls.carried(world, arguments, keywords)
    added = given & ~FILE
    if name in COUNTS and given & HELD_OUT and not given & COMPUTED:
        world.learn(receiver[1], given, node, table=True)
    elif given & GRADIENT and given & DATA:
        world.learn(receiver[1], given, node)
    elif name == "add_" and given & HELD_OUT and given & COMPUTED:
        added |= world.count(given, node)
    if name in WHOLE and _is_whole(node):
        added = 0
        for value in arguments:
            added |= world.raw(value)
        for thing in world.each(receiver[1]):
            thing.marks = added
        return receiver
    for thing in world.each(receiver[1]):
        if thing.shape != Shape.MODEL:
            thing.marks |= added
    return receiver[0] | (added if not receiver[1] else 0), receiver[1], UNKNOWN


def _is_whole(node: ast.Call) -> bool:
    """Whether the receiver is all of a thing that has a name, not a part of a model."""
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    if isinstance(receiver, ast.Attribute) and receiver.attr == "data":
        receiver = receiver.value
    return isinstance(receiver, ast.Name)


def _size(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return data_calls.size(world, receiver)


def _view(w: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return receiver[0], receiver[1], UNKNOWN


def _inner(
    world: World, receiver: Value, arguments: Arguments, k: Keywords, node: ast.Call
) -> Value:
    marks, things = world.inside(receiver[1])
    named = arguments[0][2] if arguments else None
    if isinstance(named, str):
        for thing in world.each(receiver[1]):
            if named in thing.members:
                return thing.members[named]
    key = arguments[0][0] if arguments else 0
    if key & PATH:
        marks &= ~DATA | key
    for value in arguments[1:]:
        marks |= value[0]
        things |= value[1]
        for thing in world.each(receiver[1]):
            thing.holds |= value[1]
    return receiver[0] | marks, things, UNKNOWN


def _snapshot(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return data_calls.snapshot(world, receiver)


def _state(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    marks = 0
    for thing in world.each(receiver[1]):
        marks |= thing.marks
    return receiver[0] | marks, 0, UNKNOWN


def _load(
    world: World, receiver: Value, arguments: Arguments, k: Keywords, node: ast.Call
) -> Value:
    marks = receiver[0]
    for value in arguments[:1]:
        marks |= world.raw(value)
    for thing in world.each(receiver[1]):
        if thing.shape != Shape.CONTAINER:
            thing.marks = marks & ~(FILE | DATA)
    return NONE


def _put(
    world: World, receiver: Value, arguments: Arguments, keywords: Keywords, node: ast.Call
) -> Value:
    marks = things = 0
    for value in (*arguments, *keywords.values()):
        marks |= world.related(value[0])
        things |= value[1]
    key = _key(node)
    if key is not None and marks & COMPUTED == 0:
        key_marks = world.content(world.value(key))
        if key_marks & HELD_OUT and not key_marks & (COMPUTED | PATH):
            world.learn(receiver[1], key_marks, node, table=True)
    if marks & HELD_OUT and marks & COMPUTED:
        marks |= world.count(marks, node)
    for thing in world.each(receiver[1]):
        thing.marks |= marks
        thing.holds |= things & ~thing.bit
    return NONE


def _key(node: ast.Call) -> ast.expr | None:
    """The key in `table[key].append(…)`."""
    receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
    return receiver.slice if isinstance(receiver, ast.Subscript) else None


def _backward(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    world.await_step(world.content(receiver))
    return NONE


def _step(
    world: World, receiver: Value, arguments: Arguments, keywords: Keywords, node: ast.Call
) -> Value:
    for value in (*arguments, *keywords.values()):
        if isinstance(value[2], Routine):
            world.enter(value[2], [], {}, node)
    world.step(receiver[1], node)
    return NONE


def _zero_grad(world: World, r: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    if world.stepped:
        world.pending = 0
    return NONE


def _hook(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    world.hook()
    hook = next((each[2] for each in (*a, *k.values()) if isinstance(each[2], Routine)), None)
    for thing in world.each(receiver[1]):
        if hook is not None and len(thing.hooks) < _HOOKS:
            thing.hooks.append(hook)
    return NOTHING


def _remove(world: World, r: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    if not a:
        world.hooked.clear()
    return NONE


def _item(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return world.content(receiver), 0, UNKNOWN


def _positions(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return data_calls.places(world, world.content(receiver)), 0, UNKNOWN


def _next(
    world: World, receiver: Value, arguments: Arguments, keywords: Keywords, node: ast.Call
) -> Value:
    marks = data_calls.carried(world, [receiver, *arguments], keywords)
    if marks & HELD_OUT and not marks & COMPUTED:
        marks |= world.slice_mark(node)
    return marks | world.loops_mark(), 0, UNKNOWN


def _read(world: World, receiver: Value, a: Arguments, k: Keywords, node: ast.Call) -> Value:
    return data_calls.read(world, world.content(receiver)), 0, UNKNOWN


def _write(
    world: World, receiver: Value, arguments: Arguments, k: Keywords, node: ast.Call
) -> Value:
    marks = 0
    for value in arguments[:1]:
        world.export(value, node)
        marks = world.content(value)
    return marks, 0, UNKNOWN


def _through(name: str) -> Method:
    """A method that a library also offers as a function of its receiver."""

    def method(
        world: World, receiver: Value, arguments: Arguments, keywords: Keywords, node: ast.Call
    ) -> Value:
        return library.call(world, f"torch.{name}", [receiver, *arguments], keywords, node)

    return method


def _add_argument(
    world: World, receiver: Value, arguments: Arguments, keywords: Keywords, node: ast.Call
) -> Value:
    names = [v[2] for v in arguments if isinstance(v[2], str)]
    default = keywords.get("default", NONE)
    if "action" in keywords and keywords["action"][2] == "store_true":
        default = (0, 0, False)
    for thing in world.each(receiver[1]):
        for name in names:
            thing.members[name.lstrip("-").replace("-", "_")] = default
    return NOTHING


_METHODS: Final[dict[str, Method]] = {
    **dict.fromkeys(SIZES, _size),
    **dict.fromkeys(VIEWS, _view),
    **dict.fromkeys(INNER, _inner),
    **dict.fromkeys(SNAPSHOTS, _snapshot),
    **dict.fromkeys(PUTS, _put),
    **dict.fromkeys(NEXT, _next),
    **dict.fromkeys(HOOKS, _hook),
    **dict.fromkeys(POSITIONS, _positions),
    **{name: _through(name) for name in (*LOSSES, *LOGARITHMS, *DRAWS, *CALLERS)},
    "state_dict": _state,
    "load_state_dict": _load,
    "backward": _backward,
    "step": _step,
    "zero_grad": _zero_grad,
    "remove": _remove,
    "item": _item,
    "tolist": _item,
    "read_bytes": _read,
    "read_text": _read,
    "write": _write,
    "write_bytes": _write,
    "tofile": _write,
    "compress": _write,
    "add_argument": _add_argument,
    "parse_args": _view,
    "parse_known_args": _view,
    "remove_handle": _remove,
}
