"""What does a call give back, by the name of what is called?

Functions of the script itself are followed elsewhere; see `Callee`.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Protocol

from verifier.screening.dataflow.arithmetic import VOCABULARY, Arithmetic, Operand, Record
from verifier.screening.dataflow.value import (
    BLANK,
    NO_PLACES,
    NO_TERMS,
    NOTHING,
    Nature,
    Place,
    Read,
    Value,
    flat,
    joined,
)
from verifier.screening.dataflow.words import (
    ADDS,
    BLANKS,
    CHOICES,
    CUTS,
    DIVISIONS,
    EVERY_TOKEN,
    HISTOGRAMS,
    KEYS,
    LOGARITHMS,
    LOOKUPS,
    LOSSES,
    PICKS,
    RANGES,
    REDUCTIONS,
    SHAPES,
    STACKS,
    XORS,
)
from verifier.source.program import Function

_PARTS = 8


class Callee(Protocol):
    """How a call reaches the functions of the script; None where it reaches none."""

    def __call__(self, call: ast.Call, arguments: list[Value]) -> Value | None: ...


class Calls(Arithmetic):
    """The calls of one function. `names` maps a name or dotted path to its traits."""

    def __init__(
        self, function: Function, names: dict[str, Value], record: Record, callee: Callee
    ) -> None:
        super().__init__(function, record)
        self.names = names
        self.callee = callee

    def called(
        self, name: str, operands: list[Operand], keywords: list[Value], node: ast.Call
    ) -> Value:
        """What the call of `name` gives. A method's receiver is the first operand."""
        values = [value for value, _ in operands]
        self._observe(name, operands, node)
        known = self._known(name, operands, node)
        if known is None:
            known = self.callee(node, [*values[len(values) - len(node.args) :], *keywords])
        return self._through(name, [*values, *keywords]) if known is None else known

    def _observe(self, name: str, operands: list[Operand], node: ast.Call) -> None:
        """What the call shows of scores, counts and choices, whatever it gives."""
        values = [value for value, _ in operands]
        if name in LOGARITHMS:
            self._logarithm(values, node)
        elif name in HISTOGRAMS:
            for value in values:
                self.count_up(path_of(operands[0][1]), value, node)
        elif name == "where" and values:
            self.picked(values[0], any(value.estimates for value in values[1:]))
        elif name in CHOICES and len(values) >= 2 and rivals(values[0], values[1]):
            self.record.chosen.append(self.place(node))

    def picked(self, test: Value, estimates: bool) -> None:
        """Something is taken where `test` holds; `estimates`: it was made of counts."""
        if test.chooses:
            self.record.chosen.append(test.chooses)
        if test.present and estimates:
            self.record.present.append(test.present)

    def _known(self, name: str, operands: list[Operand], node: ast.Call) -> Value | None:
        values = [value for value, _ in operands]
        given: Value | None = None
        if name in RANGES:
            every = len(node.args) == 1 and EVERY_TOKEN.search(ast.unparse(node.args[0]))
            given = Value(vocabulary=True) if every else NOTHING
        elif name in XORS:
            given = self._xored(name, operands)
        elif name in CUTS and operands:
            given = replace(values[0], terms=self.terms(*operands[0]), folded=True)
        elif name in DIVISIONS and len(values) >= 2:
            given = self.divided(values[0], values[1], node)
        elif name in PICKS and len(values) >= 2 and picked_out(values[0], operands[-1][1]):
            given = picked_out(values[0], operands[-1][1])
        elif name in LOOKUPS and len(values) >= 2:
            given = self._taken(operands, node)
        elif name in ADDS and len(values) >= 2 and path_of(operands[0][1]):
            self.names[path_of(operands[0][1])] = replace(joined(values[:2]), listed=True)
            given = NOTHING
        elif name in STACKS and values:
            given = replace(_stacked(values[0], self.place(node)), parts=_parts(node))
        elif name in BLANKS:
            given = BLANK
        return given

    def _xored(self, name: str, operands: list[Operand]) -> Value:
        value = self.mixed(operands)
        table = path_of(operands[0][1]) if operands else ""
        if name.endswith("_") and table:
            self.names[table] = value
        return value

    def side_by_side(self, name: str) -> tuple[str, ...]:
        """The parts of what a name stands for, none where it is no concatenation."""
        return self.names.get(name, NOTHING).parts

    def _taken(self, operands: list[Operand], node: ast.Call) -> Value | None:
        (base, table), *rest = operands
        for index, _ in rest:
            read = self.read(path_of(table), base, index, node)
            if read is not None:
                return read
        return None

    def read(self, table: str, base: Value, index: Value, node: ast.expr) -> Value | None:
        """What looking `index` up in `table` gives, None where that is no table of counts."""
        pair = index.context and any(item.context for item in index.items)
        if index.folded and index.terms:
            place = self.place(node)
            read = Read(table, place, index.terms, index.call, extended=index.extended)
        elif pair or (base.row and not index.context):
            read = Read(table, self.place(node), exact=True)
        elif index.context:
            return Value(row=True)
        else:
            return None
        self.record.reads.append(read)
        return Value(reads=base.reads | {read})

    def count_up(self, table: str, index: Value, node: ast.expr) -> None:
        """A table counts up under `index`."""
        if index.folded and len(index.terms) > 1:
            read = Read(table, self.place(node), index.terms, index.call)
            self.record.counted.append(read)

    def _logarithm(self, values: list[Value], node: ast.Call) -> None:
        place = self.place(node)
        for value in values:
            for estimate in flat(value).estimates:
                self.record.scored.setdefault(estimate, []).append(place)
            for expert in sorted(value.experts, key=lambda one: one.order):
                self.record.experts.setdefault(expert, place)

    def _through(self, name: str, values: list[Value]) -> Value:
        """A call that is not followed: what went in comes out, a hash only through a shape."""
        if name in SHAPES and values and values[0] is BLANK:
            return BLANK
        value = joined(map(flat, values))
        if name in REDUCTIONS:
            if value.nature is Nature.PRODUCT:
                return Value(nature=Nature.NEGENTROPY)
            value = replace(
                value, terms=NO_TERMS, folded=False, vocabulary=False, context=False, present=None
            )
            value = replace(value, outcome=NO_TERMS)
        elif name in KEYS:
            return replace(value, context=value.sliced)
        if name not in SHAPES and (value.entropies or value.terms):
            value = replace(value, entropies=NO_PLACES, terms=NO_TERMS, folded=False, call=())
        return _natured(name, value)


