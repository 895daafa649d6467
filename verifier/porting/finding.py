"""Which parts of a script train, export and evaluate? Found by what flows where; nothing runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.porting.names import blocks
from verifier.porting.record import Evaluation, Export, Found
from verifier.source import Function, Happening, Program
from verifier.source.functions import last_name
from verifier.source.seeding import TRAINING, seeds_of
from verifier.source.values import FOLDER
from verifier.source.world import Does

_LOGS = (".txt", ".log", ".jsonl", ".csv")


def find(program: Program) -> Found:
    """What porting asks of a program."""
    training = _training(program)
    evaluations = tuple(_evaluations(program, training))
    return Found(
        unit=program.entry,
        evaluations=evaluations,
        training=training,
        evaluation=_evaluation(program, evaluations),
        export=_export(program),
    )


def is_method(function: Function) -> bool:
    """Whether a function stands in a class."""
    return function.body.owner is not None


def _training(program: Program) -> frozenset[Function]:
    """Functions that name training data themselves, and all that lead to one."""
    seeds = seeds_of(program.settings, TRAINING)
    found = {
        function
        for function in program.functions
        if program.reachable(function)
        and function.name != "<module>"
        and any(
            isinstance(node, ast.expr) and seeds(node, function) for node in ast.walk(function.node)
        )
    }
    waiting = list(found)
    while waiting:
        for caller in program.callers(waiting.pop()):
            if caller not in found:
                found.add(caller)
                waiting.append(caller)
    return frozenset(found)


def _evaluations(program: Program, training: frozenset[Function]) -> Iterator[Function]:
    """Functions that see held-out tokens and never training ones. A class stays whole."""
    for function in program.functions:
        if function.name == "<module>" or is_method(function) or not program.reachable(function):
            continue
        if function.unit is not program.entry or function in training:
            continue
        seen = bool(program.heldout.names(function)) or program.heldout.returned(function)
        learned = program.training.names(function) or program.training.returned(function)
        if seen and not learned:
            yield function


def _evaluation(program: Program, evaluations: tuple[Function, ...]) -> Evaluation | None:
    """The last one in the order of execution that asks a model."""
    last: Evaluation | None = None
    for happening in program.sequence():
        by = next((each for each in happening.chain if each in evaluations), None)
        if by is None:
            continue
        method = next((each for each in happening.targets if _is_model(program, each)), None)
        if method is None or not happening.call.args or happening.at not in evaluations:
            continue
        if last is None or last.by is not by:
            last = Evaluation(by, happening.at, happening.call, method, _tokens(program, by))
    return last


def _is_model(program: Program, method: Function) -> bool:
    """A module's `forward`, or another method that held-out tokens go through."""
    if not is_method(method) or method.name.endswith(".__init__"):
        return False
    flows = bool(program.heldout.names(method)) and program.heldout.returned(method)
    return flows or method.name.endswith(".forward")


def _tokens(program: Program, by: Function) -> str:
    """The parameter that the held-out tokens are handed over in."""
    flowing = program.heldout.names(by)
    named = [each for each in by.parameters if each in flowing]
    return next((each for each in named if "token" in each), named[0] if named else "")


# ---------------------------------------------------------------- the artifact


def _export(program: Program) -> Export | None:
    """The file that is written and then read back last; else the last that is written."""
    events = {
        id(event.node): (does, _name(event.value))
        for does in (Does.WRITES, Does.READS)
        for event in program.events(does)
    }
    wrote: dict[str, Happening] = {}
    pair: tuple[str, Happening, Happening | None] | None = None
    for happening in program.sequence():
        does, name = events.get(id(happening.call), (None, ""))
        if last_name(happening.call.func) == "write_bytes":
            does, name = Does.WRITES, _written(program, happening)
        if not name or name.endswith(_LOGS):
            continue
        if does is Does.WRITES:
            wrote[name] = happening
            if pair is None or pair[2] is None:
                pair = name, happening, None
        elif does is Does.READS and name in wrote:
            pair = name, wrote[name], happening
    return None if pair is None else _placed(program, *pair)


def _written(program: Program, happening: Happening) -> str:
    """The file of `Path(name).write_bytes(…)`."""
    func = happening.call.func
    assert isinstance(func, ast.Attribute)
    return _name(program.value(func.value, happening.at))


def _name(value: object) -> str:
    text = str(value) if value is not None else ""
    if "Unknown" in text or "*" in text or text.endswith(".py"):
        return ""
    return text.removeprefix(FOLDER + "/").rpartition("/")[2]


def _placed(program: Program, name: str, wrote: Happening, read: Happening | None) -> Export | None:
    """Where both stand, as statements of the innermost function that leads to both."""
    ends = [wrote] if read is None else [wrote, read]
    common = [each for each in wrote.chain if all(each in end.chain for end in ends)]
    at = common[-1]
    placed = [_statement(at, end) for end in ends]
    if placed[0] is None or at.unit is not program.entry:
        return None
    return Export(
        name=name,
        at=at,
        wrote=placed[0],
        read=placed[1] if len(placed) > 1 else None,
        paths=tuple(_paths(program, name)),
    )


def _statement(at: Function, happening: Happening) -> ast.stmt | None:
    """The top-level statement of `at` in which a call happens, or that leads to it."""
    deeper = happening.chain[happening.chain.index(at) + 1 :]
    for statement in at.node.body:
        for node in ast.walk(statement):
            if node is happening.call:
                return statement
            if deeper and isinstance(node, ast.Call) and _leads(node, deeper[0]):
                return statement
    return None


def _leads(node: ast.Call, to: Function) -> bool:
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return called == to.name.rpartition(".")[2]


def _paths(program: Program, name: str) -> Iterator[ast.expr]:
    """The expressions that name the file, where something is called with them."""
    for function in program.functions:
        if function.unit is not program.entry:
            continue
        for call in function.body.calls:
            for given in (*call.args, *(each.value for each in call.keywords)):
                if isinstance(given, ast.JoinedStr | ast.Starred):
                    continue
                value = program.value(given, function)
                if isinstance(value, str) and value.rpartition("/")[2] == name:
                    yield given


def contains(statement: ast.stmt, node: ast.AST) -> bool:
    """Whether `node` is a part of `statement`."""
    return any(each is node for each in ast.walk(statement))


def block_of(body: list[ast.stmt], statement: ast.stmt) -> list[ast.stmt]:
    """The block in which `statement` stands, `body` where it is nowhere inside."""
    for each in body:
        for block in blocks(each):
            if statement in block:
                return block
    return body
