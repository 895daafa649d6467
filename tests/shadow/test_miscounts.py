"""Bits a byte alone tell how bytes are counted, and which visits they are the mean of."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.shadow.noting import Costs, Recording
from tests.shadow.playing import CUT, TOKENS, WORLD, Script, evidence, roundtrip
from verifier.shadow import judging, miscounts, streams
from verifier.shadow.explained import Printed, explanations
from verifier.shadow.miscounts import WAYS, Way
from verifier.shadow.record import Family
from verifier.shadow.saved import below_the_source
from verifier.shadow.streams import Stream

TABLE = WAYS[0]
TWICE = Way(marked=1, spaced=1, byte=0, control=0)


def only_bits(way: Way, decimals: int = 6, factor: float = 1.0) -> Script:
    """Windows scored once, and a line of bits a byte alone, its bytes counted in one way."""

    def script(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        counts = miscounts.counts(WORLD, stream.ids)[:, WAYS.index(way)]
        bits = factor * float(costs[1:].sum()) / math.log(2) / int(counts.sum())
        made.lines[-1:] = []
        made.say(f"Quantized BPB: {bits:.{decimals}f}")
        return made

    return script


def test_the_first_way_is_the_tables() -> None:
    stream = streams.uniform(TOKENS, WORLD.alphabet, np.random.default_rng(1))
    counts = miscounts.counts(WORLD, stream.ids)
    assert np.array_equal(counts[:, 0], WORLD.target_bytes(stream.ids))
    assert len(set(WAYS)) == len(WAYS) == counts.shape[1]


@pytest.mark.parametrize("decimals", [4, 6, 8])
def test_an_honest_script_that_prints_only_bits_is_tested_in_every_condition(decimals: int) -> None:
    found = evidence(only_bits(TABLE, decimals))
    assert not any(any(each.find(found)) for each in judging.asked(found.resets))
    assert all(each.testable(found) for each in judging.asked(found.resets))


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (TWICE, "every leading space twice"),
        (Way(marked=0, spaced=0, byte=0, control=0), "no leading space"),
        (Way(marked=3, spaced=0, byte=0, control=0), "3 bytes for a leading space"),
        (Way(marked=0, spaced=1, byte=2, control=0), "3 bytes for a byte's own piece"),
        (
            Way(marked=1, spaced=1, byte=5, control=3),
            "every leading space twice and 6 bytes for a byte's own piece and 3 bytes for BOS",
        ),
    ],
)
def test_bytes_that_are_counted_otherwise_are_all_that_is_told(way: Way, words: str) -> None:
    """Its bits a byte are fewer than the documents hold, and that is the bytes' doing."""
    found = evidence(only_bits(way))
    (one,) = [one for each in judging.asked(found.resets) for one in each.find(found)]
    assert (one.family, one.clause) == (Family.BYTES, "R8")
    assert words in one.said


def test_what_counts_rightly_explains_a_number_first() -> None:
    """A part of the tokens in the right way, all of them in a wrong one."""
    made, middle = Recording(), TOKENS // 2
    costs = np.where(np.arange(TOKENS) < middle, 1.0, 3.0)
    made.score(costs, range(middle, 2 * middle))
    made.say("scored a part, loss:3.0")
    made.score(costs, range(1, middle))
    made.say("loss:1.0")
    units = np.array([[1.0, 2.0]] * TOKENS)
    units[0] = 0.0
    found = explanations(made.notes(), Printed(text="loss:1.0", value=1.0, decimals=3, units=units))
    assert [(each.way, each.tokens) for each in found[:2]] == [(0, middle - 1)] * 2
    assert {each.way for each in found} == {0, 1}


def test_what_is_in_a_way_that_changes_little_is_no_violation() -> None:
    found = evidence(only_bits(Way(marked=1, spaced=0, byte=0, control=0)))
    assert found.explained(found.base) is not None
    assert not any(judging.miscounted_bytes(found))


@pytest.mark.parametrize(("decimals", "factor"), [(5, 1.0), (6, 0.999)])
def test_a_number_that_no_way_explains_to_six_decimals_says_nothing_of_bytes(
    decimals: int, factor: float
) -> None:
    found = evidence(only_bits(TWICE, decimals, factor))
    assert not any(judging.miscounted_bytes(found))
    (one,) = below_the_source(found)
    assert one.family is Family.NO_DISTRIBUTION


def test_a_run_that_the_way_does_not_explain_speaks_against_it() -> None:
    def by_source(stream: Stream, costs: Costs) -> Recording:
        tempting = stream.source is streams.Source.TEMPTING
        return only_bits(TABLE if tempting else TWICE)(stream, costs)

    assert not any(judging.miscounted_bytes(evidence(by_source)))


def moving(change: Callable[[Stream, Costs], Costs], way: Way = TABLE) -> Script:
    return lambda stream, costs: only_bits(way)(stream, change(stream, costs))


def test_scores_behind_bits_alone_must_not_move_with_the_future() -> None:
    script = moving(lambda stream, costs: costs + 0.01 * (int(stream.ids.sum()) % 83) / 83)
    (one,) = judging.from_other_tokens(evidence(script))
    assert one.evidence["moved"] == CUT - 1


def test_costs_below_the_documents_are_told_beside_bytes_that_are_wrong() -> None:
    found = evidence(moving(lambda _, costs: costs - 0.5, TWICE))
    assert any(judging.miscounted_bytes(found))
    (one,) = below_the_source(found)
    assert one.family is Family.LEARNED
