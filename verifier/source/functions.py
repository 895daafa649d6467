"""Which functions and classes does a program have, by name, by syntax and by who calls them?"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from verifier.source.steps import Body
from verifier.source.unit import Gathered, Unit

NAMESAKES = 24
"""Definitions of one name that are looked at; of more methods a call means none in particular."""


@dataclass(frozen=True, eq=False)
class Function:
    """One function of a unit. `name` is qualified ("GPT.forward"), "<module>" for the top level."""

    unit: Unit
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    body: Body = field(repr=False)
    parameters: tuple[str, ...] = ()
    """Names of the parameters in order, those after * too; () for a module."""

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        """The parameters that have a default, and what it is."""
        if isinstance(self.node, ast.Module):
            return {}
        given = self.node.args
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        made = dict(zip(reversed(names), reversed(given.defaults), strict=False))
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            if default is not None:
                made[each.arg] = default
        return made

    def __repr__(self) -> str:
        return f"<{self.unit.path}:{self.name}>"


@dataclass(eq=False)
class Klass:
    """One class of a unit. `bases` are the last names of what it inherits from."""

    unit: Unit
    name: str
    node: ast.ClassDef
    bases: tuple[str, ...]
    methods: dict[str, Function] = field(default_factory=dict)


_Named = TypeVar("_Named", Function, Klass)


class Index:
    """Everything that can be called, indexed by name."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self.all: list[Function] = []
        self.by_body: dict[int, Function] = {}
        self.by_node: dict[int, Function] = {}
        self.methods: dict[str, list[Function]] = {}
        self.classes: dict[str, list[Klass]] = {}
        self._klass_of: dict[int, Klass] = {}
        self._named: dict[tuple[int, str], list[Function]] = {}
        self._bound: dict[int, dict[str, list[ast.expr]]] = {}
        self.sites: dict[Function, dict[int, tuple[ast.Call, Function]]] = {}
        """The live calls of each function, and where they stand."""
        self.flooded: set[str] = set()
        """Names of methods that are called, of which there are too many to say which is meant."""
        self.cut = False
        """Whether a name stood for more than was looked at."""
        self.asked: set[Function] = set()
        """Functions about whose parameters something was asked."""
        self._passed: dict[tuple[int, int], dict[str, ast.expr] | None] = {}
        self._imports: dict[int, dict[str, str]] = {}
        self._stored: dict[str, list[tuple[ast.expr, Function]]] = {}
        self._names: set[str] = set()
        """Last names of everything that can be called."""
        for unit in gathered.units:
            for body in unit.bodies:
                self._add(unit, body)

    def _add(self, unit: Unit, body: Body) -> None:
        function = Function(unit, body.name, body.node, body, _parameters(body.node))
        self.all.append(function)
        self.by_body[id(body)] = function
        self.by_node[id(body.node)] = function
        self._keep(self._named.setdefault((id(unit), body.name), []), function)
        self._names.add(body.name.rpartition(".")[2])
        if body.owner is not None:
            klass = self._klass(unit, body.owner)
            method = body.name.rpartition(".")[2]
            klass.methods[method] = function
            self.methods.setdefault(method, []).append(function)
        for defined in body.defined:
            if isinstance(defined.node, ast.ClassDef):
                self._klass(unit, defined.node)
        for store in body.stores:
            if store.value is not None:
                self._stored.setdefault(store.target.attr, []).append((store.value, function))

    def _keep(self, namesakes: list[_Named], another: _Named) -> None:
        """Of more definitions of one name than NAMESAKES the last are kept, as Python does."""
        namesakes.append(another)
        if len(namesakes) > NAMESAKES:
            del namesakes[0]
            self.cut = True

    def _klass(self, unit: Unit, node: ast.ClassDef) -> Klass:
        if id(node) not in self._klass_of:
            bases = tuple(last_name(base) for base in node.bases)
            made = Klass(unit, node.name, node, bases)
            self._klass_of[id(node)] = made
            self._keep(self.classes.setdefault(node.name, []), made)
            self._names.add(node.name)
        return self._klass_of[id(node)]

    def owner(self, function: Function) -> Klass | None:
        """The class that `function` is a method of, or is nested in a method of."""
        body: Body | None = function.body
        while body is not None:
            if body.owner is not None:
                return self._klass_of[id(body.owner)]
            body = body.outer
        return None

    def module(self, unit: Unit) -> Function | None:
        """The top level of a unit, None where it did not parse."""
        return next(iter(self._named.get((id(unit), "<module>"), ())), None)


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, "" for what is none."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript():
            return last_name(node.value)
    return ""


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module) -> tuple[str, ...]:
    if isinstance(node, ast.Module):
        return ()
    given = node.args
    return tuple(each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
