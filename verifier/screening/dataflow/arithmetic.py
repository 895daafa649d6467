"""When does arithmetic mix tokens into a hash, cut it to a table, and divide count by count?"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from verifier.screening.dataflow.value import (
    BLANK,
    NO_PLACES,
    NO_READS,
    NO_TERMS,
    NOTHING,
    Estimate,
    Nature,
    Place,
    Read,
    Value,
    computed,
    joined,
    wider,
)
from verifier.screening.dataflow.words import KEEPS, MIXES
from verifier.source.program import Function

TERMS = 200
"""Of one hash; people mix 30."""
VOCABULARY = "*every token*"
"""The term that runs over the vocabulary: a hash that holds it is asked for every token."""

Operand = tuple[Value, ast.expr]


@dataclass(slots=True)
class Record:
    """What was seen while following, in its order. `scored` are estimates that reached a logarithm.

    `bound` counts how often an estimate was assigned or returned, `mixes` how often one was added
    to the probability of the true token.
    """

    estimates: dict[Estimate, None] = field(default_factory=dict)
    scored: dict[Estimate, list[Place]] = field(default_factory=dict)
    chosen: list[Place] = field(default_factory=list)
    present: list[Place] = field(default_factory=list)
    weighed: list[Place] = field(default_factory=list)
    withheld: list[Place] = field(default_factory=list)
    bound: int = 0
    mixes: int = 0
    experts: dict[Place, Place] = field(default_factory=dict)
    cut: bool = False
    """Whether there was more to follow than is followed."""
    reads: list[Read] = field(default_factory=list)
    counted: list[Read] = field(default_factory=list)
    expressions: int = 0


class Arithmetic(ABC):
    """The arithmetic of one function. `loops` are the lines of the loops that are open."""

    def __init__(self, function: Function, record: Record) -> None:
        self.function = function
        self.record = record
        self.loops: list[int] = []

    def place(self, node: ast.expr) -> Place:
        """Where a node of this function stands."""
        return Place(self.function, node)

    def combined(
        self, operator: ast.operator, one: Operand, other: Operand, mixing: bool = False
    ) -> Value:
        """`one operator other`. `mixing`: the result is cut to the size of a table."""
        left, right = one[0], other[0]
        if isinstance(operator, ast.Add | ast.Sub):
            self._mix(one, other)
        hashed = bool(left.terms or right.terms)
        counts = bool(left.reads or right.reads)
        match operator:
            case ast.BitXor():
                return self.mixed([one, other])
            case ast.BitAnd() | ast.Mod():
                return self._cut(operator, one, other)
            case _ if isinstance(operator, MIXES) and (mixing or hashed) and not counts:
                return self.mixed([one, other])
            case _ if isinstance(operator, KEEPS) and hashed:
                mix = left if left.terms else right
                terms = left.terms | right.terms
                return Value(terms=terms, loop=mix.loop, extended=mix.extended)
            case _ if isinstance(operator, KEEPS) and (left.vocabulary or right.vocabulary):
                return Value(vocabulary=True)
            case ast.Mult() if _product(left, right):
                return Value(nature=Nature.PRODUCT)
            case _ if left.experts or right.experts:
                kept = joined([left, right])
                return replace(kept, entropies=NO_PLACES, terms=NO_TERMS, folded=False, row=False)
            case _:
                value = computed([left, right])
                apart = isinstance(operator, ast.Mult) or not value.estimates
                return value if apart else replace(value, outcome=NO_TERMS)

    def _mix(self, one: Operand, other: Operand) -> None:
        """`w·p + v·q` of the true token's probability and an estimate; is `v` made of `p`?"""
        for (score, _), (estimate, node) in ((one, other), (other, one)):
            if score.outcome and estimate.estimates and not score.estimates:
                self.record.mixes += 1
                if score.outcome & estimate.outcome:
                    self.record.weighed.append(self.place(node))

    def mixed(self, operands: list[Operand]) -> Value:
        """A hash of the operands; with one term more than a finished loop has mixed?"""
        terms = NO_TERMS.union(*(self.terms(*operand) for operand in operands))
        if len(terms) > TERMS:
            self.record.cut = True
            return NOTHING
        extended = any(
            value.extended
            or (value.terms and value.loop and value.loop not in self.loops and value.terms < terms)
            for value, _ in operands
        )
        return Value(terms=terms, loop=self.loops[-1] if self.loops else 0, extended=extended)

    def terms(self, value: Value, node: ast.expr) -> frozenset[str]:
        """What a value adds to a hash: its own terms, or itself as one."""
        if value.terms:
            return value.terms
        if value is BLANK or isinstance(node, ast.Constant):
            return NO_TERMS
        return frozenset((VOCABULARY,)) if value.vocabulary else self._written(node)

    def _written(self, node: ast.expr) -> frozenset[str]:
        """A term as it is written; for each part of what was put side by side, of that part."""
        whole = ast.dump(node)
        for each in ast.walk(node):
            parts = self.side_by_side(each.id) if isinstance(each, ast.Name) else ()
            if parts:
                return frozenset(whole.replace(ast.dump(each), part) for part in parts)
        return frozenset((whole,))

    @abstractmethod
    def side_by_side(self, name: str) -> tuple[str, ...]:
        """The parts of what a name stands for, none where it is no concatenation."""

    def _cut(self, operator: ast.operator, one: Operand, other: Operand) -> Value:
        """A mask or a remainder: of a hash, or of booleans."""
        (left, node), (right, _) = one, other
        terms = left.terms or (right.terms if isinstance(operator, ast.BitAnd) else NO_TERMS)
        if not terms and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
            terms = self.terms(left, node)
        if terms:
            mix = left if left.terms else right
            return replace(mix, terms=terms, folded=True, reads=NO_READS)
        chooses, present = left.chooses or right.chooses, left.present or right.present
        return Value(chooses=chooses, present=present) if chooses or present else NOTHING

    def divided(self, left: Value, right: Value, node: ast.expr) -> Value:
        """`left / right`: an estimate where both are counts of the right kind."""
        estimates = left.estimates | right.estimates
        found = [
            Estimate(self.place(node), read, _loose(read, right), _bare(node))
            for read in left.reads
            if _estimates(read, right)
        ]
        if found:
            estimate = min(found, key=lambda one: (one.loose, one.read.order))
            self.record.estimates.setdefault(estimate)
            estimates |= {estimate}
        reads = frozenset(
            read
            for read in left.reads | right.reads
            if not read.exact and VOCABULARY not in read.terms
        )
        made = left.reads | right.reads or estimates
        outcome = NO_TERMS if made else left.outcome | right.outcome
        return Value(reads=reads, estimates=estimates, outcome=outcome)


def _bare(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and not isinstance(node.left, ast.BinOp)


def _product(left: Value, right: Value) -> bool:
    return {left.nature, right.nature} == {Nature.PROBABILITIES, Nature.LOG_PROBABILITIES}


def _estimates(read: Read, denominator: Value) -> bool:
    if read.exact:
        return True
    if VOCABULARY in read.terms:
        return False
    return any(wider(read, other) for other in denominator.reads) or _loose(read, denominator)


def _loose(read: Read, denominator: Value) -> bool:
    """Whether two hashes differ without one plainly holding the other, or one is divided by itself.

    The latter is `n / (n + v)` of a count under a hash that was extended beyond its context.
    """
    if read.exact or any(wider(read, other) for other in denominator.reads):
        return False
    apart = any(
        other.terms != read.terms and other.table != read.table and not wider(other, read)
        for other in denominator.reads
        if other.terms
    )
    return apart or (read.extended and read in denominator.reads)
