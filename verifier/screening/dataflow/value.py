"""What does a value of a script carry with it on the way from count tables to a score?

Only the traits the rules ask for: which terms a hash was mixed from, which tables were read under
it, which probabilities were made of such counts. Must never hold a value of the script itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from verifier.source.program import Function

Signature = tuple[str, ...]
"""A call of a hash function of the script: its name, then its arguments as text."""


class Nature(StrEnum):
    """What a number is, as far as the formulas below need it."""

    OTHER = ""
    PROBABILITIES = "probabilities"
    LOG_PROBABILITIES = "log probabilities"
    PRODUCT = "probability times its logarithm"
    NEGENTROPY = "sum of them"
    SCORE = "probability or loss of the true token"


@dataclass(frozen=True, slots=True)
class Place:
    """A node, and the function it stands in."""

    function: Function
    node: ast.expr | ast.stmt

    @property
    def order(self) -> tuple[str, int, int]:
        """Where it comes in the script: sets of places have an order of their own in every run."""
        return self.function.unit.path, self.node.lineno, self.node.col_offset


@dataclass(frozen=True, slots=True)
class Read:
    """A count read from `table`. `exact`: under the token itself, in the row of its context.

    Otherwise under a hash: `terms` is what was mixed before it was cut to the table's size, `call`
    the script's own hash function that did it, if one did; `extended`: one more term was mixed in
    after the loop over the context.
    """

    table: str
    place: Place
    terms: frozenset[str] = frozenset()
    call: Signature = ()
    exact: bool = False
    extended: bool = False

    @property
    def order(self) -> tuple[object, ...]:
        """As that of its place."""
        return *self.place.order, self.table, *sorted(self.terms), *self.call


@dataclass(frozen=True, slots=True)
class Estimate:
    """A probability made of two counts: of the context with a token, and of the context.

    `loose`: the two were looked up under different hashes, and which holds more is not plain.
    `bare`: nothing was added to the count, so that it is 0 for what was never counted.
    """

    place: Place
    read: Read
    loose: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """Traits of one value. `folded`: a mix that was then cut to a table's size. `loop`: the line of
    the loop it was mixed in, `extended`: as of a Read.

    `blank`: zeros, before anything was mixed in. `sliced`: part of an array; `context`: such a
    part as the key of a mapping; `row`: what a mapping holds for one context. `vocabulary`: runs
    over every token there is. `chooses`: true where an estimate beats a score; `present`: true
    where the token itself was counted. `entropies`,
    `experts`: entropies, and stacks of scores that hold one. `items` are those of a tuple;
    `listed`: the traits are those of each element of a list or mapping. `alias`: a function of a
    library under a name of the script's, `routine`: one of its own inside the function. `parts`:
    the dumps of what was put side by side; `outcome`: the losses of the true token it depends on.
    """

    terms: frozenset[str] = frozenset()
    call: Signature = ()
    folded: bool = False
    loop: int = 0
    extended: bool = False
    reads: frozenset[Read] = frozenset()
    estimates: frozenset[Estimate] = frozenset()
    entropies: frozenset[Place] = frozenset()
    experts: frozenset[Place] = frozenset()
    blank: bool = False
    sliced: bool = False
    context: bool = False
    row: bool = False
    vocabulary: bool = False
    chooses: Place | None = None
    present: Place | None = None
    nature: Nature = Nature.OTHER
    items: tuple[Value, ...] = ()
    listed: bool = False
    alias: str = ""
    parts: tuple[str, ...] = ()
    outcome: frozenset[str] = frozenset()
    routine: ast.FunctionDef | ast.AsyncFunctionDef | None = None


ITEMS = 64
"""Parts of a row that are told apart."""
NOTHING = Value()
BLANK = Value(blank=True)
NO_TERMS: frozenset[str] = frozenset()
NO_READS: frozenset[Read] = frozenset()
NO_PLACES: frozenset[Place] = frozenset()


def joined(values: Iterable[Value]) -> Value:
    """What may be either of `values`, or was computed from all of them."""
    known = [value for value in values if value is not NOTHING and value is not BLANK]
    if not known:
        return NOTHING
    if len(known) == 1:
        return known[0]
    width = max(len(value.items) for value in known)
    estimates = frozenset[Estimate]().union(*(value.estimates for value in known))
    # A probability beside a mixture of it is no weight of one.
    outcome = NO_TERMS if estimates else NO_TERMS.union(*(value.outcome for value in known))
    return Value(
        terms=NO_TERMS.union(*(value.terms for value in known)),
        folded=any(value.folded for value in known),
        call=next((value.call for value in known if value.call), ()),
        loop=max(value.loop for value in known),
        extended=any(value.extended for value in known),
        reads=NO_READS.union(*(value.reads for value in known)),
        estimates=estimates,
        entropies=NO_PLACES.union(*(value.entropies for value in known)),
        experts=NO_PLACES.union(*(value.experts for value in known)),
        sliced=any(value.sliced for value in known),
        context=any(value.context for value in known),
        row=any(value.row for value in known),
        vocabulary=all(value.vocabulary for value in known),
        chooses=next((value.chooses for value in known if value.chooses), None),
        present=next((value.present for value in known if value.present), None),
        outcome=outcome,
        nature=next((value.nature for value in known if value.nature), Nature.OTHER),
        items=tuple(
            joined(value.items[index] for value in known if index < len(value.items))
            for index in range(width)
        ),
    )


def shallow(value: Value) -> Value:
    """A part of a row: rows in rows in rows, and long ones, only as one value."""
    nested = any(inner.items for item in value.items for inner in item.items)
    return flat(value) if nested or len(value.items) > ITEMS else value


def element(value: Value) -> Value:
    """What one element of a list or mapping is, whichever."""
    return replace(value, listed=False) if value.listed else value


def flat(value: Value) -> Value:
    """A tuple or list as one value."""
    if not value.items:
        return value
    return joined([replace(value, items=()), *map(flat, value.items)])


def computed(values: Iterable[Value]) -> Value:
    """What arithmetic on `values` keeps: counts and estimates; never a hash, a mask or a row."""
    flattened = [flat(value) for value in values]
    value = joined(flattened)
    outcome = NO_TERMS.union(*(each.outcome for each in flattened))
    if not (value.reads or value.estimates or value.experts or outcome):
        return NOTHING
    return Value(
        reads=value.reads,
        estimates=value.estimates,
        experts=value.experts,
        outcome=outcome,
    )


def wider(one: Read, other: Read) -> bool:
    """Whether `one` was read under everything `other` was read under, and something more."""
    if other.terms and other.terms < one.terms:
        return True
    return one.terms == other.terms and _a_step_longer(one.call, other.call)


def _a_step_longer(one: Signature, other: Signature) -> bool:
    """h(tokens, order) beside h(tokens, order - 1)."""
    if len(one) != len(other) or not one or one[0] != other[0]:
        return False
    differing = [(a, b) for a, b in zip(one[1:], other[1:], strict=True) if a != b]
    return len(differing) == 1 and differing[0][1] in (
        f"{differing[0][0]} - 1",
        f"({differing[0][0]} - 1)",
    )
