"""Which sizes does a program read from outside, and which are written into its text?

Settings are what classes and command lines hold; a function may ask the environment too. A size of
a hashed table, of a chunk that is scored before anything learns from it, of the text that
calibration makes up, or of the average of weights that nothing sets from outside is a constant that
only a copy of the text can scale.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from verifier.source import UNKNOWN, Program, Unit

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,60}")
_ENVIRONMENT = frozenset(["get", "getenv", "setdefault"])
_MACHINES = re.compile(r"PATH|DIR|FILE|URL|RANK|WORLD_SIZE|RUN_ID|CKPT|CHECKPOINT|DEVICE")
_WORD = re.compile(r"[\w.,:@+-]{1,80}")
_TABLES = re.compile(r"bucket|mask|table|hash|slots", re.IGNORECASE)
_LARGE = 1 << 18
"""A smaller table is filled by toy data all the same."""
_CHUNKS = re.compile(r"(?:\w+_)?chunk_(?:tokens|size)", re.IGNORECASE)
_LONGER = 1 << 12
"""Tokens: toy data have several of a shorter chunk."""
_CALIBRATING = re.compile(r"calib|hessian|gptq|autoregressive|generate|self_gen", re.IGNORECASE)
_PARTS = re.compile(r"model_dim|(?:\w+_)?(?:num_(?:kv_)?heads|head_dim)|\w*gram_(?:dim|vocab_size)")
_AVERAGE = re.compile(r"(?:\w+_)?ema_?decay", re.IGNORECASE)
_LONG = 0.9
_MADE_UP = re.compile(r"(?:num_|n_)?(?:seqs|sequences|samples)|seq_len|length")
_BITS = 64


class Counts(Enum):
    """What a constant is the size of."""

    TABLE = "a hashed table, or its mask"
    CHUNK = "a chunk of the text that is scored"
    CALIBRATION = "text that calibration makes up"
    MODEL = "a part of a model that a dictionary describes"
    AVERAGE = "an average of weights over many steps"


@dataclass(frozen=True, slots=True)
class Constant:
    """A size that stands in a text as a number. `line` and `column` as in its tree."""

    path: str
    layer: str
    line: int
    column: int
    name: str
    value: int | float
    counts: Counts


Found = tuple[str, ast.expr, int | float, Counts]


def read_values(program: Program) -> Mapping[str, object]:
    """The value of every environment variable that the program reads, UNKNOWN where not known."""
    made: dict[str, object] = {}
    for setting in program.settings.values():
        if setting.variable:
            made.setdefault(setting.variable, setting.value)
    for unit in program.units:
        for variable, value in _asked(unit):
            if made.get(variable, UNKNOWN) is UNKNOWN:
                told = program.launch.environment.get(variable, value)
                made[variable] = value if told == "" else told
    return made


def printed(program: Program) -> Iterator[tuple[str, str]]:
    """What the logs of the submission print of its settings, where no command says it.

    Folders, files and what a launcher gives to each process are the machine's, not the run's.
    """
    for setting in program.settings.values():
        if setting.printed and setting.variable and not _MACHINES.search(setting.variable):
            match setting.value:
                case bool(value):
                    yield setting.variable, str(int(value))
                case int(value) | float(value):
                    yield setting.variable, str(value)
                case str(value) if _WORD.fullmatch(value):
                    yield setting.variable, value


def emptied(program: Program, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Numbers that a command sets to nothing, as a loop over seeds does: the text's own default."""
    for name, text in program.launch.environment.items():
        value = values.get(name)
        if text == "" and isinstance(value, int | float | str) and str(value).strip():
            yield name, str(value)


def constants_of(program: Program) -> tuple[Constant, ...]:
    """Sizes that matter and stand in the texts as numbers, each place once."""
    set_outside = {
        (setting.unit.path, setting.line)
        for setting in program.settings.values()
        if setting.variable
    }
    found: dict[tuple[str, str, int, int], Constant] = {}
    for unit in program.units:
        for name, node, value, counts in chain(
            _tables(unit), _chunks(unit), _made_up(unit), _averages(unit), _models(unit)
        ):
            if (unit.path, node.lineno) not in set_outside:
                where = (unit.path, unit.layer, node.lineno, node.col_offset)
                found.setdefault(where, Constant(*where, name, value, counts))
    return tuple(found.values())


def wants_ranks(program: Program) -> bool:
    """Whether something is switched on only where there is more than one process."""
    nodes = (node for unit in program.units if unit.tree for node in ast.walk(unit.tree))
    return any(map(_switches_by_ranks, nodes))


def _switches_by_ranks(node: ast.AST) -> bool:
    """`1 if world_size > 1 else 0`, or `int(world_size > 1)`."""
    match node:
        case ast.IfExp(test, body, orelse):
            return _is_several(test) and _is_on(body) and not _is_on(orelse)
        case ast.Call(ast.Name("int" | "bool" | "str"), [given]):
            return _is_several(given)
    return False


