"""In which windows does the script's evaluation read, and what learns there? Names and numbers.

From the names that its evaluation uses for settings: a length, a stride, a chunk; from the module
that it hands to its model beside the tokens; from the optimiser that steps there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verifier.porting.names import needed, parameters
from verifier.porting.record import Evaluation, Found, Remark, Where
from verifier.source import Function, Program, Setting
from verifier.source.functions import last_name

_WINDOW = re.compile(
    r"\w*(?:seq_?len(?:gth)?|context(?:_len(?:gth)?|_size)?|window(?:_len|_size)?)"
)
_STRIDE = re.compile(r"\w*stride")
_CHUNK = re.compile(r"\w*chunk(?:_size|_tokens|_len)?")
_EVALUATES = re.compile(r"(?:\w+_)?(?:eval|ttt|val)_\w*")
_ROWS = re.compile(r"b|bsz|bs|batch(?:_size)?|rows|docs|documents|num_docs|n_docs")
_OPTIMISER = "Adam"
WINDOW = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One number: the expression that scorer.py gets it by, and what it is under the command."""

    expression: str
    number: float
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What learns: the class, its arguments as text (1 document, `model`), the parameter of the
    model's method that it goes in by, and the attributes that the optimiser has."""

    klass: str
    arguments: str
    parameter: str
    optimiser: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Windows in tokens, tokens charged at a time, and what learns, None for nothing."""

    window: Value
    stride: Value
    chunk: int
    adapters: Adapters | None


def learning(program: Program, found: Found, remarks: list[Remark]) -> Learning:
    """What `scorer.py` has to know; where it could not be told a remark and a usual number."""
    evaluation = found.evaluation
    used: dict[str, Setting] = {}
    for function in () if evaluation is None else _inside(program, evaluation):
        used |= dict(_settings_in(program, function))
    window = _chosen(program, used, _WINDOW)
    if window is None:
        window = Value(expression=str(WINDOW), number=WINDOW)
        remarks.append(
            Remark(
                where=Where.SCORER,
                what=f"how many tokens the model reads at once was not found: {WINDOW} is a guess",
            )
        )
    adapters = None if evaluation is None else _adapters(program, evaluation, remarks)
    chunk = _chosen(program, used, _CHUNK) if adapters else None
    stride = chunk or _chosen(program, used, _STRIDE) or window
    if not 0 < stride.number <= window.number:
        stride = window
    wide = int(chunk.number if chunk else window.number)
    return Learning(window=window, stride=stride, chunk=wide, adapters=adapters)


def _inside(program: Program, evaluation: Evaluation) -> list[Function]:
    """An evaluation and the functions that it calls, methods of models aside."""
    found = [evaluation.by]
    for function in found:
        found += [
            each
            for each in program.callees(function)
            if each not in found and each.body.owner is None
        ]
    return found


def _settings_in(program: Program, by: Function) -> Iterator[tuple[str, Setting]]:
    """The settings that an evaluation reads, and those that its parameters are given."""
    for node in ast.walk(by.node):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name in program.settings:
            yield name, program.settings[name]
    for caller in program.callers(by):
        for call, target in program.calls(caller):
            if target is by:
                for given in (*call.args, *(each.value for each in call.keywords)):
                    name = last_name(given)
                    if name in program.settings:
                        yield name, program.settings[name]


def _chosen(program: Program, used: Mapping[str, Setting], names: re.Pattern[str]) -> Value | None:
    """The setting of that kind, one of evaluation before one of training."""
    fitting = [
        (name, setting)
        for name, setting in used.items()
        if names.fullmatch(name.lower()) and _number(setting.value) is not None
    ]
    fitting.sort(key=lambda pair: _EVALUATES.fullmatch(pair[0].lower()) is None)
    if not fitting:
        return None
    name, setting = fitting[0]
    number = _number(setting.value)
    assert number is not None
    expression, outside = _reached(program, name, setting)
    return Value(expression=expression or str(number), number=number, names=outside)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _reached(program: Program, name: str, setting: Setting) -> tuple[str, frozenset[str]]:
    """How another module gets a setting's value: by its class or by its own name; "" by neither."""
    tree = program.entry.tree
    for each in tree.body if tree is not None and setting.unit is program.entry else ():
        if each.lineno <= setting.line <= (each.end_lineno or each.lineno):
            if isinstance(each, ast.ClassDef) and not each.decorator_list:
                return f"{each.name}.{name}", frozenset([each.name])
            if isinstance(each, ast.Assign | ast.AnnAssign):
                return name, frozenset([name])
    return "", frozenset()


# ---------------------------------------------------------------- what learns


