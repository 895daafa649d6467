"""What of a program is reached from its entry under the default settings?

Follows calls from the modules that run. A branch whose test the settings decide is followed one
way; a parameter that every live call gives the same constant is that constant. Where nothing is
known both ways are followed, so what is called unreached really is not reached by its names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from verifier.source.folding import fold, truth
from verifier.source.functions import Function, Functions, Klass
from verifier.source.steps import Binding, Block, Branch, Defines, Jump, Mention, Step, Store, every
from verifier.source.tracing import Trace, World
from verifier.source.units import Gathered
from verifier.source.values import UNKNOWN, Imported, Members, Unknown

ROUNDS = 12
_HOLDERS = frozenset(
    ["args", "h", "hp", "hps", "hparams", "cfg", "config", "conf", "opt", "opts", "flags"]
)


@dataclass(slots=True, eq=False)
class Reached:
    """What is known of one function that is reached.

    `parameters` are those that every live call agrees on; `calls` the live calls in source order
    with what they call; `decided` the tests that are known, by id.
    """

    function: Function
    parameters: dict[str, object] = field(default_factory=dict)
    bindings: dict[str, list[ast.expr | None]] | None = None
    calls: list[tuple[ast.Call, tuple[Function, ...]]] = field(default_factory=list)
    decided: dict[int, bool] = field(default_factory=dict)
    targets: dict[Function, None] = field(default_factory=dict)


class Reaching:
    """The fixed point. `reached` maps each function that is reached to what is known of it."""

    def __init__(
        self, gathered: Gathered, functions: Functions, settings: dict[str, object]
    ) -> None:
        self._gathered = gathered
        self._functions = functions
        self._settings = settings
        self.reached: dict[Function, Reached] = {}
        self._stores = _stores(functions)
        self._changed = False
        self._folding: set[int] = set()
        self._meant: dict[int, list[Function | Klass]] = {}
        for unit in gathered.units:
            if unit.main and (module := functions.module(unit)) is not None:
                self._reach(module)
        for _ in range(ROUNDS):
            self._changed = False
            for state in list(self.reached.values()):
                self._analyse(state)
            if not self._changed:
                break

    def _reach(self, function: Function, given: dict[str, object] | None = None) -> None:
        """`function` is called with `given`; None: with nobody knows what."""
        state = self.reached.get(function)
        if state is None:
            state = Reached(function)
            self.reached[function] = state
            state.parameters = dict(given or {})
            self._changed = True
            return
        for name, value in list(state.parameters.items()):
            other = UNKNOWN if given is None else given.get(name, UNKNOWN)
            if not _same(value, other):
                del state.parameters[name]
                self._changed = True

    def _analyse(self, state: Reached) -> None:
        first = state.bindings is None
        for _ in range(2 if first else 1):
            scope = Local(self, state)
            pass_ = _Pass(self, state, scope)
            pass_.walk(state.function.body.steps)
            if state.bindings != pass_.bindings:
                self._changed = True
            state.bindings = pass_.bindings
            state.decided = pass_.decided
        state.calls = pass_.calls
        state.targets = pass_.targets

    def meant(self, node: ast.expr, at: Function) -> list[Function | Klass]:
        """As Functions.meant, remembered."""
        key = id(node)
        if key not in self._meant:
            self._meant[key] = self._functions.meant(node, at)
        return self._meant[key]

    def module_value(self, function: Function, name: str) -> object:
        """What a name means at the top level of a unit, once that has run."""
        return function.unit.names.get(name, UNKNOWN)

    def attribute(self, base: object, node: ast.Attribute, at: Function) -> object:
        """The value of an attribute: of the settings, or of `self` where every store agrees."""
        match base:
            case Members():
                return base.values.get(node.attr, UNKNOWN)
            case Imported("os") if node.attr == "environ":
                return self._gathered.world.environment
        if isinstance(node.value, ast.Name):
            if node.value.id in _HOLDERS:
                return self._settings.get(node.attr, UNKNOWN)
            if node.value.id == "self" and (owner := self._functions.owner(at)) is not None:
                return self._of_self(owner, node.attr)
        return UNKNOWN

    def _of_self(self, owner: Klass, attr: str) -> object:
        stores = self._stores.get(attr, ())
        value: object = UNKNOWN
        for index, (function, store) in enumerate(stores):
            known = self.reached.get(function)
            ours = self._functions.owner(function) is owner
            if known is None:
                continue
            if not ours and _is_self(store.target.value):
                continue
            if not ours or store.value is None or self._busy(store):
                return UNKNOWN
            self._folding.add(id(store))
            try:
                other = fold(store.value, Local(self, known))
            finally:
                self._folding.discard(id(store))
            if index and value is not UNKNOWN and not _same(value, other):
                return UNKNOWN
            value = other
            if value is UNKNOWN:
                return UNKNOWN
        return value

    def _busy(self, store: Store) -> bool:
        return id(store) in self._folding


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _same(left: object, right: object) -> bool:
    if left is right:
        return True
    if left is UNKNOWN or right is UNKNOWN or type(left) is not type(right):
        return False
    return bool(left == right)


def _stores(functions: Functions) -> dict[str, list[tuple[Function, Store]]]:
    made: dict[str, list[tuple[Function, Store]]] = {}
    for function in functions.all:
        for step in every(function.body.steps):
            if isinstance(step, Store):
                made.setdefault(step.target.attr, []).append((function, step))
    return made


class Local:
    """The scope inside one reached function: parameters, names bound once, the module around."""

    def __init__(self, reaching: Reaching, state: Reached) -> None:
        self._reaching = reaching
        self._state = state
        self._known: dict[str, object] = {}

    def name(self, name: str) -> object:
        """A parameter, a local name, a name of an enclosing function, or of the module."""
        if name in self._known:
            return self._known[name]
        self._known[name] = UNKNOWN
        value = self._found(name)
        self._known[name] = value
        return value

    def _found(self, name: str) -> object:
        function = self._state.function
        bindings = self._state.bindings
        is_module = isinstance(function.node, ast.Module)
        if not is_module:
            bound = name in self._reaching._functions.bound(function.body)
            if bindings is None and bound:
                return UNKNOWN
            values = (bindings or {}).get(name, [])
            if name in function.parameters:
                parameter = self._state.parameters.get(name, UNKNOWN)
                return parameter if not values else UNKNOWN
            if values:
                return self._agreed(values)
            outer = function.body.outer
            if outer is not None and outer.outer is not None:
                holder = self._reaching._functions.by_body[id(outer)]
                known = self._reaching.reached.get(holder)
                if known is not None:
                    return Local(self._reaching, known).name(name)
        value = function.unit.names.get(name, UNKNOWN)
        if value is UNKNOWN and name not in function.unit.names:
            return Trace(self._reaching._gathered.world, {}).name(name)
        return value

    def _agreed(self, values: list[ast.expr | None]) -> object:
        first: object = UNKNOWN
        for index, expression in enumerate(values):
            value = UNKNOWN if expression is None else fold(expression, self)
            if value is UNKNOWN or (index and not _same(first, value)):
                return UNKNOWN
            first = value
        return first

    def attribute(self, base: object, node: ast.Attribute) -> object:
        """An attribute of the settings, of os, or of self."""
        return self._reaching.attribute(base, node, self._state.function)

    def called(
        self, function: object, node: ast.Call, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """What a setting's own reader gives; nothing is kept of what it does."""
        world = self._reaching._gathered.world
        aside = World(world.environment, world.files)
        if isinstance(function, str) and function not in ("os.getenv", "os.environ.get"):
            return UNKNOWN
        return Trace(aside, {}).called(function, node, arguments, keywords)

    def refused(self, why: str) -> None:
        """Nothing to say here: unpacking has said it."""