def _is_several(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left, [ast.Gt()], [ast.Constant(value=1)]):
            return "world_size" in ast.unparse(left).lower()
    return False


def _is_on(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value in (1, "1")


def _tables(unit: Unit) -> Iterator[Found]:
    for name, expression in _named(unit, _TABLES):
        for node in ast.walk(expression):
            value = _power(node)
            if value is not None and isinstance(node, ast.expr):
                yield name, node, value, Counts.TABLE
                break


def _chunks(unit: Unit) -> Iterator[Found]:
    for name, node in _named(unit, _CHUNKS):
        whole = isinstance(node, ast.Constant) and type(node.value) is int
        if whole and _CHUNKS.fullmatch(name) and ast.literal_eval(node) >= _LONGER:
            yield name, node, int(ast.literal_eval(node)), Counts.CHUNK


def _made_up(unit: Unit) -> Iterator[Found]:
    """How much text calibration makes up: what its functions take, what they are called with."""
    for node in ast.walk(unit.tree) if unit.tree is not None else ():
        match node:
            case ast.FunctionDef(name=called, args=given):
                pairs = _defaults(given)
            case ast.Call(func=function, keywords=keywords):
                called = _last(function)
                pairs = [(str(each.arg), each.value) for each in keywords]
            case _:
                continue
        if not _CALIBRATING.search(called):
            continue
        for name, value in pairs:
            whole = isinstance(value, ast.Constant) and type(value.value) is int
            if whole and _MADE_UP.fullmatch(name):
                yield name, value, int(ast.literal_eval(value)), Counts.CALIBRATION


def _averages(unit: Unit) -> Iterator[Found]:
    for name, node in _named(unit, _AVERAGE):
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value > _LONG:
            yield name, node, node.value, Counts.AVERAGE


def _models(unit: Unit) -> Iterator[Found]:
    """The parts of a model whose width a dictionary gives with them."""
    for node in ast.walk(unit.tree) if unit.tree is not None else ():
        match node:
            case ast.Dict(keys=keys, values=values):
                pairs = [
                    (key.value, value)
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                ]
            case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
                pairs = [(str(each.arg), each.value) for each in keywords]
            case _:
                continue
        if "model_dim" in dict(pairs):
            for name, value in pairs:
                whole = isinstance(value, ast.Constant) and type(value.value) is int
                if whole and _PARTS.fullmatch(name):
                    yield name, value, int(ast.literal_eval(value)), Counts.MODEL


def _asked(unit: Unit) -> Iterator[tuple[str, object]]:
    """Variables that a text asks for by name, with the default it writes beside."""
    for node in ast.walk(unit.tree) if unit.tree is not None else ():
        match node:
            case ast.Subscript(ast.Attribute(attr="environ"), ast.Constant(value=str(name))):
                yield from [(name, UNKNOWN)] if _is_variable(name) else ()
        if not isinstance(node, ast.Call) or not node.args:
            continue
        first = node.args[0]
        if not isinstance(first, ast.Constant) or not _is_variable(first.value):
            continue
        second = node.args[1] if len(node.args) > 1 else None
        known = second.value if isinstance(second, ast.Constant) else UNKNOWN
        if known is not UNKNOWN or _last(node.func) in _ENVIRONMENT:
            yield str(first.value), known


def _is_variable(name: object) -> bool:
    return isinstance(name, str) and _VARIABLE.fullmatch(name) is not None


def _last(called: ast.expr) -> str:
    match called:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _named(unit: Unit, wanted: re.Pattern[str]) -> Iterator[tuple[str, ast.expr]]:
    """What a text gives to names of that sort: assignments, defaults, keywords."""
    for node in ast.walk(unit.tree) if unit.tree is not None else ():
        match node:
            case ast.Assign(targets=[target], value=value):
                pairs = [(_last(target), value)]
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                pairs = [(_last(target), value)]
            case ast.keyword(arg=str(name), value=value):
                pairs = [(name, value)]
            case ast.FunctionDef(args=given):
                pairs = _defaults(given)
            case _:
                continue
        yield from ((name, value) for name, value in pairs if wanted.search(name))


def _defaults(given: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [*given.posonlyargs, *given.args]
    late = positional[len(positional) - len(given.defaults) :]
    made = [(each.arg, value) for each, value in zip(late, given.defaults, strict=True)]
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return made + [(each.arg, value) for each, value in pairs if value is not None]


def _power(node: ast.AST) -> int | None:
    """A large power of two, or one less, written as a number, a shift or a power."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            pass
        case ast.BinOp(ast.Constant(value=1), ast.LShift(), ast.Constant(value=int(bits))):
            value = 1 << min(bits, _BITS)
        case ast.BinOp(ast.Constant(value=2), ast.Pow(), ast.Constant(value=int(bits))):
            value = 1 << min(max(bits, 0), _BITS)
        case _:
            return None
    large = _LARGE <= value < 1 << 40
    return value if large and (value & (value - 1) == 0 or value & (value + 1) == 0) else None
