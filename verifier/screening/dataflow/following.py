"""Through which statements do counts become a score? Follows the functions that matter, no others.

Each function is read once, from top to bottom, both ways of every branch; a call of another
function of the script is read with the traits of what is passed. Bounded in expressions and depth.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace

from verifier.screening.dataflow.arithmetic import Record
from verifier.screening.dataflow.calls import path_of
from verifier.screening.dataflow.expressions import Expressions, Spent, is_module
from verifier.screening.dataflow.selecting import any_between, seeded
from verifier.screening.dataflow.value import (
    BLANK,
    NO_TERMS,
    NOTHING,
    Nature,
    Value,
    element,
    flat,
    joined,
)
from verifier.screening.searching import lines_with
from verifier.source.program import Function, Program

_DEEP = 6
_LEVELS = 4
_FUNCTIONS = 160
_CANDIDATES = 4


class Followed:
    """All functions followed so far: what each returns."""

    def __init__(self, program: Program, whole: bool) -> None:
        self.program = program
        self.whole = whole
        self.record = Record()
        self.returned: dict[Function, Value] = {}
        self.known: dict[Function, dict[int, Function | None]] = {}
        self.telling: set[Function] = set()
        self.named: dict[str, list[Function]] = {}
        for function in program.functions:
            self.named.setdefault(function.name.rpartition(".")[2], []).append(function)

    def run(self) -> None:
        """Follow the functions with a seed, then those that call what returned something."""
        seeds = list(seeded(self.program))
        self._above(seeds)
        try:
            for function in seeds:
                self.of(function)
            self._callers(seeds)
        except (Spent, RecursionError):
            self.record.cut = True

    def _above(self, seeds: list[Function]) -> None:
        """Keep the seeds and what calls them: others give back no more than they are given."""
        level = seeds
        for _ in range(_LEVELS):
            self.telling.update(level)
            level = [
                caller
                for one in level
                for caller in self._callers_of(one)
                if caller not in self.telling
            ]

    def _callers(self, seeds: list[Function]) -> None:
        level = seeds
        for _ in range(_LEVELS):
            carriers = [one for one in level if _carries(self.returned.get(one, NOTHING))]
            level = [
                caller
                for one in carriers
                for caller in self._callers_of(one)
                if caller not in self.returned
            ]
            for caller in level[:_FUNCTIONS]:
                self.of(caller)

    def _callers_of(self, function: Function) -> tuple[Function, ...]:
        """Its callers; by the name where none is known."""
        known = self.program.callers(function)
        if known:
            return known
        name, unit = function.name.rpartition(".")[2], function.unit
        pattern = re.compile(rf"\b(?<!def ){re.escape(name)}\(")
        lines = lines_with(unit.rows(), unit.text, pattern, (f"{name}(",))
        return tuple(
            other
            for other in (self.program.functions if lines else ())
            if other.unit is unit and other is not function and any_between(lines, other)
        )

    def of(self, function: Function, deep: int = 0) -> Value:
        """What `function` returns for arguments nothing is known of."""
        if function not in self.returned:
            self.returned[function] = NOTHING
            self.returned[function] = _Body(self, function, {}, deep).returned()
        return self.returned[function]

    def targets(self, function: Function, call: ast.Call) -> tuple[Function, ...]:
        """The functions of the script that `call` may reach; by name where the call is not live."""
        known = self.known.get(function)
        if known is None:
            known = self.known[function] = {
                id(one): target for one, target in self.program.calls(function)
            }
        name = path_of(call.func).rpartition(".")[2]
        if id(call) in known:
            target = known[id(call)]
            if target is not None:
                return (target,)
            several = 1 < len(self.named.get(name, ())) <= _CANDIDATES
            return self.program.targets(function, call)[:_CANDIDATES] if several else ()
        found = self.named.get(name, [])
        return (found[0],) if len(found) == 1 else ()


def _carries(value: Value) -> bool:
    whole = flat(value)
    return bool(whole.estimates or whole.experts or whole.reads or whole.terms)


class _Body:
    """One reading of the statements of a function."""

    def __init__(
        self, followed: Followed, function: Function, names: dict[str, Value], deep: int
    ) -> None:
        self.followed = followed
        self.function = function
        self.deep = deep
        self.names = names
        self.returns: list[Value] = []
        self.expressions = Expressions(function, names, followed.record, self._called)

    def returned(self, body: Iterable[ast.stmt] | None = None) -> Value:
        """Read the statements; what any of its returns gives."""
        self._block(self.function.node.body if body is None else body)
        return joined(self.returns)

    def _block(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        of, bind = self.expressions.of, self.expressions.bind
        match statement:
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign([target], value)
            case ast.AugAssign():
                self._augmented(statement)
            case ast.Expr(value=value):
                of(value)
            case ast.Return(value=ast.expr() as value):
                self.returns.append(of(value))
                self.followed.record.bound += bool(flat(self.returns[-1]).estimates)
            case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                bind(target, element(of(iterated)))
                self.expressions.loops.append(statement.lineno)
                self._block([*statement.body, *statement.orelse])
                self.expressions.loops.pop()
            case ast.If(test=test) | ast.While(test=test):
                self._branch(of(test), statement)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    of(item.context_expr)
                self._block(statement.body)
            case ast.Try() | ast.TryStar():
                handled = [one for handler in statement.handlers for one in handler.body]
                self._block([*statement.body, *handled, *statement.orelse, *statement.finalbody])
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.names[name] = Value(routine=statement)
            case _:
                pass

    def _assign(self, targets: list[ast.expr], node: ast.expr) -> None:
        match node:
            case ast.Constant():
                value = BLANK
            case ast.Attribute(value=library, attr=name) if is_module(library):
                value = Value(alias=name)
            case _:
                value = self.expressions.of(node)
        if value.outcome and any(_written_in(target, node) for target in targets):
            value = replace(value, outcome=NO_TERMS)  # a running value: of tokens before as well
        for target in targets:
            self.expressions.bind(target, value)

    def _augmented(self, statement: ast.AugAssign) -> None:
        table = path_of(statement.target)
        current = self.names.get(table, NOTHING)
        if isinstance(statement.target, ast.Subscript):
            index = self.expressions.of(statement.target.slice)
            self.expressions.count_up(table, index, statement.target)
        value = self.expressions.of(statement.value)
        result = self.expressions.combined(
            statement.op,
            (BLANK if current is NOTHING else current, statement.target),
            (value, statement.value),
        )
        if table:
            self.names[table] = replace(result, outcome=NO_TERMS)

    def _branch(self, test: Value, statement: ast.If | ast.While) -> None:
        """Both ways, and after them what either may have left; nothing from a ruled-out one."""
        record = self.followed.record
        bound, mixes, names = record.bound, record.mixes, dict(self.names)
        self._block(statement.body)
        if test.present and record.mixes > mixes:
            record.withheld.append(test.present)
        if test.present and record.bound > bound:
            record.present.append(test.present)
        if test.chooses and _gives(statement.body):
            record.chosen.append(test.chooses)
        taken = self._left(statement.body, names)
        self._block(statement.orelse)
        other = self._left(statement.orelse, names)
        for name in dict.fromkeys([*taken, *other]):
            before = names.get(name, NOTHING)
            self.names[name] = joined([taken.get(name, before), other.get(name, before)])

    def _left(self, statements: list[ast.stmt], before: dict[str, Value]) -> dict[str, Value]:
        """What a branch leaves behind, unless it is ruled out; the names are as before again."""
        moved = [
            name for name, value in self.names.items() if before.get(name, NOTHING) is not value
        ]
        left = dict(self.names)
        if moved and self._ruled_out(statements):
            left = dict(before)
        self.names.clear()
        self.names.update(before)
        return {name: left.get(name, NOTHING) for name in moved}

    def _ruled_out(self, statements: list[ast.stmt]) -> bool:
        program, function = self.followed.program, self.function
        if self.followed.whole or not statements or not program.reachable(function):
            return False
        return not program.live(function, statements[0])

    # ------------------------------------------------------------ calls

    def _called(self, call: ast.Call, arguments: list[Value]) -> Value | None:
        if self.deep >= _DEEP:
            return None
        if isinstance(call.func, ast.Name):
            inner = self.names.get(call.func.id, NOTHING).routine
            if inner is not None:
                names = {**self.names, **_passed(inner, call, arguments)}
                return _Body(self.followed, self.function, names, self.deep + 1).returned(
                    inner.body
                )
        found = [
            self._into(target, call, arguments)
            for target in self.followed.targets(self.function, call)
            if target is not self.function and not isinstance(target.node, ast.Module)
        ]
        value = joined(found)
        return value if value is not NOTHING else None

    def _into(self, target: Function, call: ast.Call, arguments: list[Value]) -> Value:
        """What `target` returns for these arguments."""
        assert not isinstance(target.node, ast.Module)
        known = self.followed.returned.get(target, NOTHING)
        passed = [flat(value) for value in arguments]
        scores = any(value.nature is Nature.SCORE for value in passed) and _carries(known)
        if scores or any(value.terms or value.reads or value.estimates for value in passed):
            names = _passed(target.node, call, arguments)
            value = _Body(self.followed, target, names, self.deep + 1).returned()
        elif target in self.followed.telling:
            value = self.followed.of(target, self.deep + 1)
        else:
            return NOTHING
        return _signed(value, target, call)


def _written_in(target: ast.expr, node: ast.expr) -> bool:
    return isinstance(target, ast.Name) and any(
        isinstance(each, ast.Name) and each.id == target.id for each in ast.walk(node)
    )


def _gives(statements: list[ast.stmt]) -> bool:
    """Whether a branch sets or gives back something; only to count how often it is taken is not."""
    return any(
        isinstance(one, ast.Assign | ast.Return)
        or (isinstance(one, ast.AugAssign) and not isinstance(one.value, ast.Constant))
        for one in statements
    )


def _passed(
    node: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, arguments: list[Value]
) -> dict[str, Value]:
    """The traits of the parameters of `node` when `call` passes `arguments`."""
    names = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
    if names and names[0] in ("self", "cls") and isinstance(call.func, ast.Attribute):
        names = names[1:]
    every = [*names, *(parameter.arg for parameter in node.args.kwonlyargs)]
    passed = dict.fromkeys(every, NOTHING)
    passed.update(zip(names, arguments[: len(call.args)], strict=False))
    for keyword, value in zip(call.keywords, arguments[len(call.args) :], strict=True):
        if keyword.arg in passed:
            passed[keyword.arg] = value
    return passed


def _signed(value: Value, target: Function, call: ast.Call) -> Value:
    """A hash of the script's own, with the call that made it."""
    whole = flat(value)
    if not whole.terms or value.items or value.nature is not Nature.OTHER:
        return value
    signature = (target.name, *map(ast.unparse, call.args))
    return replace(value, call=signature)
