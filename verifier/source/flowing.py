"""Which names of a program hold something that was made from a given source?

The source is what `seeds` says of an expression: held-out tokens, training shards, the token to be
predicted. From there along assignments, calls, arguments, results, attributes and loops, live code
only, without regard to order or to values: it says what may be, never what must.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from verifier.source.children import children
from verifier.source.functions import Function, Klass
from verifier.source.meaning import Meanings
from verifier.source.reaching import Reached, Reaching
from verifier.source.steps import Binding, Jump, Step, Store
from verifier.source.values import words

ROUNDS = 16
_SEED = ""
"""Stands among origins for the source itself; the others are names of parameters."""
_CHANGES_ITS_OBJECT = words(
    "append extend appendleft add insert update put copy_ add_ index_add_ scatter_ scatter_add_ "
    "index_copy_ fill_ set_"
)

_SIZES = words("shape size numel dim ndim nelement element_size device dtype is_cuda __len__")
"""What is asked of the shape of data says nothing of what is in it."""
_MAY_SEED = (ast.Constant, ast.Name, ast.Attribute, ast.Call)

Seeds: TypeAlias = Callable[[ast.expr, Function], bool]


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Attribute:
    klass: int
    attr: str


@dataclass(slots=True, eq=False)
class _Called:
    """A call of a function of the program: what each parameter is given."""

    target: Function
    given: dict[str, list[_Term]]
    known: set[str] = field(default_factory=set)
    """The origins of its result, as of the change `at`."""
    at: int = -1


_Term: TypeAlias = _Name | _Attribute | _Called | None
"""None is the source itself."""


@dataclass(slots=True, eq=False)
class _Equations:
    """What is made of what in one function."""

    function: Function
    names: list[tuple[str, list[_Term]]] = field(default_factory=list)
    attributes: list[tuple[_Attribute, list[_Term]]] = field(default_factory=list)
    results: list[_Term] = field(default_factory=list)
    calls: list[_Called] = field(default_factory=list)
    origins: dict[str, set[str]] = field(default_factory=dict)
    result: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    """The parameters that some call gives what comes from the source."""


class Flow:
    """What may come from one source."""

    def __init__(self, reaching: Reaching, functions: Meanings, seeds: Seeds) -> None:
        """Made by `Program.flow`."""
        self._reaching = reaching
        self._functions = functions
        self._seeds = seeds
        self._made: dict[Function, _Equations] = {}
        self._attributes: set[_Attribute] = set()
        self._changed = True
        self._changes_made = 0
        self._calls: dict[int, tuple[_Called, ...]] = {}
        for function, state in reaching.reached.items():
            self._made[function] = self._equations(function, state)
        for _ in range(ROUNDS):
            if not self._changed:
                break
            self._changed = False
            for each in self._made.values():
                self._solve(each)

    # -- what rules ask ----------------------------------------------------------------------

    def holds(self, expression: ast.expr, function: Function) -> bool:
        """Whether an expression of `function` may be made from the source."""
        made = self._made.get(function)
        if made is None:
            return False
        return self._from_source(self._of(self._terms(expression, function), made), made)

    def names(self, function: Function) -> frozenset[str]:
        """The parameters and local names of `function` that may hold what comes from the source."""
        made = self._made.get(function)
        if made is None:
            return frozenset()
        found = {name for name, held in made.origins.items() if self._from_source(held, made)}
        return frozenset(found | made.given)

    def returned(self, function: Function) -> bool:
        """Whether what `function` gives back may come from the source, whatever it is given."""
        made = self._made.get(function)
        return made is not None and self._from_source(made.result, made)

    # -- equations ---------------------------------------------------------------------------

    def _equations(self, function: Function, state: Reached) -> _Equations:
        made = _Equations(function)
        for step in state.steps:
            self._add(step, made)
        return made

    def _add(self, step: Step, made: _Equations) -> None:
        function = made.function
        match step:
            case Binding():
                made.names.append((step.name, self._terms(step.of, function)))
            case Store():
                terms = self._terms(step.of, function)
                for attribute in self._attribute(step.target, function):
                    made.attributes.append((attribute, terms))
            case Jump(node=ast.Return(value=ast.expr() as value)):
                made.results.extend(self._terms(value, function))
            case ast.Call():
                made.calls.extend(
                    term for term in self._terms(step, function) if isinstance(term, _Called)
                )
                self._changes(step, made)

    def _changes(self, node: ast.Call, made: _Equations) -> None:
        """x.append(y), np.add.at(x, …, y): x is then made of y too."""
        changed: ast.expr | None = None
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _CHANGES_ITS_OBJECT:
                changed = node.func.value
            elif node.func.attr == "at" and node.args:
                changed = node.args[0]
        terms: list[_Term] = []
        if changed is not None:
            for each in (*node.args, *(keyword.value for keyword in node.keywords)):
                if each is not changed:
                    terms.extend(self._terms(each, made.function))
        while isinstance(changed, ast.Subscript):
            changed = changed.value
        if terms and isinstance(changed, ast.Name):
            made.names.append((changed.id, terms))
        elif terms and isinstance(changed, ast.Attribute):
            for attribute in self._attribute(changed, made.function):
                made.attributes.append((attribute, terms))

    def _terms(self, expression: ast.expr, function: Function) -> list[_Term]:
        terms: list[_Term] = []
        waiting: list[ast.AST] = [expression]
        while waiting:
            node = waiting.pop()
            if isinstance(node, _MAY_SEED) and self._seeds(node, function):
                terms.append(None)
                continue
            match node:
                case _ if _is_size(node):
                    continue
                case ast.Constant():
                    continue
                case ast.Name():
                    terms.append(_Name(node.id))
                    continue
                case ast.Attribute():
                    terms.extend(self._attribute(node, function))
                    waiting.append(node.value)
                    continue
                case ast.Call():
                    called = self._called(node, function)
                    if called:
                        terms.extend(called)
                        continue
                    if isinstance(node.func, ast.Attribute):
                        waiting.append(node.func.value)
                    waiting.extend(node.args)
                    waiting.extend(keyword.value for keyword in node.keywords)
                    continue
            waiting.extend(children(node))
        return terms

    def _called(self, node: ast.Call, function: Function) -> tuple[_Called, ...]:
        """What a call calls; made once, as calls stand inside calls."""
        if id(node) not in self._calls:
            self._calls[id(node)] = tuple(self._calls_made(node, function))
        return self._calls[id(node)]

    def _calls_made(self, node: ast.Call, function: Function) -> Iterator[_Called]:
        state = self._reaching.reached.get(function)
        targets = () if state is None else state.targets_of.get(id(node), ())
        for target in targets:
            if isinstance(target.node, ast.Module) or target.name.endswith(".__init__"):
                continue
            yield _Called(target, self._given(node, target, function))

    def _given(
        self, node: ast.Call, target: Function, function: Function
    ) -> dict[str, list[_Term]]:
        assert not isinstance(target.node, ast.Module)
        arguments = target.node.args
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        given: dict[str, list[_Term]] = {}
        if target.body.owner is not None and names and names[0] in ("self", "cls"):
            base = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            given[names.pop(0)] = self._terms(base, function)
        rest = arguments.vararg.arg if arguments.vararg else None
        for index, each in enumerate(node.args):
            name = names[index] if index < len(names) else rest
            if name is not None:
                value = each.value if isinstance(each, ast.Starred) else each
                given.setdefault(name, []).extend(self._terms(value, function))
        other = arguments.kwarg.arg if arguments.kwarg else None
        for keyword in node.keywords:
            known = keyword.arg in target.parameters
            name = keyword.arg if known else other
            if name is not None:
                given.setdefault(name, []).extend(self._terms(keyword.value, function))
        return given

    def _attribute(self, node: ast.Attribute, function: Function) -> list[_Attribute]:
        classes: list[Klass] = self._functions.instance(node.value, function)
        return [_Attribute(id(klass), node.attr) for klass in classes]

    # -- the fixed point ---------------------------------------------------------------------

    def _solve(self, made: _Equations) -> None:
        for name in made.function.parameters:
            made.origins.setdefault(name, {name})
        for _ in range(2):
            for name, terms in made.names:
                self._grow(made.origins.setdefault(name, set()), self._of(terms, made))
        self._grow(made.result, self._of(made.results, made))
        for attribute, terms in made.attributes:
            known = attribute in self._attributes
            if not known and self._from_source(self._of(terms, made), made):
                self._attributes.add(attribute)
                self._change()
        for call in made.calls:
            self._hand_on(call, made)

    def _hand_on(self, call: _Called, made: _Equations) -> None:
        target = self._made.get(call.target)
        if target is None:
            return
        for name, terms in call.given.items():
            if name not in target.given and self._from_source(self._of(terms, made), made):
                target.given.add(name)
                self._change()

    def _grow(self, known: set[str], more: set[str]) -> None:
        if not more <= known:
            known |= more
            self._change()

    def _change(self) -> None:
        self._changed = True
        self._changes_made += 1

    def _of(self, terms: Iterable[_Term], made: _Equations) -> set[str]:
        """The origins of what is made of `terms`: parameters of the function, or the source."""
        found: set[str] = set()
        for term in terms:
            match term:
                case None:
                    found.add(_SEED)
                case _Name():
                    found |= self._origins(term.name, made)
                case _Attribute():
                    if term in self._attributes:
                        found.add(_SEED)
                case _Called():
                    found |= self._result(term, made)
        return found

    def _result(self, call: _Called, made: _Equations) -> set[str]:
        target = self._made.get(call.target)
        found: set[str] = set()
        if target is None:
            return found
        if call.at == self._changes_made:
            return call.known
        for origin in target.result:
            if origin == _SEED:
                found.add(_SEED)
            else:
                found |= self._of(call.given.get(origin, ()), made)
        call.known, call.at = found, self._changes_made
        return found

    def _origins(self, name: str, made: _Equations) -> set[str]:
        if name in made.origins:
            return made.origins[name]
        body = made.function.body.outer
        while body is not None:
            outer = self._made.get(self._functions.by_body[id(body)])
            if outer is not None and name in outer.origins:
                return {_SEED} if self._from_source(outer.origins[name], outer) else set()
            body = body.outer
        return set()

    @staticmethod
    def _from_source(origins: set[str], made: _Equations) -> bool:
        return _SEED in origins or not made.given.isdisjoint(origins)


def _is_size(node: ast.AST) -> bool:
    match node:
        case ast.Attribute():
            return node.attr in _SIZES
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Call(func=ast.Attribute(attr=asked)):
            return asked in _SIZES
    return False
