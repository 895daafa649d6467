"""Which loops of a submission write a hint under the class of the token it is a hint for?

In C, C++ and CUDA texts and in Python. A loop that looks a class up after the hint was written, or
for the token before, is none. Must never say what becomes of the hints.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.screening.dataflow.calls import path_of
from verifier.screening.finding import Location
from verifier.screening.native import (
    Loop,
    Native,
    blanked,
    calls_with,
    closing,
    function_at,
    loops,
    natives,
)
from verifier.screening.rules.places import at, span
from verifier.screening.searching import lines_with
from verifier.source.program import Function, Program
from verifier.source.tree import Tree

_COUNTED = re.compile(r"\bfor\s+\(?(\w+)\s*(?:,\s*\w+\s*\)?\s*)?in\s+(?:range|enumerate)\s*\(")
_LOOKED_UP = re.compile(r"=[^=\n]*\b\w+\[\w+\][^\n]*|\bif\b[^\n]*\b\w+\[\w+\]")
_REACH = 40


@dataclass(frozen=True, slots=True)
class Gate:
    """One gated hint. `outputs` are the arrays of `function` that are written under the gate."""

    function: Function | None
    outputs: frozenset[str]
    location: Location


def gates(program: Program, tree: Tree) -> Iterator[Gate]:
    """Every gated hint, those in C first."""
    yield from _native_gates(program, tree)
    yield from _python_gates(program)


# ---------------------------------------------------------------- loops in C


def _native_gates(program: Program, tree: Tree) -> Iterator[Gate]:
    for native in natives(program, tree):
        code = blanked(native.text)
        for loop in loops(code):
            yield from _gated_loop(program, native, loop)


def _gated_loop(program: Program, native: Native, loop: Loop) -> Iterator[Gate]:
    depths = {name: loop.depth(name) for name in loop.elements}
    deepest = max(depths.values(), default=0)
    classes = frozenset(name for name, depth in depths.items() if depth == deepest >= 2)
    if not classes:
        return
    writes = list(
        re.finditer(rf"\b(\w+)\s*\[\s*{re.escape(loop.counter)}\s*\]\s*=(?!=)", loop.body)
    )
    if not writes:
        return
    name, parameters = function_at(loop.code, loop.start)
    wrapper = _caller_of(program, name)
    for test, block in _tests(loop.body):
        if classes.isdisjoint(re.findall(r"\w+", test.group())):
            continue
        outputs = frozenset(
            write.group(1) for write in writes if block[0] <= write.start() < block[1]
        )
        if outputs:
            mapped = _mapped(wrapper, outputs, parameters)
            place = native.location(loop.start + test.start())
            yield Gate(wrapper[0] if wrapper else None, mapped, place)
    for call in calls_with(loop.body, classes):
        if call.start() < writes[-1].start():
            place = native.location(loop.start + call.start())
            yield Gate(None, frozenset(), place)


def _tests(body: str) -> Iterator[tuple[re.Match[str], tuple[int, int]]]:
    """Every `if (...) {` with the reach of its block, and of the else that follows."""
    for found in re.finditer(r"\bif\s*\(([^;{}]{0,400})\)\s*\{", body):
        end = closing(body, found.end() - 1)
        other = re.match(r"\}\s*else\s*\{", body[end:])
        if other is not None:
            end = closing(body, end + other.end() - 1)
        yield found, (found.end(), end)


def _caller_of(program: Program, name: str) -> tuple[Function, ast.Call] | None:
    """The function of the script that calls the compiled `name`, as `library.name(…)`."""
    if not name:
        return None
    for function in program.functions:
        if f".{name}(" not in function.unit.text:
            continue
        for call, _ in program.calls(function):
            if isinstance(call.func, ast.Attribute) and call.func.attr == name:
                return function, call
    return None


def _mapped(
    wrapper: tuple[Function, ast.Call] | None,
    outputs: frozenset[str],
    parameters: tuple[str, ...],
) -> frozenset[str]:
    """The script's names of what the compiled function calls `outputs`."""
    if wrapper is None:
        return frozenset()
    arguments = wrapper[1].args
    return frozenset(
        path_of(argument).split(".")[0]
        for parameter, argument in zip(parameters, arguments, strict=False)
        if parameter in outputs
    )


# ---------------------------------------------------------------- loops in Python


