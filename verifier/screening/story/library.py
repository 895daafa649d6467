"""What does a call into a library do to data? Reads the name only; nothing is looked up or called.

A name nobody listed passes on what its arguments carry.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from verifier.screening.story import data_calls
from verifier.screening.story.constants import LONG_LITERAL
from verifier.screening.story.data_calls import Arguments, Keywords, carried, places
from verifier.screening.story.value import (
    CLOCK,
    COMPUTED,
    DATA,
    EXTENT,
    HELD_OUT,
    NONE,
    NOTHING,
    PATH,
    SHARDS,
    Kind,
    Outside,
    Routine,
    Several,
    Shape,
    Value,
    Zipped,
)
from verifier.screening.story.vocabulary import (
    CALLERS,
    CLOCK_MODULES,
    CLOCKS,
    CONTAINERS,
    DRAWS,
    LOGARITHMS,
    LOSSES,
    NEXT,
    OPTIMISERS,
    PASSES,
    POSITIONS,
    READS,
    SIZES,
    SNAPSHOTS,
    TENSORS,
    WRITES,
    shards,
)
from verifier.screening.story.world import World
from verifier.source.values import UNKNOWN

CUT_TOKENS: Final = 1_000_000
_ROUNDED_BITS = 256
_DIGITS = 100
_GIVEN_FIRST = 64
Call = Callable[[World, Arguments, Keywords, ast.Call], Value]


def call(
    world: World, dotted: str, arguments: Arguments, keywords: Keywords, node: ast.Call
) -> Value:
    """The value of calling a library's function by its dotted name."""
    name = dotted.rpartition(".")[2]
    module = dotted.rpartition(".")[0]
    known = _CALLS.get(dotted) or _CALLS.get(name)
    if known is not None and (name != "time" or module.rpartition(".")[2] in CLOCK_MODULES):
        return known(world, arguments, keywords, node)
    if _is_optimiser(dotted, name):
        things = 0
        for value in (*arguments, *keywords.values()):
            things |= value[1]
        return 0, world.new_thing(Shape.OPTIMISER, None, 0, things), UNKNOWN
    if dotted.endswith("add.at"):
        return _add_at(world, arguments, keywords, node)
    return _plain(world, arguments, keywords, node)


def _is_optimiser(dotted: str, name: str) -> bool:
    return name in OPTIMISERS or (
        ".optim." in f".{dotted}" and "scheduler" not in dotted and name[:1].isupper()
    )


