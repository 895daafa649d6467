"""Does a scoring function begin where its caller says, beyond the beginning of the data?

A pass that adapts on the first part and then scores the rest has learned from none of what it
scores. Only the start counts: how far a loop goes, and which share of it a rank takes, do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from verifier.screening.story.events import Scored
from verifier.source import UNKNOWN
from verifier.source.program import Function, Program

_RANGE = "range"


def starts_later(program: Program, score: Scored) -> bool:
    """Whether the function of a score takes its first position from a caller that gives not 0."""
    function = score.place
    starts = set(_starts(function)) & set(function.parameters)
    return any(_given(program, function, name) for name in starts)


def _starts(function: Function) -> Iterator[str]:
    """What a counted position begins with: `at = start … at += n`, `range(start, end)`."""
    moved = {
        node.target.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        if isinstance(node.op, ast.Add)
    }
    for node in ast.walk(function.node):
        match node:
            case ast.Assign(targets=[target], value=value):
                for name, start in _pairs(target, value):
                    if name in moved:
                        yield start
            case ast.Call(func=ast.Name(id=called), args=[ast.Name(id=start), _, *_]):
                if called == _RANGE:
                    yield start
            case _:
                continue


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    """The names of `a = b` and `a, c = b, d`."""
    match target, value:
        case ast.Name(id=name), ast.Name(id=start):
            yield name, start
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, other in zip(targets, values, strict=True):
                yield from _pairs(one, other)
        case _:
            return


def _given(program: Program, function: Function, name: str) -> bool:
    """Whether a live call gives the parameter something that is not known to be 0."""
    position = function.parameters.index(name)
    for caller in program.callers(function):
        for call, _ in program.calls(caller):
            if function not in program.targets(caller, call):
                continue
            passed = [one.value for one in call.keywords if one.arg == name]
            passed += call.args[position : position + 1]
            values = [program.value(one, caller) for one in passed]
            if any(value is UNKNOWN or value != 0 for value in values):
                return True
    return False