class _Pass:
    """One walk over the live steps of a function."""

    def __init__(self, reaching: Reaching, state: Reached, scope: Local) -> None:
        self._reaching = reaching
        self._state = state
        self._scope = scope
        self.bindings: dict[str, list[ast.expr | None]] = {}
        self.calls: list[tuple[ast.Call, tuple[Function, ...]]] = []
        self.decided: dict[int, bool] = {}
        self.targets: dict[Function, None] = {}

    def walk(self, steps: list[Step]) -> bool:
        """Follow `steps`; whether nothing after them is reached."""
        for step in steps:
            match step:
                case ast.Call():
                    self._call(step)
                case Mention():
                    self._mention(step.node)
                case Binding():
                    self.bindings.setdefault(step.name, []).append(step.value)
                case Branch():
                    if self._branch(step):
                        return True
                case Block():
                    self.walk(step.steps)
                case Jump():
                    return True
                case ast.Import() | ast.ImportFrom():
                    self._leads(step)
                case Defines() | Store():
                    pass
        return False

    def _branch(self, step: Branch) -> bool:
        known: bool | Unknown = UNKNOWN
        if step.test is not None:
            known = truth(step.test, self._scope)
        if known is not UNKNOWN:
            self.decided[id(step.test)] = known
            ended = self.walk(step.body if known else step.orelse)
            return ended and not step.loops
        ended = self.walk(step.body)
        return (self.walk(step.orelse) and ended) and not step.loops

    def _leads(self, node: ast.AST) -> list[Function]:
        units = self._reaching._gathered.leads.get(id(node), ())
        modules = [self._reaching._functions.module(unit) for unit in units]
        found = [module for module in modules if module is not None]
        for module in found:
            self.targets[module] = None
            self._reaching._reach(module)
        return found

    def _mention(self, node: ast.expr) -> None:
        for meant in self._reaching.meant(node, self._state.function):
            if isinstance(meant, Klass):
                self._start(meant, None)
            else:
                self.targets[meant] = None
                self._reaching._reach(meant)

    def _start(self, klass: Klass, node: ast.Call | None) -> list[Function]:
        start = self._reaching._functions.method(klass, "__init__")
        for method in self._reaching._functions.started(klass):
            if method is not start or node is None:
                self.targets[method] = None
                self._reaching._reach(method)
        return [] if start is None else [start]

    def _call(self, node: ast.Call) -> None:
        found: list[Function] = self._leads(node)
        for meant in self._reaching.meant(node.func, self._state.function):
            found.extend(self._start(meant, node) if isinstance(meant, Klass) else [meant])
        if not found:
            found.extend(self._called_instance(node))
        self.calls.append((node, tuple(dict.fromkeys(found))))
        for target in found:
            self.targets[target] = None
            if not isinstance(target.node, ast.Module):
                self._reaching._reach(target, self._given(node, target))

    def _called_instance(self, node: ast.Call) -> Iterator[Function]:
        functions = self._reaching._functions
        for klass in functions.instance(node.func, self._state.function):
            for name in ("__call__", "forward"):
                if (method := functions.method(klass, name)) is not None:
                    yield method
                    break

    def _given(self, node: ast.Call, target: Function) -> dict[str, object]:
        """The parameters of `target` that this call gives known values."""
        assert not isinstance(target.node, ast.Module)
        given: dict[str, object] = {}
        arguments = target.node.args
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
        defaults |= {
            each.arg: default
            for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        }
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        spread = any(each.arg is None for each in node.keywords)
        if starred or spread:
            return given
        if target.body.owner is not None and names and names[0] in ("self", "cls"):
            names = names[1:]
        passed = dict(zip(names, node.args, strict=False))
        passed |= {str(each.arg): each.value for each in node.keywords}
        for name in (*names, *(each.arg for each in arguments.kwonlyargs)):
            if name in passed:
                value = fold(passed[name], self._scope)
            else:
                module = Trace(self._reaching._gathered.world, {}, target.unit.names)
                value = fold(defaults.get(name), module)
            if value is not UNKNOWN:
                given[name] = value
        return given
