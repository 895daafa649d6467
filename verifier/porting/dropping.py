"""Which statements of a script serve its evaluation alone, and can go?

What reads or scores held-out data goes, then whatever uses what that gave, then whatever served
nothing else, then what reads the artifact back, then the functions that nobody calls any more.
Must never drop a statement without saying so where training depends on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from verifier.porting.finding import is_method
from verifier.porting.names import blocks, bound, needed, own, statements
from verifier.porting.record import Found, Remark, Where
from verifier.source import Function, Program
from verifier.source.seeding import HELDOUT, seeds_of

_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SETS = (ast.Assign, ast.AnnAssign, ast.AugAssign, *_DEFINES, ast.Import, ast.ImportFrom)
_TOGETHER = frozenset(["barrier", "destroy_process_group"])
"""What processes do together goes on after the artifact was written."""


@dataclass(slots=True, eq=False)
class Dropped:
    """Statements that go, by id, with all that is inside of them, and what is to be said of it.

    `nothing`: arguments that become None, since what they held is gone, by id; `withheld`: the
    parameters that are given such, by function.
    """

    gone: set[int] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)
    nothing: dict[int, ast.expr] = field(default_factory=dict)
    withheld: dict[Function, set[str]] = field(default_factory=dict)

    def __contains__(self, statement: ast.stmt) -> bool:
        return id(statement) in self.gone

    def take(self, statement: ast.stmt) -> None:
        """Drop a statement and everything inside of it."""
        self.gone.update(id(each) for each in ast.walk(statement) if isinstance(each, ast.stmt))


def drop(program: Program, found: Found) -> Dropped:
    """What of the entry's text goes while its functions keep their names."""
    dropped = Dropped()
    for function in found.evaluations:
        if isinstance(function.node, ast.stmt):
            dropped.take(function.node)
    if found.export is not None and found.export.read is not None:
        _cut_after(found.export.at.node.body, found.export.read, dropped)
    scopes = [
        _Scope(program, found, function, dropped)
        for function in program.functions
        if function.unit is found.unit
        and program.reachable(function)
        and not is_method(function)
        and function not in found.evaluations
    ]
    before = (-1, -1)
    while before != (now := (len(dropped.gone), len(dropped.nothing))):
        before = now
        for scope in scopes:
            scope.settle()
    return dropped


def unused(tree: ast.Module, dropped: Dropped, wanted: frozenset[str]) -> None:
    """Drop what the top level defines for what went, and for nothing that stays or is `wanted`."""
    defining = [
        each
        for each in tree.body
        if isinstance(each, _SETS) and bound(each) and each not in dropped
    ]
    gone = list(_roots(tree.body, dropped))
    served = set(needed(gone))
    changed = True
    while changed:
        changed = False
        kept = _kept_uses(tree.body, dropped)
        for each in defining:
            names = bound(each)
            if each in dropped or not names & served or names & wanted:
                continue
            others = [uses for statement, uses in kept if statement is not each]
            if not any(names & uses for uses in others):
                dropped.take(each)
                served |= needed([each])
                changed = True
                break


def _kept_uses(body: list[ast.stmt], dropped: Dropped) -> list[tuple[ast.stmt, frozenset[str]]]:
    """The names that each top-level statement still needs."""
    return [(each, frozenset(_still_needed(each, dropped))) for each in body if each not in dropped]


def _still_needed(node: ast.AST, dropped: Dropped) -> set[str]:
    """The names loaded by what of a statement stays."""
    if isinstance(node, ast.stmt) and node in dropped:
        return set()
    if id(node) in dropped.nothing:
        return set()
    found: set[str] = set()
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
        found.add(node.id)
    for child in ast.iter_child_nodes(node):
        found |= _still_needed(child, dropped)
    return found


def _roots(body: Iterable[ast.stmt], dropped: Dropped) -> Iterator[ast.stmt]:
    """The outermost statements that go."""
    for each in body:
        if each in dropped:
            yield each
            continue
        inside = [each.body] if isinstance(each, _DEFINES) else blocks(each)
        for block in inside:
            yield from _roots(block, dropped)


def _cut_after(body: list[ast.stmt], read: ast.stmt, dropped: Dropped) -> None:
    """From where the artifact is read back, all but what processes do together."""
    for each in body[body.index(read) :] if read in body else ():
        calls = [node for node in ast.walk(each) if isinstance(node, ast.Call)]
        names = {getattr(node.func, "attr", "") for node in calls}
        if not (names and names <= _TOGETHER):
            dropped.take(each)


