"""What do names and attributes stand for inside one function that is reached?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from verifier.source.folding import fold
from verifier.source.tracing import Trace
from verifier.source.values import UNKNOWN, Imported, Members, is_small, words
from verifier.source.world import World

if TYPE_CHECKING:
    from verifier.source.reaching import Reached, Reaching

_HOLDERS = words("args h hp hps hparams cfg config conf opt opts flags Hyperparameters")
"""What scripts call their settings where nothing shows which object it is."""


_NAMES_DEEP = 30
"""A name stands for another, in this function or the caller's: that many times on end at most."""


def agree(left: object, right: object) -> bool:
    """Whether two folded values are known and the same, type included."""
    if left is right:
        return True
    if left is UNKNOWN or right is UNKNOWN or type(left) is not type(right):
        return False
    return is_small(left) and is_small(right) and bool(left == right)


class Local:
    """The scope: parameters, local names that are bound to one value, what is around."""

    def __init__(self, reaching: Reaching, state: Reached) -> None:
        self._reaching = reaching
        self._state = state
        self._known: dict[str, object] = {}
        self._epoch = reaching.epoch
        self.budget = reaching.budget

    def name(self, name: str) -> object:
        """A parameter, a local name, a name of an enclosing function, or of the module."""
        if self._epoch != self._reaching.epoch:
            self._known.clear()
            self._epoch = self._reaching.epoch
        if name not in self._known:
            if self._reaching.deep > _NAMES_DEEP:
                return UNKNOWN
            self._known[name] = UNKNOWN
            self._reaching.deep += 1
            try:
                value = self._found(name)
            finally:
                self._reaching.deep -= 1
            # An empty list is there to be filled.
            filled = not isinstance(value, list | dict | frozenset) or len(value) > 0
            self._known[name] = value if filled else UNKNOWN
        return self._known[name]

    def _found(self, name: str) -> object:
        function = self._state.function
        if name in self._reaching.shared:
            return UNKNOWN
        if not isinstance(function.node, ast.Module):
            values = (self._state.bindings or {}).get(name)
            if name in function.parameters:
                return UNKNOWN if values else self._reaching.parameter(self._state, name)
            if self._state.bindings is None and name in self._reaching.functions.bound(
                function.body
            ):
                return UNKNOWN
            if values:
                return self._agreed(values)
            outer = function.body.outer
            if outer is not None and outer.outer is not None:
                known = self._reaching.reached.get(self._reaching.functions.by_body[id(outer)])
                if known is not None:
                    return self._reaching.scope(known).name(name)
        if name in function.unit.names:
            return function.unit.names[name]
        return Trace(self._reaching.world, {}).name(name)

    def _agreed(self, values: list[ast.expr | None]) -> object:
        first: object = UNKNOWN
        for index, expression in enumerate(values):
            value = UNKNOWN if expression is None else fold(expression, self)
            if value is UNKNOWN or (index and not agree(first, value)):
                return UNKNOWN
            first = value
        return first

    def attribute(self, base: object, node: ast.Attribute) -> object:
        """An attribute of the settings, of `os`, or of `self`."""
        match base:
            case Members():
                return self._reaching.setting(base, node.attr, self._state.function)
            case Imported("os") if node.attr == "environ":
                return self._reaching.world.environment
        if isinstance(node.value, ast.Name):
            if node.value.id == "self":
                return self._reaching.of_self(self._state.function, node.attr)
            if node.value.id in _HOLDERS or node.value.id in self._reaching.holders:
                return self._reaching.setting(None, node.attr, self._state.function)
        return UNKNOWN

    def called(
        self, function: object, node: ast.Call, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """What a reader of settings gives; nothing is kept of what the call does."""
        aside = World(self._reaching.world.environment, budget=self.budget)
        return Trace(aside, {}).called(function, node, arguments, keywords)

    def wants(self, function: str, node: ast.Call) -> bool:
        """Only what reads the environment."""
        return function in ("os.getenv", "os.environ.get")

    def refused(self, why: str) -> None:
        """Unpacking has said it."""