def _adapters(program: Program, evaluation: Evaluation, remarks: list[Remark]) -> Adapters | None:
    """The module that the model gets beside the tokens, and how it learns."""
    method = parameters_of(evaluation)
    handed = {method[at]: each for at, each in enumerate(evaluation.asks.args) if at < len(method)}
    handed |= {each.arg: each.value for each in evaluation.asks.keywords if each.arg}
    steps = any(
        isinstance(node, ast.Attribute) and node.attr == "backward"
        for node in ast.walk(evaluation.at.node)
    )
    for parameter, given in list(handed.items())[1:]:
        made = _made(program, evaluation.at, given)
        if made is not None:
            klass, arguments = made
            return Adapters(
                klass=klass,
                arguments=arguments,
                parameter=parameter,
                optimiser=_optimiser(program, evaluation, remarks),
            )
    if steps:
        line = evaluation.by.node.body[0].lineno
        remarks.append(
            Remark(
                where=Where.SCORER,
                what="its evaluation learns, and what learns there was not found: set `lora`, "
                "write `adapters`, or leave it out",
                line=line,
                text=program.line(evaluation.by.unit, line),
            )
        )
    return None


def parameters_of(evaluation: Evaluation) -> tuple[str, ...]:
    """The parameters of the model's method, self aside."""
    node = evaluation.method.node
    return () if isinstance(node, ast.Module) else parameters(node)[1:]


def _made(program: Program, by: Function, given: ast.expr) -> tuple[str, str] | None:
    """(class, arguments) where an argument holds an instance that counts rows first."""
    for name in _aliases(by, last_name(given)):
        for node in ast.walk(by.node):
            if not isinstance(node, ast.Assign) or name not in _targets(node):
                continue
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    init = program.function(f"{call.func.id}.__init__")
                    if init is not None and (text := _arguments(program, by, init, call)):
                        return call.func.id, text
    return None


def _targets(node: ast.Assign) -> list[str]:
    return [each.id for target in node.targets for each in ast.walk(target)
            if isinstance(each, ast.Name)]  # fmt: skip


def _aliases(by: Function, name: str) -> list[str]:
    """A name, and those that it is set to as they are: `cur, opt = lora, other`."""
    found = [name]
    for node in ast.walk(by.node):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for to, value in pairs:
                    if isinstance(to, ast.Name) and to.id in found and isinstance(value, ast.Name):
                        found.append(value.id)
    return found


def _arguments(program: Program, by: Function, init: Function, call: ast.Call) -> str:
    """The arguments in scorer.py's words, "" where one of them cannot be told."""
    names = init.parameters[1:]
    handed = [(names[at], each) for at, each in enumerate(call.args) if at < len(names)]
    handed += [(each.arg, each.value) for each in call.keywords if each.arg]
    said = []
    rows = False
    for name, value in handed:
        if _ROWS.fullmatch(name):
            said.append("1")
            rows = True
        elif "model" in last_name(value):
            said.append("model")
        elif isinstance(known := program.value(value, by), int | float | str):
            said.append(_setting_of(program, by, value) or repr(known))
        else:
            return ""
    return ", ".join(said) if rows else ""


def _setting_of(program: Program, by: Function, value: ast.expr) -> str:
    """The expression of a setting that a name was set to: `rank = args.rank`."""
    names = [last_name(value)]
    for node in ast.walk(by.node):
        if isinstance(node, ast.Assign) and names[0] in _targets(node):
            names.append(last_name(node.value))
    for name in names:
        if name in program.settings:
            return _reached(program, name, program.settings[name])[0]
    return ""


def _optimiser(program: Program, evaluation: Evaluation, remarks: list[Remark]) -> dict[str, str]:
    """rate, betas and epsilon of the optimiser that steps there, as numbers."""
    near = [evaluation.at, *program.callees(evaluation.at)]
    for function in near:
        for call, _ in program.calls(function):
            if last_name(call.func) not in (_OPTIMISER, f"{_OPTIMISER}W"):
                continue
            given = {
                each.arg: program.value(each.value, function) for each in call.keywords if each.arg
            }
            made = {
                ours: repr(given[theirs])
                for theirs, ours in (("lr", "rate"), ("betas", "betas"), ("eps", "epsilon"))
                if isinstance(given.get(theirs), int | float | tuple)
            }
            decays = given.get("weight_decay", 0) not in (0, 0.0)
            if last_name(call.func) == _OPTIMISER and not decays and "rate" in made:
                return {"betas": "(0.9, 0.999)", "epsilon": "1e-08", **made}
    remarks.append(
        Remark(
            where=Where.SCORER,
            what="its adapters learn by another rule than Adam with one rate: see `observe` in "
            "document_scorer.py",
            line=evaluation.asks.lineno,
            text=program.line(evaluation.by.unit, evaluation.asks.lineno),
        )
    )
    return {}


def names_of(learnt: Learning) -> frozenset[str]:
    """What scorer.py takes from train.py for it."""
    found = learnt.window.names | learnt.stride.names
    if learnt.adapters is None:
        return found
    given = ast.parse(f"f({learnt.adapters.arguments})")
    return found | {learnt.adapters.klass} | (needed([given]) - {"f", "model"})
