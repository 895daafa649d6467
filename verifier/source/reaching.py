"""What of a program is reached from its entry under the default settings?

Follows calls from the modules that run. A branch whose test the settings decide is followed one
way; a parameter that every live call gives the same constant is that constant. Where nothing is
known both ways are followed, so what is called unreached really is not reached by its names.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from verifier.source.folding import fold
from verifier.source.functions import Function, Klass
from verifier.source.meaning import Meanings
from verifier.source.scope import Budget
from verifier.source.scoping import Local, agree
from verifier.source.steps import Step, Store
from verifier.source.tracing import Trace
from verifier.source.unit import Gathered
from verifier.source.values import UNKNOWN, Members
from verifier.source.walking import Bindings, Walk, bound_names, prepared

_STEPS = 200_000
"""Steps of folding; the longest scripts take 10,000."""
_WORK = 400_000
"""Steps walked and expressions looked at; the longest scripts take 30,000."""
_SITES = 200
_STORES = 50
_LOOKS = 3
_TIMES = 20
"""Each function is looked at again whenever what it is given changes; that often at most."""


@dataclass(slots=True, eq=False)
class Reached:
    """What is known of one function that is reached.

    `steps` are the live ones and `calls` the live calls with what they call, in source order;
    `decided` the tests that are known, by id, `cut` the expressions among them; `escaped`: it may
    be called with anything.
    """

    function: Function
    prepared: list[Step] = field(default_factory=list)
    bindings: Bindings | None = None
    steps: list[Step] = field(default_factory=list)
    calls: list[tuple[ast.Call, tuple[Function, ...]]] = field(default_factory=list)
    decided: dict[int, bool] = field(default_factory=dict)
    cut: list[ast.IfExp | ast.BoolOp] = field(default_factory=list)
    targets: dict[Function, None] = field(default_factory=dict)
    targets_of: dict[int, tuple[Function, ...]] = field(default_factory=dict)
    stored: set[int] = field(default_factory=set)
    times: int = 0
    escaped: bool = False


class Reaching:
    """The fixed point. `reached` maps each function that is reached to what is known of it."""

    def __init__(
        self, gathered: Gathered, functions: Meanings, settings: dict[str, object]
    ) -> None:
        self.gathered = gathered
        self.functions = functions
        self.world = gathered.world
        self.budget = Budget(_STEPS)
        self.reached: dict[Function, Reached] = {}
        self.shared: set[str] = _shared(functions)
        self.holders: set[str] = _holders(functions)
        self._settings = settings
        self._stores = _stores(functions)
        self._askers: dict[str, dict[Function, None]] = {}
        self._nested = _nested(functions)
        self._folding: set[int] = set()
        self._scopes: dict[Function, Local] = {}
        self._flooded: set[str] = set()
        self.epoch = 0
        self.deep = 0
        """How many names are being looked up, one for another."""
        self.walked = 0
        """Steps walked so far, those walked again too."""
        self.cut = False
        """Whether there was more to walk than is."""
        self._new: dict[Function, None] = {}
        """What was never looked at comes first: by then more is known of what waits again."""
        self._waiting: dict[Function, None] = {}
        for unit in gathered.units:
            if unit.main and (module := functions.module(unit)) is not None:
                self.reach(module)
        while self._new or self._waiting:
            if self.walked + functions.looked > _WORK:
                self.cut = True
                break
            waiting = self._new or self._waiting
            function = next(iter(waiting))
            del waiting[function]
            self._analyse(self.reached[function])
            for name in functions.flooded - self._flooded:
                self._flooded.add(name)
                for method in functions.methods[name]:
                    self.reach(method)

    def reach(self, function: Function) -> None:
        """`function` is called, nobody knows with what."""
        state = self.reached.get(function)
        if state is None:
            self._first(function).escaped = True
        elif not state.escaped:
            state.escaped = True
            self._given_more(state)

    def call(self, target: Function, node: ast.Call, at: Function) -> None:
        """`node` in `at` calls `target`."""
        new = self.functions.call(target, node, at)
        state = self.reached.get(target)
        if state is None:
            self._first(target)
        elif new and not state.escaped:
            self._given_more(state)

    def _first(self, function: Function) -> Reached:
        state = Reached(function, prepared(self, function))
        self.reached[function] = state
        self._changed(state)
        return state

    def _given_more(self, state: Reached) -> None:
        if state.function in self.functions.asked:
            self._changed(state)

    def _changed(self, state: Reached) -> None:
        """Look again at a function, and at whoever asked about what is its own."""
        self.epoch += 1
        self._again(state.function)
        for function in self._nested.get(state.function, ()):
            self._again(function)
        for function in state.targets:
            if function in self.functions.asked:
                self._again(function)
        self._stored(state)

    def _stored(self, state: Reached) -> None:
        """Look again at whoever asked about an attribute that the function may set."""
        self.epoch += 1
        for store in state.function.body.stores:
            for function in self._askers.get(store.target.attr, ()):
                self._again(function)

    def _again(self, function: Function) -> None:
        known = self.reached.get(function)
        if known is not None and known.times < _TIMES:
            (self._waiting if known.times else self._new)[function] = None

    def _analyse(self, state: Reached) -> None:
        state.times += 1
        stored = state.stored
        if state.bindings is None:
            self._look_ahead(state)
        before = state.bindings
        self.epoch += 1
        walk = Walk(self, state, self.scope(state))
        walk.follow(state.prepared)
        state.bindings = _grown(before, walk.bindings)
        state.decided, state.cut, state.steps = walk.decided, walk.cut, walk.steps
        state.calls, state.targets = walk.calls, walk.targets
        state.targets_of = {id(node): found for node, found in walk.calls if found}
        state.stored = {id(step) for step in state.steps if isinstance(step, Store)}
        if before != state.bindings:
            self._changed(state)
        elif stored != state.stored:
            self._stored(state)

    def _look_ahead(self, state: Reached) -> None:
        """Which names the function binds, before anything that it calls is said to be reached."""
        for _ in range(_LOOKS):
            made: Bindings = {}
            self.epoch += 1
            bound_names(state.prepared, self.scope(state), made)
            if made == state.bindings:
                break
            state.bindings = made

    # -- what scopes ask ---------------------------------------------------------------------

    def scope(self, state: Reached) -> Local:
        """What names stand for inside a reached function."""
        if state.function not in self._scopes:
            self._scopes[state.function] = Local(self, state)
        return self._scopes[state.function]

    def parameter(self, state: Reached, name: str) -> object:
        """The value of a parameter: what every live call gives it."""
        target = state.function
        self.functions.asked.add(target)
        sites = self.functions.sites.get(target, {})
        if state.escaped or len(sites) > _SITES:
            return UNKNOWN
        first: object = UNKNOWN
        for index, (node, at) in enumerate(sites.values()):
            passed = self.functions.passed(target, node)
            caller = self.reached.get(at)
            if passed is None or caller is None:
                return UNKNOWN
            if name in passed:
                value = fold(passed[name], self.scope(caller))
            else:
                module = Trace(self.world, {}, target.unit.names)
                value = fold(target.defaults.get(name), module)
            if value is UNKNOWN or (index and not agree(first, value)):
                return UNKNOWN
            first = value
        return first

    def setting(self, members: Members | None, name: str, asker: Function) -> object:
        """The value of a setting, UNKNOWN where a live store gives it another."""
        if members is not None and name not in members.values:
            return UNKNOWN
        self._askers.setdefault(name, {})[asker] = None
        value = self._settings.get(name, UNKNOWN) if members is None else members.values[name]
        stores = self._stores.get(name, ())
        if len(stores) > _STORES:
            return UNKNOWN
        for function, store in stores:
            state = self.reached.get(function)
            if state is None or _is_self(store.target.value) or id(store) in self._folding:
                continue
            if id(store) in state.stored:
                self._folding.add(id(store))
                other = UNKNOWN if store.value is None else fold(store.value, self.scope(state))
                self._folding.discard(id(store))
                if not agree(value, other):
                    return UNKNOWN
        return value

    def of_self(self, function: Function, name: str) -> object:
        """The value of self.name in a method: what every store that is reached agrees on."""
        owner = self.functions.owner(function)
        if owner is None:
            return UNKNOWN
        self._askers.setdefault(name, {})[function] = None
        found: list[object] = []
        stores = self._stores.get(name, ())
        if len(stores) > _STORES:
            return UNKNOWN
        for other, store in stores:
            if other not in self.reached:
                continue
            ours = _is_self(store.target.value)
            if ours and not self._related(self.functions.owner(other), owner):
                continue
            if not ours or store.value is None or id(store) in self._folding:
                return UNKNOWN
            self._folding.add(id(store))
            found.append(fold(store.value, self.scope(self.reached[other])))
            self._folding.discard(id(store))
        if not found or any(not agree(found[0], each) for each in found):
            return UNKNOWN
        return found[0]

    @staticmethod
    def _related(klass: Klass | None, owner: Klass) -> bool:
        return klass is not None and (
            klass is owner or klass.name in owner.bases or owner.name in klass.bases
        )


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _stores(functions: Meanings) -> dict[str, list[tuple[Function, Store]]]:
    made: dict[str, list[tuple[Function, Store]]] = {}
    for function in functions.all:
        for store in function.body.stores:
            made.setdefault(store.target.attr, []).append((function, store))
    return made


def _nested(functions: Meanings) -> dict[Function, list[Function]]:
    """The functions inside each, at any depth."""
    made: dict[Function, list[Function]] = {}
    for function in functions.all:
        outer = function.body.outer
        while outer is not None and outer.outer is not None:
            made.setdefault(functions.by_body[id(outer)], []).append(function)
            outer = outer.outer
    return made


def _shared(functions: Meanings) -> set[str]:
    """Names of what is around some function that it may change: global, nonlocal, x[i] = …"""
    changed: set[str] = set()
    for function in functions.all:
        own = {*function.parameters}
        own |= {each.name for each in function.body.bindings if isinstance(each.node, ast.Name)}
        parts = {
            each.name for each in function.body.bindings if isinstance(each.node, ast.Subscript)
        }
        if not isinstance(function.node, ast.Module):
            changed |= parts - own
    return changed | {
        name
        for function in functions.all
        for step in function.body.defined
        if isinstance(step.node, ast.Global | ast.Nonlocal)
        for name in step.node.names
    }


def _grown(before: Bindings | None, now: Bindings) -> Bindings:
    """The bindings of both looks at a function: what was live once stays, so that looking ends."""
    if not before or before == now:
        return now
    return {
        name: [
            *before.get(name, ()),
            *(each for each in values if each not in before.get(name, ())),
        ]
        for name, values in {**before, **now}.items()
    }


def _holders(functions: Meanings) -> set[str]:
    """The names that are bound to what argparse gives."""
    return {
        step.name
        for function in functions.all
        for step in function.body.bindings
        if isinstance(step.of, ast.Call)
        and isinstance(step.of.func, ast.Attribute)
        and step.of.func.attr in ("parse_args", "parse_known_args")
    }
