"""What do statements that run from top to bottom set, execute, start, read and write?

Follows the statements of a module (or of a function that starts things) with folded values only.
Where it cannot tell which way a script goes it takes both and keeps what they agree on.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from verifier.source.acting import ACTIONS
from verifier.source.decoding import DECODERS
from verifier.source.folding import fold, truth
from verifier.source.values import UNKNOWN, Environment, Imported, Members, is_small
from verifier.source.world import Does, Event, Routine, World, absolute

STATEMENTS = 20_000
"""The longest scripts have 3,000 to follow."""
_TIMES = 256
_CALLS_DEEP = 4
_ROUTINE_LINES = 30
"""Only what reads a setting is followed into; the script's own work is for `reaching.py`."""
_BUILTIN_NAMES = frozenset(dir(builtins)) - {"None", "True", "False"}


def agreed(first: object, other: object) -> bool:
    """Whether two ways leave the same value; unknown where telling takes too long."""
    if first is other:
        return True
    return is_small(first) and is_small(other) and bool(first == other)


class _Ended(Exception):
    """The statements end here: `return` with a value, or `raise`."""

    def __init__(self, value: object, *, raised: bool = False) -> None:
        self.value = value
        self.raised = raised


class Trace:
    """One run through statements. `names` is the namespace, changed in place."""

    def __init__(self, world: World, names: dict[str, object], *outer: dict[str, object]) -> None:
        self.world: World = world
        self.budget = world.budget
        self.names = names
        self._outer = outer
        self._why = ""
        self.deep = 0
        """Calls deep: 0 for statements of a module, whose order is certain."""
        self._unsure = 0
        self._left = False
        self.acting: frozenset[int] | None = None
        """Lines on which something is started, read or written; None: any line may."""

    # -- the scope that folding asks ---------------------------------------------------------

    def name(self, name: str) -> object:
        """A name of the namespace, of the module around it, or of Python."""
        if name in self.names:
            return self.names[name]
        for outer in self._outer:
            if name in outer:
                return outer[name]
        return Imported(name) if name in _BUILTIN_NAMES else UNKNOWN

    def attribute(self, base: object, node: ast.Attribute) -> object:
        """An attribute of a class of the script, or of `os`."""
        match base:
            case Members():
                return base.values.get(node.attr, UNKNOWN)
            case Imported("os") if node.attr == "environ":
                return self.world.environment
        return UNKNOWN

    def wants(self, function: str, node: ast.Call) -> bool:
        """What does something itself, or may have something that does among its arguments."""
        if self.acting is None or function in ACTIONS:
            return True
        last = node.end_lineno or node.lineno
        return any(line in self.acting for line in range(node.lineno, last + 1))

    def refused(self, why: str) -> None:
        """A decoder refused."""
        self._why = why

    def called(
        self, function: object, node: ast.Call, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """What a call gives; what it does is kept as an event."""
        match function:
            case Members():
                return function
            case Routine():
                return self._routine(function, arguments, keywords)
            case str():
                if (action := ACTIONS.get(function)) is not None:
                    return action(self, node, arguments, keywords)
        return UNKNOWN

    def _routine(
        self, function: Routine, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        lines = (function.node.end_lineno or 0) - function.node.lineno
        if self.deep >= _CALLS_DEEP or lines > _ROUTINE_LINES:
            return UNKNOWN
        inner = Trace(self.world, {}, function.names, self.names, *self._outer)
        inner.deep = self.deep + 1
        inner.bind(function.node, arguments, keywords)
        if isinstance(function.node, ast.Lambda):
            return fold(function.node.body, inner)
        value = inner.follow(function.node.body)
        return UNKNOWN if inner._left else value

    def bind(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        arguments: list[object],
        keywords: dict[str, object],
    ) -> None:
        """Set the parameters of `node`: as given, else their defaults."""
        given = node.args
        positional = [each.arg for each in (*given.posonlyargs, *given.args)]
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            if default is not None:
                defaults[each.arg] = default
        every = [*positional, *(each.arg for each in given.kwonlyargs)]
        self.names.update(
            {name: fold(defaults[name], self) if name in defaults else UNKNOWN for name in every}
        )
        self.names.update(zip(positional, arguments, strict=False))
        self.names.update((name, value) for name, value in keywords.items() if name in every)
        for rest in (given.vararg, given.kwarg):
            if rest is not None:
                self.names[rest.arg] = UNKNOWN

    # -- statements --------------------------------------------------------------------------

    def follow(self, statements: Iterable[ast.stmt]) -> object:
        """Follow `statements` to their end; the value they return."""
        try:
            self.run(statements)
        except _Ended as ended:
            return UNKNOWN if ended.raised else ended.value
        return None

    def run(self, statements: Iterable[ast.stmt]) -> None:
        """Follow `statements` to the end of the budget. Raises _Ended where they end early."""
        for statement in statements:
            self.world.statements += 1
            self.budget.left -= 1
            if self.world.statements > STATEMENTS:
                return
            follow = _STATEMENTS.get(type(statement))
            if follow is not None:
                follow(self, statement)

    def perhaps(self, *branches: Iterable[ast.stmt]) -> None:
        """Follow each branch from here; keep the names on which all agree."""
        here, outer = self.names, self._outer
        ends: list[dict[str, object]] = []
        for branch in branches:
            self.names, self._outer = {}, (here, *outer)
            self._unsure += 1
            try:
                self.run(branch)
            except _Ended as ended:
                self._left |= not ended.raised
                continue
            finally:
                self._unsure -= 1
                made, self.names, self._outer = self.names, here, outer
            ends.append(made)
        for name in {name for end in ends for name in end}:
            values = [end[name] if name in end else self.name(name) for end in ends]
            first = values[0]
            here[name] = first if all(agreed(first, value) for value in values[1:]) else UNKNOWN

    def assign(self, target: ast.expr, value: object) -> None:
        """Bind `target` to `value`."""
        match target:
            case ast.Name():
                self.names[target.id] = value
            case ast.Tuple() | ast.List():
                values: list[object] = [UNKNOWN] * len(target.elts)
                if isinstance(value, list | tuple) and len(value) == len(values):
                    values = list(value)
                for part, each in zip(target.elts, values, strict=True):
                    self.assign(part, each)
            case ast.Starred():
                self.assign(target.value, UNKNOWN)
            case ast.Attribute():
                base = fold(target.value, self)
                if isinstance(base, Members):
                    self._put(base.values, target.attr, value)
            case ast.Subscript():
                base = fold(target.value, self)
                key = fold(target.slice, self)
                if isinstance(base, Environment):
                    base.set(key, value)
                elif isinstance(base, dict) and isinstance(key, str | int):
                    self._put(base, key, value)

    def _put(self, values: dict[Any, object], key: object, value: object) -> None:
        """Change what others see too: certain only at the top level, in the order of its lines."""
        if (self._unsure or self.deep) and not agreed(values.get(key, UNKNOWN), value):
            value = UNKNOWN
        values[key] = value

    def _share(self, node: ast.Global | ast.Nonlocal) -> None:
        """Names of what is around a function, which it may change at any time."""
        for name in node.names:
            for outer in self._outer:
                if name in outer:
                    outer[name] = UNKNOWN
                    break

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return
        value = fold(node.value, self)
        for target in targets:
            self.assign(target, value)

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name | ast.Attribute):
            left = ast.copy_location(
                ast.Name(node.target.id, ast.Load())
                if isinstance(node.target, ast.Name)
                else ast.Attribute(node.target.value, node.target.attr, ast.Load()),
                node,
            )
            self.assign(node.target, fold(ast.BinOp(left, node.op, node.value), self))

    def _import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.asname:
                self.names[each.asname] = Imported(each.name)
            else:
                self.names[each.name.partition(".")[0]] = Imported(each.name.partition(".")[0])

    def _import_from(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            if each.name == "*":
                prefix = f"{node.module}."
                for dotted in DECODERS:
                    if dotted.startswith(prefix):
                        self.names[dotted.removeprefix(prefix)] = Imported(dotted)
                continue
            dotted = f"{node.module}.{each.name}" if node.module else each.name
            known = self.world.environment if dotted == "os.environ" else Imported(dotted)
            self.names[each.asname or each.name] = known

    def _if(self, node: ast.If) -> None:
        match truth(node.test, self):
            case True:
                self.run(node.body)
            case False:
                self.run(node.orelse)
            case _:
                self.perhaps(node.body, node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        over = fold(node.iter, self)
        if isinstance(over, list | tuple) and len(over) <= _TIMES:
            for item in over:
                self.assign(node.target, item)
                self.run(node.body)
        else:
            self.assign(node.target, UNKNOWN)
            self.perhaps(node.body, ())
        self.run(node.orelse)

    def _while(self, node: ast.While) -> None:
        if truth(node.test, self) is not False:
            self.perhaps(node.body, ())

    def _try(self, node: ast.Try) -> None:
        try:
            self.run(node.body)
        except _Ended as ended:
            if not ended.raised:
                raise
        self.run(node.orelse)
        for handler in node.handlers:
            self.perhaps((), handler.body)
        self.run(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = fold(item.context_expr, self)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self.run(node.body)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None and not isinstance(default, ast.Constant):
                fold(default, self)
        self.names[node.name] = Routine(node, self.names)

    def _class(self, node: ast.ClassDef) -> None:
        inner = Trace(self.world, {}, self.names, *self._outer)
        for base in node.bases:
            parent = fold(base, self)
            if isinstance(parent, Members):
                inner.names.update(parent.values)
        inner.run(node.body)
        members = Members(node.name, inner.names)
        self.names[node.name] = members
        start = inner.names.get("__init__")
        if isinstance(start, Routine) and not isinstance(start.node, ast.Lambda):
            self._instance(members, start.node)

    def _instance(self, members: Members, start: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Follow __init__ of a class that takes nothing but self: its attributes are settings."""
        parameters = [*start.args.posonlyargs, *start.args.args]
        if len(parameters) - len(start.args.defaults) != 1 or start.args.kwonlyargs:
            return
        inner = Trace(self.world, {}, self.names, *self._outer)
        inner.bind(start, [members], {})
        inner.follow(start.body)

    def _expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            fold(node.value, self)

    def _return(self, node: ast.Return) -> None:
        raise _Ended(fold(node.value, self) if node.value else None)

    def _raise(self, node: ast.Raise) -> None:
        raise _Ended(UNKNOWN, raised=True)

    # -- calls that do something -------------------------------------------------------------

    def event(self, does: Does, value: object, node: ast.Call) -> object:
        """Keep what a call does."""
        self.world.events.append(Event(does, value, node, self._why))
        self._why = ""
        return UNKNOWN

    def content(self, path: object) -> object:
        """What a file holds: one that the script wrote, or one of the submission."""
        return self.world.files.get(absolute(path) or "", UNKNOWN)


_STATEMENTS: Mapping[type[ast.stmt], Callable[[Trace, Any], None]] = {
    ast.Assign: Trace._assignment,
    ast.AnnAssign: Trace._assignment,
    ast.AugAssign: Trace._augmented,
    ast.Import: Trace._import,
    ast.ImportFrom: Trace._import_from,
    ast.If: Trace._if,
    ast.For: Trace._for,
    ast.AsyncFor: Trace._for,
    ast.While: Trace._while,
    ast.Try: Trace._try,
    ast.With: Trace._with,
    ast.AsyncWith: Trace._with,
    ast.FunctionDef: Trace._function,
    ast.AsyncFunctionDef: Trace._function,
    ast.ClassDef: Trace._class,
    ast.Expr: Trace._expression,
    ast.Return: Trace._return,
    ast.Raise: Trace._raise,
    ast.Global: Trace._share,
    ast.Nonlocal: Trace._share,
}