def _stacked(value: Value, place: Place) -> Value:
    """Entropies beside scores of the true token are experts of a mixture, or go unnoticed."""
    whole = flat(value)
    if whole.entropies and any(item.nature is Nature.SCORE for item in value.items):
        return replace(whole, experts=whole.experts | {place}, entropies=NO_PLACES)
    return replace(whole, entropies=NO_PLACES)


def _natured(name: str, value: Value) -> Value:
    match name, value.nature:
        case "log_softmax", _:
            return Value(nature=Nature.LOG_PROBABILITIES)
        case "softmax", _:
            return Value(nature=Nature.PROBABILITIES)
        case _ if name in LOSSES:
            return Value(nature=Nature.SCORE)
        case "exp", Nature.LOG_PROBABILITIES:
            return Value(nature=Nature.PROBABILITIES)
        case "log", Nature.PROBABILITIES:
            return Value(nature=Nature.LOG_PROBABILITIES)
        case "gather", Nature.PROBABILITIES | Nature.LOG_PROBABILITIES:
            return Value(nature=Nature.SCORE)
        case _:
            return value


def _parts(node: ast.Call) -> tuple[str, ...]:
    """The dumps of what a call puts side by side; of one thing alone, none."""
    match node.args:
        case [ast.List(elts=parts) | ast.Tuple(elts=parts), *_] if 1 < len(parts) <= _PARTS:
            return tuple(map(ast.dump, parts))
        case _:
            return ()


def picked_out(value: Value, index: ast.expr) -> Value | None:
    """One token's count of counts for every token: as if its hash held that token. Else None."""
    every = [read for read in value.reads if VOCABULARY in read.terms]
    if not every:
        return None
    own = frozenset((ast.dump(index),))
    picked = (replace(read, terms=read.terms - {VOCABULARY} | own) for read in every)
    return Value(reads=frozenset(picked))


def rivals(one: Value, other: Value) -> bool:
    """Whether an estimate meets the score of the true token, so that one is chosen by outcome."""
    estimated = [value for value in (one, other) if value.estimates]
    scores = [value for value in (one, other) if value.nature is Nature.SCORE]
    return len(estimated) == len(scores) == 1 and estimated[0] is not scores[0]


def path_of(node: ast.expr) -> str:
    """`self.a` of `self.a[i].view(-1)[j]`: what the expression reaches into. "" for others."""
    for _ in range(64):
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=inner, attr=name):
                base = path_of(inner)
                return f"{base}.{name}" if base else ""
            case ast.Subscript(value=inner) | ast.Call(func=ast.Attribute(value=inner)):
                node = inner
            case _:
                return ""
    return ""
