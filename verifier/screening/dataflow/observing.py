"""What has following a program shown? The answer, in records that rules ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from verifier.screening.dataflow.arithmetic import Record
from verifier.screening.dataflow.following import Followed
from verifier.screening.dataflow.value import Estimate, Place, Read
from verifier.source.program import Program
from verifier.source.unfollowed import Barrier, Unfollowed, unfollowed


@dataclass(frozen=True, slots=True)
class Observed:
    """What following a program has shown.

    `estimates` maps a probability made of counts to the logarithms it reached (none: it never
    became a score in what was followed). `chosen`: where an estimate is taken only if it beats the
    score of the true token; `present`: only if that token was ever counted, `withheld` those where
    it would be mixed with that score; `weighed`: the mixed estimates whose weight depends on that
    score. `experts` maps a stack of scores that holds an entropy to the logarithm it reached.
    `wide`: reads under more than the hash of another read of the same function, of tables that
    count up under such keys.
    """

    estimates: dict[Estimate, tuple[Place, ...]]
    chosen: tuple[Place, ...]
    present: tuple[Place, ...]
    weighed: tuple[Place, ...]
    withheld: tuple[Place, ...]
    experts: dict[Place, Place]
    wide: tuple[Read, ...]
    unfollowed: tuple[Unfollowed, ...] = ()
    """Where following came to a bound."""


@lru_cache(maxsize=2)
def follow(program: Program, whole: bool = False) -> Observed:
    """Follow every function of `program` that hashes, counts or mixes, and what calls it.

    `whole`: as if no branch were ruled out by the settings. Kept for who asks again.
    """
    followed = Followed(program, whole)
    followed.run()
    record = followed.record
    return Observed(
        {estimate: tuple(record.scored.get(estimate, ())) for estimate in record.estimates},
        tuple(dict.fromkeys(record.chosen)),
        tuple(dict.fromkeys(record.present)),
        tuple(dict.fromkeys(record.weighed)),
        tuple(dict.fromkeys(record.withheld)),
        record.experts,
        tuple(_wide(record)),
        _cut(program) if record.cut else (),
    )


def _cut(program: Program) -> tuple[Unfollowed, ...]:
    why = "hashes, counts or mixes in more expressions than are followed"
    return (unfollowed(Barrier.LIMIT, why, program.entry),)


def _wide(record: Record) -> Iterator[Read]:
    counted = {read.terms for read in record.counted}
    for read in record.reads:
        if read.terms in counted and any(
            other.terms and other.terms < read.terms
            for other in record.reads
            if other.place.function is read.place.function
        ):
            yield read
