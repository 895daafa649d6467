"""Which functions and classes does a program have, and which of them does a name mean?

Resolution is by name, as a reader does it: nested functions, the module, siblings that are
imported, `self`, local names bound to a function, and methods by their name. Where several
classes have a method of that name, all of them are meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from verifier.source.steps import Binding, Body, every
from verifier.source.units import Gathered, Unit
from verifier.source.values import Imported

_ALIASES_DEEP = 8
_CALLED_BY_TORCH = frozenset(["forward", "backward", "setup_context", "jvp", "vmap"])


@dataclass(frozen=True, eq=False)
class Function:
    """One function of a unit. `name` is qualified ("GPT.forward"), "<module>" for the top level."""

    unit: Unit
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    body: Body = field(repr=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters in order, those after * too; () for a module."""
        if isinstance(self.node, ast.Module):
            return ()
        given = self.node.args
        return tuple(each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))

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


class Functions:
    """Everything that can be called, indexed by name."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self.all: list[Function] = []
        self.by_body: dict[int, Function] = {}
        self.by_node: dict[int, Function] = {}
        self.methods: dict[str, list[Function]] = {}
        self.classes: dict[str, list[Klass]] = {}
        self._klass_of: dict[int, Klass] = {}
        self._named: dict[tuple[int, str], Function] = {}
        self._bound: dict[int, dict[str, list[ast.expr]]] = {}
        for unit in gathered.units:
            for body in unit.bodies:
                self._add(unit, body)

    def _add(self, unit: Unit, body: Body) -> None:
        function = Function(unit, body.name, body.node, body)
        self.all.append(function)
        self.by_body[id(body)] = function
        self.by_node[id(body.node)] = function
        self._named[id(unit), body.name] = function
        if body.owner is not None:
            klass = self._klass(unit, body.owner)
            method = body.name.rpartition(".")[2]
            klass.methods[method] = function
            self.methods.setdefault(method, []).append(function)
        for step in every(body.steps):
            if type(step).__name__ == "Defines" and isinstance(step.node, ast.ClassDef):  # type: ignore[union-attr]
                self._klass(unit, step.node)  # type: ignore[union-attr]

    def _klass(self, unit: Unit, node: ast.ClassDef) -> Klass:
        if id(node) not in self._klass_of:
            bases = tuple(_last(base) for base in node.bases)
            made = Klass(unit, node.name, node, bases)
            self._klass_of[id(node)] = made
            self.classes.setdefault(node.name, []).append(made)
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
        return self._named.get((id(unit), "<module>"))

    # -- what a name means -------------------------------------------------------------------

    def meant(self, node: ast.expr, at: Function, deep: int = 0) -> list[Function | Klass]:
        """The functions and classes that an expression stands for in `at`, [] for none known."""
        if deep > _ALIASES_DEEP:
            return []
        match node:
            case ast.Name():
                return self._name(node.id, at, deep)
            case ast.Attribute():
                return self._attribute(node, at, deep)
            case ast.IfExp():
                return [
                    *self.meant(node.body, at, deep + 1),
                    *self.meant(node.orelse, at, deep + 1),
                ]
            case ast.Call():
                return self._wrapped(node, at, deep)
        return []

    def _wrapped(self, node: ast.Call, at: Function, deep: int) -> list[Function | Klass]:
        """torch.compile(f, …), partial(f, …), DDP(model): what they wrap."""
        if _last(node.func) in _WRAPPERS and node.args:
            return self.meant(node.args[0], at, deep + 1)
        return []

    def instance(self, node: ast.expr, at: Function, deep: int = 0) -> list[Klass]:
        """The classes that the value of an expression is an instance of, as far as names show."""
        if deep > _ALIASES_DEEP:
            return []
        match node:
            case ast.Call():
                if _last(node.func) in (*_WRAPPERS, *_KEEPERS):
                    inner = node.args[0] if node.args else None
                    if _last(node.func) in _KEEPERS and isinstance(node.func, ast.Attribute):
                        inner = node.func.value
                    return [] if inner is None else self.instance(inner, at, deep + 1)
                return [each for each in self.meant(node.func, at, deep) if isinstance(each, Klass)]
            case ast.Name():
                if node.id in ("self", "cls") and (owner := self.owner(at)) is not None:
                    return [owner]
                return [
                    klass
                    for value in self._values(node.id, at)
                    for klass in self.instance(value, at, deep + 1)
                ]
            case ast.IfExp():
                return [
                    *self.instance(node.body, at, deep + 1),
                    *self.instance(node.orelse, at, deep + 1),
                ]
        return []

    def _values(self, name: str, at: Function) -> list[ast.expr]:
        body: Body | None = at.body
        while body is not None:
            if found := self.bound(body).get(name):
                return found
            body = body.outer
        return []

    def bound(self, body: Body) -> dict[str, list[ast.expr]]:
        """The expressions that each local name of a body is bound to."""
        if id(body) not in self._bound:
            made: dict[str, list[ast.expr]] = {}
            for step in every(body.steps):
                if isinstance(step, Binding) and step.value is not None:
                    made.setdefault(step.name, []).append(step.value)
            self._bound[id(body)] = made
        return self._bound[id(body)]

    def _name(self, name: str, at: Function, deep: int) -> list[Function | Klass]:
        body: Body | None = at.body
        while body is not None:
            prefix = "" if body.outer is None else f"{body.name}."
            if (found := self._named.get((id(at.unit), prefix + name))) is not None:
                return [found]
            local = [klass for klass in self.classes.get(name, ()) if klass.unit is at.unit]
            if local:
                return list(local)
            if values := self.bound(body).get(name):
                holder = self.by_body[id(body)]
                found_all = [
                    each for value in values[:8] for each in self.meant(value, holder, deep + 1)
                ]
                if found_all:
                    return list(dict.fromkeys(found_all))
            body = body.outer
        return self._imported_name(at.unit.names.get(name), name, at.unit)

    def _imported_name(self, value: object, name: str, unit: Unit) -> list[Function | Klass]:
        dotted = value.dotted if isinstance(value, Imported) else f"*.{name}"
        module, _, last = dotted.rpartition(".")
        if module == "*":
            units: Iterable[Unit] = (
                [each for each in self._gathered.units if each is not unit and not each.main]
                if value is None
                else []
            )
        else:
            target = self._gathered.modules.get(module)
            units = [] if target is None else [target]
        return self._in(units, last)

    def _in(self, units: Iterable[Unit], name: str) -> list[Function | Klass]:
        for unit in units:
            if (found := self._named.get((id(unit), name))) is not None:
                return [found]
            if local := [each for each in self.classes.get(name, ()) if each.unit is unit]:
                return list(local)
        return []

    def _attribute(self, node: ast.Attribute, at: Function, deep: int) -> list[Function | Klass]:
        base = node.value
        if isinstance(base, ast.Name):
            value = at.unit.names.get(base.id)
            if isinstance(value, Imported):
                target = self._gathered.modules.get(value.dotted)
                return [] if target is None else self._in([target], node.attr)
            for meant in self._name(base.id, at, deep + 1):
                if isinstance(meant, Klass) and (found := self.method(meant, node.attr)):
                    return [found]
        if isinstance(base, ast.Call) and _last(base.func) == "super":
            owner = self.owner(at)
            return list(self._inherited(owner, node.attr)) if owner is not None else []
        for klass in self.instance(base, at, deep + 1):
            if (found := self.method(klass, node.attr)) is not None:
                return [found]
        if isinstance(base, ast.Name) and base.id == "self":
            return []
        return list(self.methods.get(node.attr, ()))

    def method(self, klass: Klass, name: str) -> Function | None:
        """The method `name` of a class or of what it inherits from in this program."""
        if name in klass.methods:
            return klass.methods[name]
        return next(self._inherited(klass, name), None)

    def _inherited(self, klass: Klass, name: str) -> Iterator[Function]:
        for base in klass.bases:
            for parent in self.classes.get(base, ()):
                if parent is not klass and name in parent.methods:
                    yield parent.methods[name]

    def started(self, klass: Klass) -> Iterator[Function]:
        """What may run once a class is used, without being called by its name."""
        for name, method in klass.methods.items():
            implicit = name.startswith("__") and name.endswith("__")
            if implicit or name in _CALLED_BY_TORCH or _is_property(method):
                yield method


_WRAPPERS = frozenset(
    [
        "compile",
        "partial",
        "DDP",
        "DistributedDataParallel",
        "no_grad",
        "inference_mode",
        "jit",
        "script",
        "checkpoint",
        "wraps",
        "lru_cache",
        "cache",
        "disable",
        "allow_in_graph",
        "Thread",
    ]
)
_KEEPERS = frozenset(
    ["to", "cuda", "cpu", "half", "bfloat16", "float", "double", "eval", "train", "requires_grad_"]
)


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript():
            return _last(node.value)
    return ""


def _is_property(function: Function) -> bool:
    node = function.node
    return not isinstance(node, ast.Module) and any(
        _last(each) in ("property", "cached_property", "setter") for each in node.decorator_list
    )