def _plain(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    marks = carried(world, arguments, keywords)
    for value in arguments:
        if isinstance(value[2], Routine):
            marks |= _called_back(world, value[2], node)
    if marks & DATA and _has_model(world, arguments):
        world.ran(marks, node)
        marks |= COMPUTED
    return marks, 0, UNKNOWN


def _has_model(world: World, arguments: Arguments) -> bool:
    return any(thing.shape == Shape.MODEL for value in arguments for thing in world.each(value[1]))


def _called_back(world: World, routine: Routine, node: ast.Call) -> int:
    """A short function handed to a library is called by it, with nothing known."""
    if isinstance(routine.node, ast.Lambda):
        return 0
    return world.content(world.enter(routine, [], {}, node))


# ---------------------------------------------------------------- one name, one meaning


def _pass(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    if not arguments:
        return next(iter(keywords.values()), NOTHING)
    value = arguments[0]
    if value[2] is None or isinstance(value[2], int | float | str):
        return value[0], value[1], UNKNOWN
    return value


def _namespace(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    """An object whose attributes are apart."""
    made = world.new_thing(Shape.INSTANCE)
    for thing in world.each(made):
        thing.members.update(keywords)
    return 0, made, UNKNOWN


def _zip(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    marks, things, _ = data_calls.several(tuple(arguments))
    return marks, things, Zipped(tuple(arguments))


def _enumerate(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    if not arguments:
        return NOTHING
    return arguments[0][0], arguments[0][1], Zipped((NOTHING, arguments[0]))


def _nothing(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    return NOTHING


def _least(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    marks, things, constant = _number(min)(world, arguments, keywords, node)
    limits = [value[2] for value in arguments if isinstance(value[2], int)]
    if marks & EXTENT and len(limits) == 1 and limits[0] >= CUT_TOKENS:
        marks |= world.cut_mark(node, limits[0])
    return marks, things, constant


def _print(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    return NONE


def _clock(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    return CLOCK, 0, UNKNOWN


def _add_at(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    if len(arguments) > 1:
        key = world.content(arguments[1])
        if key & HELD_OUT and not key & PATH:
            world.learn(arguments[0][1], key, node, table=True)
    return NONE


def _getattr(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    if len(arguments) < 2 or not isinstance(arguments[1][2], str):
        return NOTHING
    name = arguments[1][2]
    for thing in world.each(arguments[0][1]):
        if name in thing.members:
            return thing.members[name]
        member = None if thing.kind is None else thing.kind.find(name)
        if member is not None:
            return member
    base = arguments[0]
    held = data_calls.held_method(world, name, base, (base[0], base[1], UNKNOWN))
    if len(arguments) > 2 and held[2] is UNKNOWN:
        return arguments[2]
    return held


def _environment(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    name = arguments[0][2] if arguments else UNKNOWN
    if name in world.on:
        return 0, 0, "1"
    if isinstance(name, str) and not (node.args and isinstance(node.args[0], ast.Constant)):
        default = arguments[1] if len(arguments) > 1 else keywords.get("default", NONE)
        return world.variable(name, default)
    return world.folded(node)


def _convertible(constant: object) -> bool:
    """Whether converting a constant, or rounding to it, takes no time."""
    if constant is None or isinstance(constant, float):
        return True
    if isinstance(constant, int):
        return constant.bit_length() <= _ROUNDED_BITS
    return isinstance(constant, str) and len(constant) <= LONG_LITERAL


def _rounded(number: float, digits: int | None = None) -> float:
    """As round(). Raises ValueError for more digits than anyone rounds to."""
    if digits is not None and abs(digits) > _DIGITS:
        raise ValueError("too many digits")
    return round(number, digits)


def _number(convert: Callable[..., object]) -> Call:
    def converted(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
        constants = [value[2] for value in arguments]
        result: object = UNKNOWN
        if constants and all(map(_convertible, constants)):
            try:
                result = convert(*constants)
            except (ValueError, TypeError, ArithmeticError):
                result = UNKNOWN
        return carried(world, arguments, keywords), 0, result

    return converted


def _range(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    marks = places(world, carried(world, arguments, keywords))
    constants = [value[2] for value in arguments]
    if len(constants) == 1 and isinstance(constants[0], int):
        return marks, 0, range(max(0, constants[0]))
    return marks, 0, UNKNOWN


def _path(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    constants = [value[2] for value in arguments]
    marks = carried(world, arguments, keywords)
    strings = all(isinstance(each, str) for each in constants)
    if constants and strings and sum(len(str(each)) for each in constants) <= LONG_LITERAL:
        joined = "/".join(str(each) for each in constants)
        return marks | SHARDS[shards(joined)], 0, joined
    return marks, 0, UNKNOWN


def _caller(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    called = next((v for v in (*arguments, *keywords.values()) if isinstance(v[2], Routine)), None)
    if called is None:
        return _plain(world, arguments, keywords, node)
    rest = [value for value in arguments if value is not called]
    for value in (keywords.get("args"),):
        if value is not None:
            constant = value[2]
            rest = list(constant.parts) if isinstance(constant, Several) else [value]
    routine = called[2]
    assert isinstance(routine, Routine)
    return world.enter(routine, rest, {}, node)


def _field(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    factory = keywords.get("default_factory")
    if factory is None:
        return keywords.get("default", NOTHING)
    if isinstance(factory[2], Kind):
        return world.make(factory[2], [], {}, node)
    if isinstance(factory[2], Routine):
        return world.enter(factory[2], [], {}, node)
    name = factory[2].dotted if isinstance(factory[2], Outside) else ""
    return call(world, name, [], {}, node) if name else NOTHING


def _partial(world: World, arguments: Arguments, keywords: Keywords, node: ast.Call) -> Value:
    if not arguments:
        return NOTHING
    marks, things, routine = arguments[0]
    if isinstance(routine, Routine):
        first = (*routine.first, *arguments[1:])[:_GIVEN_FIRST]
        named = tuple({**dict(routine.named), **keywords}.items())[:_GIVEN_FIRST]
        routine = replace(routine, first=first, named=named)
    return marks, things, routine


_CALLS: Final[dict[str, Call]] = {
    **dict.fromkeys(PASSES, _pass),
    **dict.fromkeys(SIZES, data_calls.size_of),
    **dict.fromkeys(POSITIONS, data_calls.positions),
    **dict.fromkeys(TENSORS, data_calls.tensor),
    **dict.fromkeys(CONTAINERS, data_calls.container),
    **dict.fromkeys(SNAPSHOTS, data_calls.copied),
    **dict.fromkeys(DRAWS, data_calls.drawn),
    **dict.fromkeys(LOGARITHMS, data_calls.logarithm),
    **dict.fromkeys(LOSSES, data_calls.loss),
    **dict.fromkeys(READS, data_calls.opened),
    **dict.fromkeys(WRITES, data_calls.written),
    **dict.fromkeys(CALLERS, _caller),
    **dict.fromkeys(CLOCKS, _clock),
    **dict.fromkeys(NEXT, data_calls.following),
    "zip": _zip,
    "SimpleNamespace": _namespace,
    "enumerate": _enumerate,
    "len": data_calls.size_of,
    "isinstance": _nothing,
    "hasattr": _nothing,
    "id": _nothing,
    "print": _print,
    "super": _nothing,
    "torch.autograd.grad": data_calls.gradient,
    "torch.autograd.backward": data_calls.backward,
    "bincount": data_calls.histogram,
    "histc": data_calls.histogram,
    "getattr": _getattr,
    "os.environ.get": _environment,
    "os.getenv": _environment,
    "int": _number(int),
    "float": _number(float),
    "bool": _number(bool),
    "str": _number(str),
    "max": _number(max),
    "min": _least,
    "abs": _number(abs),
    "round": _number(_rounded),
    "range": _range,
    "os.path.join": _path,
    "pathlib.Path": _path,
    "Path": _path,
    "functools.partial": _partial,
    "dataclasses.field": _field,
    "field": _field,
}


def outside(value: Value) -> str:
    """The dotted name behind a value, "" where there is none."""
    return value[2].dotted if isinstance(value[2], Outside) else ""
