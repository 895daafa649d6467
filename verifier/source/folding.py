"""What constant does an expression stand for? Folds it from what is known, or says UNKNOWN.

Only literals, operators, the allow-list of `values.py` and `decoding.py`, and names that the
caller's scope answers for: nothing of a submission is ever called. Every size is bounded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from verifier.source.computing import COMPARED, UNARY, computed, same
from verifier.source.decoding import DECODERS, Refused
from verifier.source.scope import Scope
from verifier.source.values import (
    BUILTINS,
    MODULE_CONSTANTS,
    PURE_FUNCTIONS,
    UNKNOWN,
    Environment,
    Imported,
    Unknown,
    applied,
    bounded,
    called_purely,
    is_small,
    pure_kind,
)

DEPTH = 60
_ITEMS = 1000
_WRONG = (
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    MemoryError,
)


def fold(node: ast.expr | None, scope: Scope) -> object:
    """The value of `node`, or UNKNOWN. Never raises."""
    if type(node) is ast.Name:
        return scope.name(node.id)
    return _Folder(scope).value(node)


def truth(node: ast.expr | None, scope: Scope) -> bool | Unknown:
    """Whether `node` is true. Knows that `x and False` is not, whatever `x` is."""
    return _Folder(scope).truth(node)


class _Bound:
    """A scope with one more name: the variable of a comprehension."""

    def __init__(self, scope: Scope, name: str, value: object) -> None:
        self._scope, self._name, self._value = scope, name, value
        self.attribute, self.called = scope.attribute, scope.called
        self.refused, self.wants, self.budget = scope.refused, scope.wants, scope.budget

    def name(self, name: str) -> object:
        return self._value if name == self._name else self._scope.name(name)


class _Folder:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._budget = scope.budget

    def value(self, node: ast.expr | None) -> object:
        kind = type(node)
        if kind is ast.Constant:
            return node.value  # type: ignore[union-attr]
        if kind is ast.Name:
            return self._scope.name(node.id)  # type: ignore[union-attr]
        fold_it = _FOLDS.get(kind)
        budget = self._budget
        if fold_it is None or budget.deep > DEPTH or budget.left <= 0:
            return UNKNOWN
        budget.left -= 1
        budget.deep += 1
        try:
            return fold_it(self, node)
        except _WRONG:
            return UNKNOWN
        finally:
            budget.deep -= 1

    def truth(self, node: ast.expr | None) -> bool | Unknown:
        match node:
            case ast.BoolOp():
                deciding = isinstance(node.op, ast.Or)
                truths = [self.truth(part) for part in node.values]
                if deciding in truths:
                    return deciding
                return UNKNOWN if UNKNOWN in truths else not deciding
            case ast.UnaryOp(op=ast.Not()):
                inner = self.truth(node.operand)
                return UNKNOWN if inner is UNKNOWN else not inner
            case _:
                return _true(self.value(node))

    def _all(self, nodes: Iterable[ast.expr]) -> list[object]:
        values: list[object] = []
        for node in nodes:
            if type(node) is ast.Starred:
                inner = self.value(node.value)
                if not isinstance(inner, list | tuple):
                    raise ValueError("an unknown number of values")
                values.extend(inner)
            else:
                values.append(self.value(node))
        return values

    def _known(self, nodes: Iterable[ast.expr]) -> list[Any]:
        values = self._all(nodes)
        for value in values:
            if value is UNKNOWN:
                raise ValueError("not all known")
            self._looked(value)
        return values

    def _looked(self, value: object) -> None:
        """Charge for a value that is looked through. Raises ValueError where that is too long."""
        self._budget.read(value)
        if not is_small(value):
            raise ValueError("larger than anything is computed from")

    def attribute(self, node: ast.Attribute) -> object:
        return self._attribute(self.value(node.value), node)

    def _attribute(self, base: object, node: ast.Attribute) -> object:
        if base is UNKNOWN:
            return self._scope.attribute(base, node)
        match base, node.attr:
            case Imported(), attr:
                dotted = f"{base.dotted}.{attr}"
                if dotted in MODULE_CONSTANTS:
                    return MODULE_CONSTANTS[dotted]
                found = self._scope.attribute(base, node)
                return Imported(dotted) if found is UNKNOWN else found
            case PurePosixPath(), "parent" | "name" | "stem" | "suffix" | "parts":
                return getattr(base, node.attr)
            case PurePosixPath(), "parents":
                return tuple(base.parents)
        return self._scope.attribute(base, node)

    def binary(self, node: ast.BinOp) -> object:
        """Chains (a + b + c + …) without a level of recursion for each."""
        right: list[tuple[ast.operator, ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            right.append((left.op, left.right))
            left = left.left
        first, *others = self._known((left, *(part for _, part in reversed(right))))
        if all(isinstance(op, ast.Add) for op, _ in right):
            if isinstance(first, str):
                return self._made("".join([first, *others]))
            if isinstance(first, bytes):
                return self._made(b"".join([first, *others]))
        for (op, _), value in zip(reversed(right), others, strict=True):
            first = self._made(computed(op, first, value))
        return first

    def _made(self, value: object) -> object:
        """A value that is not written out in the text: paid for, and bounded."""
        return bounded(self._budget.spend(value))

    def unary(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, ast.Not):
            return self.truth(node)
        (value,) = self._known((node.operand,))
        return UNARY[type(node.op)](value)

    def either(self, node: ast.BoolOp) -> object:
        stops = isinstance(node.op, ast.Or)
        value: object = UNKNOWN
        for part in node.values:
            value = self.value(part)
            if (true := _true(value)) is UNKNOWN:
                return UNKNOWN
            if true is stops:
                return value
        return value

    def compare(self, node: ast.Compare) -> object:
        left, *others = self._known((node.left, *node.comparators))
        for op, right in zip(node.ops, others, strict=True):
            if isinstance(right, Environment):
                held = right.holds(left)
                holds = held if held is UNKNOWN or isinstance(op, ast.In) else not held
            else:
                holds = COMPARED[type(op)](left, right)
            if holds is UNKNOWN or not holds:
                return holds
            left = right
        return True

    def conditional(self, node: ast.IfExp) -> object:
        test = self.truth(node.test)
        if test is UNKNOWN:
            first, second = self.value(node.body), self.value(node.orelse)
            self._looked(first)
            self._looked(second)
            return first if same(first, second) else UNKNOWN
        return self.value(node.body if test else node.orelse)

    def subscript(self, node: ast.Subscript) -> object:
        base = self.value(node.value)
        if isinstance(base, Environment):
            (key,) = self._known((node.slice,))
            return base.get(key, UNKNOWN)
        if not isinstance(base, str | bytes | list | tuple | dict):
            return UNKNOWN
        if isinstance(node.slice, ast.Slice) and not isinstance(base, dict):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            return base[slice(*(None if end is None else self._known((end,))[0] for end in ends))]
        return base[self._known((node.slice,))[0]]

    def sequence(self, node: ast.Tuple | ast.List | ast.Set) -> object:
        values = self._all(node.elts)
        if isinstance(node, ast.List):
            return bounded(values)
        if isinstance(node, ast.Tuple):
            return bounded(tuple(values))
        self._looked(values)
        return UNKNOWN if UNKNOWN in values else frozenset(values)

    def mapping(self, node: ast.Dict) -> object:
        made: dict[object, object] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            if key is not None:
                made[self._known((key,))[0]] = value
            elif isinstance(value, dict):
                made |= value
            else:
                return UNKNOWN
        return bounded(made)

    def formatted(self, node: ast.JoinedStr) -> object:
        parts: list[str] = []
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                parts.append(str(self._known((part,))[0]))
                continue
            (value,) = self._known((part.value,))
            plain = part.format_spec is None and part.conversion < 0
            if not plain or not isinstance(value, str | int | PurePosixPath):
                return UNKNOWN
            parts.append(str(value))
        return self._made("".join(parts))

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> object:
        generator = node.generators[0]
        if len(node.generators) != 1 or not isinstance(generator.target, ast.Name):
            return UNKNOWN
        over = self.value(generator.iter)
        if not isinstance(over, list | tuple | frozenset | str | range) or len(over) > _ITEMS:
            return UNKNOWN
        made: list[object] = []
        for item in over:
            self._budget.left -= 1
            if self._budget.left <= 0:
                return UNKNOWN
            inner = _Folder(_Bound(self._scope, generator.target.id, item))
            kept = [inner.truth(test) for test in generator.ifs]
            if UNKNOWN in kept:
                return UNKNOWN
            if all(kept):
                made.append(inner.value(node.elt))
        if isinstance(node, ast.SetComp):
            self._looked(made)
            return UNKNOWN if UNKNOWN in made else frozenset(made)
        return bounded(made)

    def call(self, node: ast.Call) -> object:
        function = node.func
        if isinstance(function, ast.Attribute):
            base = self.value(function.value)
            if base is not UNKNOWN and not isinstance(base, Imported):
                self._looked(base)
                return self._made(self._method(base, function.attr, node))
            target = self._attribute(base, function)
        else:
            target = self.value(function)
        if isinstance(target, Imported):
            return self._made(self._imported(target.dotted, node))
        if target is UNKNOWN:
            if self._scope.wants("", node):
                self._arguments(node)
            return UNKNOWN
        return self._scope.called(target, node, *self._arguments(node))

    def _arguments(self, node: ast.Call) -> tuple[list[object], dict[str, object]]:
        return self._all(node.args), {
            str(each.arg): self.value(each.value) for each in node.keywords
        }

    def _keywords(self, node: ast.Call) -> dict[str, object]:
        return dict(
            zip(
                (str(each.arg) for each in node.keywords),
                self._known(each.value for each in node.keywords),
                strict=True,
            )
        )

    def _method(self, base: object, method: str, node: ast.Call) -> object:
        if pure_kind(base, method) is None:
            if not self._scope.wants(f"value.{method}", node):
                return UNKNOWN
            return self._scope.called(f"value.{method}", node, [base, *self._all(node.args)], {})
        if isinstance(base, Environment):
            name, *default = self._all(node.args)
            return base.get(name, *default)
        return applied(base, method, self._known(node.args), self._keywords(node))

    def _imported(self, dotted: str, node: ast.Call) -> object:
        if dotted in PURE_FUNCTIONS or dotted in BUILTINS:
            return called_purely(dotted, self._known(node.args), self._keywords(node))
        decoder = DECODERS.get(dotted)
        if decoder is None:
            if not self._scope.wants(dotted, node):
                return UNKNOWN
            return self._scope.called(dotted, node, *self._arguments(node))
        arguments, keywords = self._known(node.args), self._keywords(node)
        if self._budget.unpacked <= 0:
            self._scope.refused("more is unpacked than is read")
            return UNKNOWN
        try:
            made = decoder(*arguments, **keywords)
        except Refused as why:
            self._budget.unpacked -= why.made
            self._scope.refused(str(why))
            return UNKNOWN
        self._budget.unpacked -= len(made) if isinstance(made, str | bytes) else 0
        return made


def _true(value: object) -> bool | Unknown:
    match value:
        case Unknown() | Environment():
            return UNKNOWN
        case Imported() | PurePosixPath():
            return True
        case _:
            return bool(value)


_FOLDS: dict[type, Callable[[_Folder, Any], object]] = {
    ast.Attribute: _Folder.attribute,
    ast.BinOp: _Folder.binary,
    ast.UnaryOp: _Folder.unary,
    ast.BoolOp: _Folder.either,
    ast.Compare: _Folder.compare,
    ast.IfExp: _Folder.conditional,
    ast.Subscript: _Folder.subscript,
    ast.Tuple: _Folder.sequence,
    ast.List: _Folder.sequence,
    ast.Set: _Folder.sequence,
    ast.Dict: _Folder.mapping,
    ast.JoinedStr: _Folder.formatted,
    ast.ListComp: _Folder.comprehension,
    ast.SetComp: _Folder.comprehension,
    ast.GeneratorExp: _Folder.comprehension,
    ast.Call: _Folder.call,
}