def _python_gates(program: Program) -> Iterator[Gate]:
    for unit in program.units:
        heads = _heads(unit.text)
        for function in program.functions if heads else ():
            first, last = span(function)
            if function.unit is not unit or not any(first <= head <= last for head in heads):
                continue
            if not program.reachable(function) or not returned_names(function):
                continue
            for statement in ast.walk(function.node):
                if isinstance(statement, ast.For) and statement.lineno in heads:
                    yield from _gated_statement(program, function, statement)


def _heads(text: str) -> set[int]:
    """Lines of counted loops that look something up and write an element of their counter."""
    rows = text.split("\n")
    heads = set()
    for number in lines_with(rows, text, _COUNTED, ("range(", "enumerate(", "range (")):
        found = _COUNTED.search(rows[number - 1])
        if found is not None and found.group(1) not in ("_", "rank"):
            body = "\n".join(rows[number - 1 : number + _REACH])
            write = re.search(rf"\[\s*{found.group(1)}\s*\]\s*=[^=]", body)
            if write is not None and _LOOKED_UP.search(body, 0, write.start()):
                heads.add(number)
    return heads


def _gated_statement(program: Program, function: Function, loop: ast.For) -> Iterator[Gate]:
    counter, tokens = _counted(loop)
    if not counter:
        return
    classes: set[str] = set()
    for number, statement in enumerate(loop.body):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if _looks_up(statement.value, tokens) or names_in(statement.value) & classes:
                classes.add(name)
            elif _is_element(statement.value, counter) or _same(statement.value, tokens):
                tokens.add(name)
        elif isinstance(statement, ast.If) and (
            names_in(statement.test) & classes or _looks_up(statement.test, tokens)
        ):
            skips = any(isinstance(each, ast.Continue) for each in ast.walk(statement))
            gated = [statement, *(loop.body[number + 1 :] if skips else [])]
            outputs = _written(gated, counter) & returned_names(function)
            if outputs and program.live(function, statement):
                place = at(program, function, statement)
                yield Gate(function, outputs, place)


def _counted(loop: ast.For) -> tuple[str, set[str]]:
    """Counter and token name of `for i, t in enumerate(…)`, or of `for i in range(…)`."""
    match loop.target, loop.iter:
        case ast.Tuple(elts=[ast.Name(id=i), ast.Name(id=t)]), ast.Call(func=ast.Name("enumerate")):
            return i, {t}
        case ast.Name(id=i), ast.Call(func=ast.Name("range")):
            return i, set()
        case _:
            return "", set()


def names_in(node: ast.expr) -> set[str]:
    """The names in an expression."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _same(node: ast.expr, tokens: set[str]) -> bool:
    """`int(t)` of a token."""
    match node:
        case ast.Name(id=name):
            return name in tokens
        case ast.Call(func=ast.Name(), args=[ast.Name(id=name)]):
            return name in tokens
        case _:
            return False


def _is_element(node: ast.expr, counter: str) -> bool:
    """`tokens[i]`, or `int(tokens[i])`."""
    match node:
        case ast.Subscript(slice=ast.Name(id=name)):
            return name == counter
        case ast.Call(func=ast.Name(), args=[ast.Subscript(slice=ast.Name(id=name))]):
            return name == counter
        case _:
            return False


def _looks_up(node: ast.expr, tokens: set[str]) -> bool:
    """Whether a table is indexed by the current token."""
    return any(
        isinstance(each, ast.Subscript)
        and isinstance(each.slice, ast.Name)
        and each.slice.id in tokens
        for each in ast.walk(node)
    )


def _written(statements: list[ast.stmt], counter: str) -> frozenset[str]:
    """The arrays whose element of the counter is written; none where it is constants only."""
    written: dict[str, bool] = {}
    for each in (node for statement in statements for node in ast.walk(statement)):
        match each:
            case ast.Assign(targets=[ast.Subscript(slice=ast.Name(id=name)) as target]):
                if name == counter:
                    varies = not isinstance(each.value, ast.Constant)
                    written[path_of(target)] = written.get(path_of(target), False) or varies
            case _:
                continue
    return frozenset(written) if any(written.values()) else frozenset()


def returned_names(function: Function) -> frozenset[str]:
    """The names in what a function returns."""
    return frozenset[str]().union(
        *(
            names_in(statement.value)
            for statement in ast.walk(function.node)
            if isinstance(statement, ast.Return) and statement.value is not None
        )
    )
