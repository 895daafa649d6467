"""What traits does an expression have, given those of the names in it?

Every kind of node has one method. Must never call anything of the script.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from verifier.screening.dataflow.calls import Calls, path_of, picked_out, rivals
from verifier.screening.dataflow.value import (
    ITEMS,
    NOTHING,
    Nature,
    Value,
    computed,
    element,
    flat,
    joined,
    shallow,
)
from verifier.screening.dataflow.words import MODULES

EXPRESSIONS = 20_000
_ROW = 2_000
_EXPONENT = re.compile(r"(\+ ?)?(?:\b\w{1,8}\.|\b_?)exp\(-([A-Za-z_]\w{0,60})\)")
"""exp(-x), and the plus before that of a sigmoid."""


class Spent(Exception):
    """The bound on expressions is reached: what was not followed is not known."""


class Expressions(Calls):
    """The expressions of one function, and what is assigned in it."""

    def of(self, node: ast.expr, mixing: bool = False) -> Value:
        """The traits of `node`. `mixing`: it is part of what a table's size cuts."""
        self.record.expressions += 1
        if self.record.expressions > EXPRESSIONS:
            raise Spent
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node, mixing)
        method = _METHODS.get(type(node))
        return NOTHING if method is None else method(self, node)

    def _arithmetic(self, node: ast.BinOp, mixing: bool) -> Value:
        mixing = mixing or isinstance(node.op, ast.BitXor | ast.BitAnd | ast.Mod)
        left, right = self.of(node.left, mixing), self.of(node.right, mixing)
        if isinstance(node.op, ast.Div):
            return self.divided(left, right, node)
        return self.combined(node.op, (left, node.left), (right, node.right), mixing)

    # ------------------------------------------------------------ names and parts

    def _name(self, node: ast.Name) -> Value:
        value = self.names.get(node.id, NOTHING)
        if node.id in self.losses:
            return replace(value, outcome=frozenset((node.id,)))
        return value

    @cached_property
    def losses(self) -> frozenset[str]:
        """The names x of which the function takes exp(-x), sigmoids left out."""
        node = self.function.node
        if isinstance(node, ast.Module):
            return frozenset()
        rows = self.function.unit.rows()[node.lineno - 1 : node.end_lineno]
        found = (one for row in rows if "exp(-" in row for one in _EXPONENT.finditer(row[:_ROW]))
        return frozenset(one.group(2) for one in found if not one.group(1))

    def _attribute(self, node: ast.Attribute) -> Value:
        dotted = path_of(node)
        if dotted in self.names:
            return self.names[dotted]
        return self.of(node.value)

    def _subscript(self, node: ast.Subscript) -> Value:
        base, index = self.of(node.value), self.of(node.slice)
        if base.listed:
            return element(base)
        match node.slice:
            case ast.Constant(value=int() as item) if -len(base.items) <= item < len(base.items):
                return base.items[item]
            case ast.Constant():
                return base
            case ast.Slice():
                return replace(base, sliced=True)
            case _:
                if isinstance(node.slice, ast.Tuple) and _one_each(node.slice):
                    picked = picked_out(base, node.slice)
                    if picked is not None:
                        return picked
                read = self.read(path_of(node.value), base, index, node)
                if read is None:
                    read = base
                return replace(read, present=index.present) if index.present else read

    def _display(self, node: ast.Tuple | ast.List) -> Value:
        items = tuple(shallow(self.of(item)) for item in node.elts)
        if all(item is NOTHING for item in items):
            return NOTHING
        if len(items) > ITEMS:
            return joined(map(flat, items))
        context = isinstance(node, ast.Tuple) and any(item.context for item in items)
        return Value(items=items, context=context)

    # ------------------------------------------------------------ the rest

    def _choice(self, node: ast.IfExp) -> Value:
        test, value = self.of(node.test), self.of(node.body)
        self.picked(test, bool(value.estimates))
        return joined([value, self.of(node.orelse)])

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return NOTHING
        if isinstance(node.op, ast.USub) and value.nature is Nature.NEGENTROPY:
            return Value(entropies=frozenset((self.place(node),)))
        return value

    def _comparison(self, node: ast.Compare) -> Value:
        sides = [self.of(node.left), *map(self.of, node.comparators)]
        ordered = isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        if ordered and len(sides) == 2 and rivals(*sides):
            return Value(chooses=self.place(node))
        return Value(present=self.place(node)) if _asks_for_target(node, sides) else NOTHING

    def _any_of(self, node: ast.BoolOp) -> Value:
        return joined([self.of(value) for value in node.values])

    def _mapping(self, node: ast.Dict) -> Value:
        return joined([self.of(value) for value in node.values])

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        for generator in node.generators:
            self.bind(generator.target, self.of(generator.iter))
        return self.of(node.elt)

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.of(node.value)
        self.bind(node.target, value)
        return value

    def _starred(self, node: ast.Starred) -> Value:
        return self.of(node.value)

    def _call(self, node: ast.Call) -> Value:
        operands, name = [], ""
        match node.func:
            case ast.Attribute(value=receiver, attr=name):
                value = self.of(receiver)
                if not is_module(receiver):
                    operands.append((value, receiver))
            case ast.Name(id=name):
                name = self.names.get(name, NOTHING).alias or name
            case _:
                self.of(node.func)
        operands.extend((self.of(argument), argument) for argument in node.args)
        keywords = [self.of(keyword.value) for keyword in node.keywords]
        value = self.called(name, operands, keywords, node)
        plain = not (value.terms or value.reads or value.estimates or value.nature)
        if plain and name == "exp" and _exponential(node):
            return Value(nature=Nature.SCORE, outcome=value.outcome)
        return value

    # ------------------------------------------------------------ what is assigned

    def bind(self, target: ast.expr, value: Value) -> None:
        """Give what is assigned to `target` its traits."""
        self.record.bound += bool(value.estimates)
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Attribute():
                self.names[path_of(target)] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                apart = len(value.items) == len(parts)
                whole = flat(value)
                for index, part in enumerate(parts):
                    self.bind(part, value.items[index] if apart else whole)
            case ast.Starred(value=inner):
                self.bind(inner, value)
            case ast.Subscript():
                self._store(target, value)
            case _:
                pass

    def _store(self, target: ast.Subscript, value: Value) -> None:
        """`table[i] = value`: an array of results. A table that counts up is kept out."""
        index, table, kept = self.of(target.slice), path_of(target), computed([value])
        if table and (value.items or value.terms):
            known = self.names.get(table, NOTHING)
            self.names[table] = replace(joined([known, value]), listed=True)
            return
        if kept.estimates:
            self.picked(index, True)
        if index.folded or index.context or not table or table.startswith("self."):
            return
        if kept is not NOTHING and all(read.table != table for read in kept.reads):
            self.names[table] = joined([self.names.get(table, NOTHING), kept])


