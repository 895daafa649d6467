"""In which order do the families read a program? One list; each module has RULES and `check`.

The order is that of the reports. Must never decide what follows from a remark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from verifier.screening.finding import Remark
from verifier.screening.rule import Rule
from verifier.screening.rules import (
    adapting,
    binary_code,
    by_name,
    byte_mixture,
    byte_tables,
    calibrating,
    clocks,
    denominators,
    disguised,
    extra_source,
    gate,
    held_out_data,
    looked_up,
    native_counts,
    ngram,
    optimising,
    passes,
    replaced,
    transforms,
    unread,
    vocabularies,
)


class Family(Protocol):
    """What a family's module offers: `check(program, tree)` yields remarks of its RULES only."""

    @property
    def RULES(self) -> tuple[Rule, ...]: ...

    @property
    def check(self) -> Callable[..., Iterator[Remark]]: ...


# What is learned from, and what is scored. (owner: ttt)
LEARNING: tuple[Family, ...] = (
    adapting,
    optimising,
    passes,
    calibrating,
    held_out_data,
    disguised,
    looked_up,
    clocks,
)
# Mixtures, bytes and sizes. (owner: ngram)
MIXING: tuple[Family, ...] = (
    ngram,
    native_counts,
    gate,
    byte_mixture,
    byte_tables,
    vocabularies,
    denominators,
    transforms,
    extra_source,
)

# What could not be read, last: what the others ask can come to a bound too.
UNSEEN: tuple[Family, ...] = (by_name, binary_code, replaced, unread)

FAMILIES: tuple[Family, ...] = (*LEARNING, *MIXING, *UNSEEN)
RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES for rule in family.RULES)
CHECKS: tuple[Callable[..., Iterator[Remark]], ...] = tuple(family.check for family in FAMILIES)
