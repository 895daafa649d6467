"""What of a program is reached from its entry under the default settings?

Follows calls from the modules that run. A branch whose test the settings decide is followed one
way; a parameter that every live call gives the same constant is that constant. Where nothing is
known both ways are followed, so what is called unreached really is not reached by its names.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from verifier.source.folding import fold
from verifier.source.functions import Function, Functions, Klass
from verifier.source.scoping import Local, same
from verifier.source.steps import Binding, Defines, Step, Store
from verifier.source.units import Gathered
from verifier.source.values import UNKNOWN, Members
from verifier.source.walking import Walk, prepared

_TIMES = 40
"""Each function is looked at again whenever what it is given changes; that often at most."""


@dataclass(slots=True, eq=False)
class Reached:
    """What is known of one function that is reached.

    `parameters` are those that every live call agrees on; `steps` the live ones and `calls` the
    live calls with what they call, in source order; `decided` the tests that are known, by id.
    """

    function: Function
    prepared: list[Step] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)
    bindings: dict[str, list[ast.expr | None]] | None = None
    steps: list[Step] = field(default_factory=list)
    calls: list[tuple[ast.Call, tuple[Function, ...]]] = field(default_factory=list)
    decided: dict[int, bool] = field(default_factory=dict)
    targets: dict[Function, None] = field(default_factory=dict)
    targets_of: dict[int, tuple[Function, ...]] = field(default_factory=dict)
    times: int = 0


class Reaching:
    """The fixed point. `reached` maps each function that is reached to what is known of it."""

    def __init__(
        self, gathered: Gathered, functions: Functions, settings: dict[str, object]
    ) -> None:
        self.gathered = gathered
        self.functions = functions
        self.world = gathered.world
        self.reached: dict[Function, Reached] = {}
        self.globals: set[str] = _assigned_globals(functions)
        self.holders: set[str] = _holders(functions)
        self._settings = settings
        self._stores = _stores(functions)
        self._askers: dict[str, dict[Function, None]] = {}
        self._nested = _nested(functions)
        self._folding: set[int] = set()
        self._waiting: dict[Function, None] = {}
        for unit in gathered.units:
            if unit.main and (module := functions.module(unit)) is not None:
                self.reach(module)
        while self._waiting:
            function = next(iter(self._waiting))
            del self._waiting[function]
            self._analyse(self.reached[function])

    def reach(self, function: Function, given: dict[str, object] | None = None) -> None:
        """`function` is called with `given`; None: with nobody knows what."""
        state = self.reached.get(function)
        if state is None:
            state = Reached(function, prepared(self, function), dict(given or {}))
            self.reached[function] = state
            self._changed(state)
            return
        for name, value in list(state.parameters.items()):
            other = UNKNOWN if given is None else given.get(name, UNKNOWN)
            if not same(value, other):
                del state.parameters[name]
                self._changed(state)

    def give(self, target: Function, name: str, value: ast.expr, at: Function) -> None:
        """A call in `at` gives `target` an expression for a parameter."""
        if self.functions.give(target, name, value, at) and target in self.reached:
            self._changed(self.reached[target])

    def _changed(self, state: Reached) -> None:
        """Look again at a function, and at whoever asked about what is its own."""
        self._again(state.function)
        for function in self._nested.get(state.function, ()):
            self._again(function)
        for step in state.function.body.every:
            if isinstance(step, Store):
                for function in self._askers.get(step.target.attr, ()):
                    self._again(function)

    def _again(self, function: Function) -> None:
        known = self.reached.get(function)
        if known is not None and known.times < _TIMES:
            self._waiting[function] = None

    def _analyse(self, state: Reached) -> None:
        state.times += 1
        stored = [step for step in state.steps if isinstance(step, Store)]
        for _ in range(2 if state.bindings is None else 1):
            before = state.bindings
            walk = Walk(self, state, Local(self, state))
            walk.follow(state.prepared)
            state.bindings = walk.bindings
        state.decided, state.steps = walk.decided, walk.steps
        state.calls, state.targets = walk.calls, walk.targets
        state.targets_of = {id(node): found for node, found in walk.calls if found}
        if before != state.bindings or stored != [
            step for step in state.steps if isinstance(step, Store)
        ]:
            self._changed(state)

    # -- what scopes ask ---------------------------------------------------------------------

    def setting(self, members: Members | None, name: str, asker: Function) -> object:
        """The value of a setting, UNKNOWN where a live store gives it another."""
        if members is not None and name not in members.values:
            return UNKNOWN
        self._askers.setdefault(name, {})[asker] = None
        value = self._settings.get(name, UNKNOWN) if members is None else members.values[name]
        for function, store in self._stores.get(name, ()):
            state = self.reached.get(function)
            if state is None or _is_self(store.target.value) or id(store) in self._folding:
                continue
            if store in state.steps:
                self._folding.add(id(store))
                other = UNKNOWN if store.value is None else fold(store.value, Local(self, state))
                self._folding.discard(id(store))
                if not same(value, other):
                    return UNKNOWN
        return value

    def of_self(self, function: Function, name: str) -> object:
        """The value of self.name in a method: what every store that is reached agrees on."""
        owner = self.functions.owner(function)
        if owner is None:
            return UNKNOWN
        self._askers.setdefault(name, {})[function] = None
        found: list[object] = []
        for other, store in self._stores.get(name, ()):
            if other not in self.reached:
                continue
            ours = _is_self(store.target.value)
            if ours and not self._related(self.functions.owner(other), owner):
                continue
            if not ours or store.value is None or id(store) in self._folding:
                return UNKNOWN
            self._folding.add(id(store))
            found.append(fold(store.value, Local(self, self.reached[other])))
            self._folding.discard(id(store))
        if not found or any(not same(found[0], each) for each in found):
            return UNKNOWN
        return found[0]

    @staticmethod
    def _related(klass: Klass | None, owner: Klass) -> bool:
        return klass is not None and (
            klass is owner or klass.name in owner.bases or owner.name in klass.bases
        )


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _stores(functions: Functions) -> dict[str, list[tuple[Function, Store]]]:
    made: dict[str, list[tuple[Function, Store]]] = {}
    for function in functions.all:
        for step in function.body.every:
            if isinstance(step, Store):
                made.setdefault(step.target.attr, []).append((function, step))
    return made


def _nested(functions: Functions) -> dict[Function, list[Function]]:
    """The functions inside each, at any depth."""
    made: dict[Function, list[Function]] = {}
    for function in functions.all:
        outer = function.body.outer
        while outer is not None and outer.outer is not None:
            made.setdefault(functions.by_body[id(outer)], []).append(function)
            outer = outer.outer
    return made


def _assigned_globals(functions: Functions) -> set[str]:
    """Names of a module that some function declares global, and so may change."""
    made: set[str] = set()
    for function in functions.all:
        for step in function.body.every:
            if isinstance(step, Defines) and isinstance(step.node, ast.Global):
                made.update(step.node.names)
    return made


def _holders(functions: Functions) -> set[str]:
    """The names that are bound to what argparse gives."""
    return {
        step.name
        for function in functions.all
        for step in function.body.every
        if isinstance(step, Binding)
        and isinstance(step.of, ast.Call)
        and isinstance(step.of.func, ast.Attribute)
        and step.of.func.attr in ("parse_args", "parse_known_args")
    }