class _Scope:
    """One function, or the top level of the script."""

    def __init__(
        self, program: Program, found: Found, function: Function, dropped: Dropped
    ) -> None:
        self._program = program
        self._function = function
        self._dropped = dropped
        self._body = function.node.body
        self._evaluations = {each.name.rpartition(".")[2] for each in found.evaluations}
        self._seeds = seeds_of(program.settings, HELDOUT)
        self._is_module = isinstance(function.node, ast.Module)
        self._training = found.training

    def settle(self) -> None:
        """Drop until nothing more goes."""
        before = -1
        while before != len(self._dropped.gone):
            before = len(self._dropped.gone)
            self._look_through(self._body, self._names_gone())
            self._drop_what_served_nothing_else()

    def _look_through(self, body: list[ast.stmt], gone: frozenset[str]) -> None:
        """A block in order: what a dropped statement would have set is gone until set anew."""
        stale = set(gone)
        for each in body:
            if each not in self._dropped:
                self._look_at(each, frozenset(stale))
            if each in self._dropped:
                stale |= bound(each)
            elif not isinstance(each, _DEFINES):
                for block in blocks(each):
                    self._look_through(block, frozenset(stale))
                self._drop_emptied(each)
                stale -= bound(each) - gone

    def _drop_emptied(self, statement: ast.stmt) -> None:
        inside = blocks(statement)
        if inside and all(each in self._dropped for block in inside for each in block):
            self._dropped.take(statement)

    def _look_at(self, statement: ast.stmt, gone: frozenset[str]) -> None:
        if isinstance(statement, _DEFINES):
            if self._is_module or not needed([statement]) & (gone | self._evaluations):
                return
            self._remark(statement, "this function uses the evaluation, and went with it")
            self._dropped.take(statement)
        elif self._touched(statement, gone) and not self._withheld(statement, gone):
            self._say_what_depends(statement)
            self._dropped.take(statement)

    def _withheld(self, statement: ast.stmt, gone: frozenset[str]) -> bool:
        """Whether a statement can stay: it trains, and gets None for what is gone."""
        if not isinstance(statement, ast.Expr | ast.Assign | ast.Return):
            return False
        call = statement.value
        if not isinstance(call, ast.Call):
            return False
        targets = [
            each for each in self._program.targets(self._function, call) if each in self._training
        ]
        if not targets or self._is_touched([call.func], gone):
            return False
        for target in targets:
            self._dropped.withheld.setdefault(target, set()).update(
                self._given_nothing(call, target, gone)
            )
        return True

    def _given_nothing(
        self, call: ast.Call, target: Function, gone: frozenset[str]
    ) -> Iterator[str]:
        """The parameters of `target` whose arguments are gone; those become None."""
        names = target.parameters[1:] if is_method(target) else target.parameters
        given = list(zip(names, call.args, strict=False))
        given += [(each.arg, each.value) for each in call.keywords if each.arg]
        for name, value in given:
            if self._is_touched([value], gone):
                self._dropped.nothing[id(value)] = value
                yield name

    def _touched(self, statement: ast.stmt, gone: frozenset[str]) -> bool:
        """Whether a statement's own parts evaluate, read held-out data or use what that gave."""
        if self._is_module and _is_setting(statement):
            return False
        return self._is_touched(own(statement), gone)

    def _is_touched(self, parts: Iterable[ast.AST], gone: frozenset[str]) -> bool:
        listed = [each for each in parts if id(each) not in self._dropped.nothing]
        if any(_needs(each, gone | self._evaluations, self._dropped) for each in listed):
            return True
        return any(
            isinstance(node, ast.expr) and self._seeds(node, self._function)
            for part in listed
            for node in _walk(part, self._dropped)
        )

    def _names_gone(self) -> frozenset[str]:
        """The names that nothing binds any more, parameters that are given None among them."""
        lost: set[str] = set(self._dropped.withheld.get(self._function, ()))
        kept: set[str] = set()
        for each in statements(self._body):
            names = bound(each) if not blocks(each) else frozenset(_bound_by_own(each))
            (lost if each in self._dropped else kept).update(names)
        return frozenset(lost - kept)

    def _drop_what_served_nothing_else(self) -> None:
        """Assignments whose names only dropped statements used."""
        if self._is_module:
            return
        for each in reversed(list(statements(self._body))):
            if each in self._dropped or not isinstance(each, ast.Assign | ast.AnnAssign):
                continue
            names = bound(each)
            if names and _plain(each) and self._served_only_what_went(names, each):
                self._dropped.take(each)

    def _served_only_what_went(self, names: frozenset[str], assigning: ast.stmt) -> bool:
        used = False
        for each in statements(self._body):
            parts = [each] if isinstance(each, _DEFINES) else list(own(each))
            if each is assigning or not needed(parts) & names:
                continue
            if each not in self._dropped and any(
                _needs(part, names, self._dropped) for part in parts
            ):
                return False
            used = True
        return used

    def _say_what_depends(self, statement: ast.stmt) -> None:
        """A remark where what goes is more than a number that is printed."""
        if isinstance(statement, ast.Expr | ast.With):
            return
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and needed([value.func]) & self._evaluations:
            return
        stays = {
            name
            for name in bound(statement)
            for each in statements(self._body)
            if each not in self._dropped and each is not statement
            if name in bound(each) and not blocks(each)
        }
        if stays or blocks(statement):
            why = f"what sets {', '.join(sorted(stays))}" if stays else "a branch or loop"
            self._remark(
                statement, f"{why} depended on held-out data and went; training must not need it"
            )

    def _remark(self, statement: ast.stmt, what: str) -> None:
        line = statement.lineno
        text = self._program.line(self._function.unit, line)
        self._dropped.remarks.append(Remark(where=Where.TRAIN, what=what, line=line, text=text))


def _walk(node: ast.AST, dropped: Dropped) -> Iterator[ast.AST]:
    """The parts of an expression but for what became None."""
    if id(node) in dropped.nothing:
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, dropped)


def _needs(node: ast.AST, names: frozenset[str], dropped: Dropped) -> bool:
    """Whether a part needs one of `names`, apart from what became None."""
    if not needed([node]) & names:
        return False
    inside = any(id(each) in dropped.nothing for each in ast.walk(node))
    if not inside:
        return True
    return any(isinstance(each, ast.Name) and each.id in names for each in _walk(node, dropped))


def _bound_by_own(statement: ast.stmt) -> Iterator[str]:
    for part in own(statement):
        yield from bound(part)


def _plain(statement: ast.Assign | ast.AnnAssign) -> bool:
    """Whether only names are set, no parts of something."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    inside = [node for target in targets for node in ast.walk(target)]
    return not any(isinstance(node, ast.Attribute | ast.Subscript) for node in inside)


def _is_setting(statement: ast.stmt) -> bool:
    """A name at the top level that stands for a value, not for what was read."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return all(
        ast.unparse(node.func).startswith(("os.", "str", "int", "float", "Path")) for node in calls
    )
