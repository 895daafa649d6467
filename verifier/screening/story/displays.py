"""What is written out in place: tuples, lists, dictionaries, comprehensions, formatted strings?"""

from __future__ import annotations

import ast
from collections.abc import Callable

from verifier.screening.story import calls, data_calls
from verifier.screening.story.constants import LONG_LITERAL
from verifier.screening.story.events import Loop
from verifier.screening.story.value import Shape, Value
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN


def row(world: World, node: ast.Tuple) -> Value:
    """A tuple."""
    return data_calls.several(tuple(world.value(each) for each in node.elts))


def display(world: World, node: ast.List | ast.Set) -> Value:
    """A list or a set."""
    marks, things, parts = data_calls.several(tuple(world.value(each) for each in node.elts))
    if not node.elts:
        return 0, world.new_thing(Shape.CONTAINER), UNKNOWN
    return marks, things | world.new_thing(Shape.CONTAINER, None, marks, things), parts


def mapping(world: World, node: ast.Dict) -> Value:
    """A dictionary; what stands under a written key is kept by it."""
    marks = things = 0
    members: dict[str, Value] = {}
    for key, each in zip(node.keys, node.values, strict=True):
        value = world.value(each)
        marks |= value[0]
        things |= value[1]
        if key is not None:
            named = world.value(key)
            marks |= named[0]
            if isinstance(named[2], str):
                members[named[2]] = value
    made = world.new_thing(Shape.CONTAINER, None, marks, things)
    for thing in world.each(made):
        thing.members.update(members)
    return 0, made, UNKNOWN


def comprehension(world: World, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    """A list, set or generator."""
    return _looped(world, node.generators, lambda: world.value(node.elt))


def dict_comprehension(world: World, node: ast.DictComp) -> Value:
    """A dictionary of a comprehension."""

    def pair() -> Value:
        key, value = world.value(node.key), world.value(node.value)
        return key[0] | value[0], value[1], UNKNOWN

    return _looped(world, node.generators, pair)


def _looped(world: World, generators: list[ast.comprehension], inner: Callable[[], Value]) -> Value:
    turns = world.turns
    for generator in generators:
        over = world.value(generator.iter)
        loop = Loop(generator, world.place, world.mark("loop", generator, generator))
        world.turns = (*world.turns, (loop, 0))
        calls.bind_element(world, generator.target, over, loop)
        for test in generator.ifs:
            world.value(test)
    marks, things, _ = inner()
    world.turns = turns
    return marks, things, UNKNOWN


def formatted(world: World, node: ast.JoinedStr) -> Value:
    """A formatted string."""
    marks = 0
    texts: list[str] | None = []
    length = 0
    for part in node.values:
        value = world.value(part.value if isinstance(part, ast.FormattedValue) else part)
        marks |= value[0]
        constant = value[2]
        if texts is not None and isinstance(constant, str | int):
            text = str(constant)[: LONG_LITERAL - length]
            length += len(text)
            texts.append(text)
        else:
            texts = None
    return marks, 0, UNKNOWN if texts is None else "".join(texts)