def _asks_for_target(node: ast.Compare, sides: list[Value]) -> bool:
    """`row[token] > 0`, or `token in row`: whether the token that occurred was ever counted."""
    match node:
        case ast.Compare(ops=[ast.Gt()], comparators=[ast.Constant(value=0)]) if sides[0].estimates:
            return all(one.bare for one in sides[0].estimates)
        case ast.Compare(ops=[ast.Gt() | ast.GtE() | ast.NotEq()], comparators=[ast.Constant()]):
            reads = () if sides[0].estimates else sides[0].reads
            return any(read.exact or read.extended for read in reads)
        case ast.Compare(ops=[ast.In()]):
            return sides[1].row
        case _:
            return False


def is_module(node: ast.expr) -> bool:
    """`np`, `torch.nn.functional`: a library, not what one of its functions gave."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in MODULES


def _exponential(node: ast.Call) -> bool:
    """`exp(-losses)`: probabilities of what occurred, from its losses."""
    match node.args:
        case [ast.UnaryOp(op=ast.USub(), operand=ast.Name() | ast.Subscript())]:
            return True
        case _:
            return False


def _one_each(index: ast.Tuple) -> bool:
    """`[rows, tokens]`: one entry of each row, no slice and no new axis."""
    plain = ast.Name | ast.Subscript | ast.Call
    return len(index.elts) == 2 and all(isinstance(each, plain) for each in index.elts)


_METHODS: dict[type[ast.AST], Callable[..., Value]] = {
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call,
    ast.Tuple: Expressions._display,
    ast.List: Expressions._display,
    ast.IfExp: Expressions._choice,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._comparison,
    ast.BoolOp: Expressions._any_of,
    ast.Dict: Expressions._mapping,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.NamedExpr: Expressions._walrus,
    ast.Starred: Expressions._starred,
}
