"""Which steps of one function are live, what do they call, and what do they hand on?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from verifier.source.folding import truth
from verifier.source.functions import Function, Klass, last_name
from verifier.source.steps import Binding, Block, Branch, Defines, Jump, Mention, Step
from verifier.source.values import UNKNOWN, Unknown, words

if TYPE_CHECKING:
    from verifier.source.reaching import Reached, Reaching
    from verifier.source.scoping import Local

_ONLY_WRAP = words(
    "compile no_grad inference_mode enable_grad staticmethod classmethod property cached_property "
    "setter jit script autotune heuristics dataclass lru_cache cache custom_fwd custom_bwd disable "
    "contextmanager wraps abstractmethod override overload record autocast njit"
)
"""Decorators whose result is called by the function's own name, or not at all."""


@dataclass(slots=True, eq=False)
class Outside(Block):
    """A call that cannot be of this program."""

    call: ast.Call


@dataclass(slots=True, eq=False)
class HandsOn(Block):
    """A function or class is used as a value."""

    meant: tuple[Function | Klass, ...]


def prepared(reaching: Reaching, function: Function) -> list[Step]:
    """The steps of a function without what can never matter to which functions are reached."""
    return _prepared(reaching, function, function.body.steps)


def _prepared(reaching: Reaching, function: Function, steps: list[Step]) -> list[Step]:
    made: list[Step] = []
    for step in steps:
        match step:
            case Mention():
                if meant := reaching.functions.mentioned(step.node, function):
                    made.append(HandsOn([], tuple(meant)))
            case ast.Call() if id(step) not in reaching.gathered.leads:
                outside = reaching.functions.outside(step, function)
                made.append(Outside([], step) if outside else step)
            case Defines() if _is_registered(step.node):
                if (defined := reaching.functions.by_node.get(id(step.node))) is not None:
                    made.append(HandsOn([], (defined,)))
            case Branch():
                body = _prepared(reaching, function, step.body)
                orelse = _prepared(reaching, function, step.orelse)
                made.append(Branch(step.test, body, orelse, step.loops, step.inside))
            case Block():
                made.append(Block(_prepared(reaching, function, step.steps)))
            case _:
                made.append(step)
    return made


def _is_registered(node: ast.AST) -> bool:
    """Whether a decorator may keep the function and call it later, without its name."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        last_name(each.func if isinstance(each, ast.Call) else each) not in _ONLY_WRAP
        for each in node.decorator_list
    )


Bindings: TypeAlias = dict[str, list[ast.expr | None]]
"""The expressions that each local name is live bound to; None for what is no one expression."""


def bound_names(steps: list[Step], scope: Local, into: Bindings) -> bool:
    """Collect the live bindings among `steps`; whether nothing after them is reached.

    Nothing is reached by it: what is not known yet of the function's own names reaches nothing.
    """
    for step in steps:
        match step:
            case Binding():
                into.setdefault(step.name, []).append(step.value)
            case Branch():
                known = UNKNOWN if step.test is None else truth(step.test, scope)
                ended = known is False or bound_names(step.body, scope, into)
                ended = (known is True or bound_names(step.orelse, scope, into)) and ended
                if ended and not step.loops:
                    return True
            case Outside() | HandsOn():
                pass
            case Block():
                bound_names(step.steps, scope, into)
            case Jump():
                return True
    return False


class Walk:
    """One walk over the steps of a reached function, those that are live."""

    def __init__(self, reaching: Reaching, state: Reached, scope: Local) -> None:
        self._reaching = reaching
        self._function = state.function
        self._scope = scope
        self.bindings: Bindings = {}
        self.calls: list[tuple[ast.Call, tuple[Function, ...]]] = []
        self.decided: dict[int, bool] = {}
        self.cut: list[ast.IfExp | ast.BoolOp] = []
        self.targets: dict[Function, None] = {}
        self.steps: list[Step] = []

    def follow(self, steps: list[Step]) -> bool:
        """Follow `steps`; whether nothing after them is reached."""
        self._reaching.walked += len(steps)
        for step in steps:
            match step:
                case Outside():
                    self.calls.append((step.call, ()))
                    self.steps.append(step.call)
                case Binding():
                    self.bindings.setdefault(step.name, []).append(step.value)
                    self.steps.append(step)
                case ast.Call():
                    self._call(step)
                    self.steps.append(step)
                case Branch():
                    if self._branch(step):
                        return True
                case HandsOn():
                    self._hand_on(step)
                case Block():
                    self.follow(step.steps)
                case Jump():
                    self.steps.append(step)
                    return True
                case ast.Import() | ast.ImportFrom():
                    self._lead(step)
                    self.steps.append(step)
                case _:
                    self.steps.append(step)
        return False

    def _branch(self, step: Branch) -> bool:
        known: bool | Unknown = UNKNOWN
        if step.test is not None:
            known = truth(step.test, self._scope)
        if known is not UNKNOWN:
            self.decided[id(step.test)] = known
            if step.inside is not None:
                self.cut.append(step.inside)
            ended = self.follow(step.body if known else step.orelse)
            return ended and not step.loops
        ended = self.follow(step.body)
        return (self.follow(step.orelse) and ended) and not step.loops

    def _lead(self, node: ast.AST) -> list[Function]:
        units = self._reaching.gathered.leads.get(id(node), ())
        modules = [self._reaching.functions.module(unit) for unit in units]
        found = [module for module in modules if module is not None]
        for module in found:
            self.targets[module] = None
            self._reaching.reach(module)
        return found

    def _hand_on(self, step: HandsOn) -> None:
        for meant in step.meant:
            if isinstance(meant, Klass):
                self._use(meant, called=False)
            else:
                self.targets[meant] = None
                self._reaching.reach(meant)

    def _use(self, klass: Klass, *, called: bool) -> list[Function]:
        """What may run because a class is used; its __init__ where the call starts it."""
        start = self._reaching.functions.method(klass, "__init__")
        for method in self._reaching.functions.started(klass):
            if not called or method is not start:
                self.targets[method] = None
                self._reaching.reach(method)
        return [] if start is None else [start]

    def _call(self, node: ast.Call) -> None:
        found = self._lead(node)
        for meant in self._reaching.functions.meant(node.func, self._function):
            found.extend(self._use(meant, called=True) if isinstance(meant, Klass) else [meant])
        if not found:
            found.extend(self._called_instance(node))
        self.calls.append((node, tuple(dict.fromkeys(found))))
        self._reaching.walked += len(found)
        for target in found:
            self.targets[target] = None
            if not isinstance(target.node, ast.Module):
                self._reaching.call(target, node, self._function)

    def _called_instance(self, node: ast.Call) -> Iterator[Function]:
        functions = self._reaching.functions
        for klass in functions.instance(node.func, self._function):
            for name in ("__call__", "forward"):
                if (method := functions.method(klass, name)) is not None:
                    yield method
                    break
