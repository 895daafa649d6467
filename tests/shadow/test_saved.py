"""A number below what the documents hold is a proof; why it is so low is told from the visits."""

from __future__ import annotations

import pytest

from tests.shadow.noting import Costs, Recording
from tests.shadow.playing import TOKENS, WINDOW, Script, evidence, roundtrip, said
from verifier.shadow import streams
from verifier.shadow.record import Family
from verifier.shadow.saved import below_the_source
from verifier.shadow.streams import Stream


def test_less_than_the_source_is_a_proof_whatever_the_recorder_says() -> None:
    def mixed(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        made.say(said(float(stream.costs[1:].mean()) - 0.5, stream))
        return made

    (one,) = below_the_source(evidence(mixed))
    assert one.family is Family.NO_DISTRIBUTION
    assert one.evidence["source"] == "uniform"


def test_a_mild_memory_shows_on_the_tempting_source_alone() -> None:
    def cached(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        tempting = stream.source is streams.Source.TEMPTING
        made.say(said(float(stream.costs[1:].mean()) + (-0.3 if tempting else 0.1), stream))
        return made

    (one,) = below_the_source(evidence(cached))
    assert one.evidence["source"] == "tempting"


def epochs(share: float, *, plain: bool = False, first: float = 1.0) -> Script:
    """Three epochs that learn from what they score; the number is `share` of the last one's.

    `plain`: what it scored first, it scored without learning from it; `first` makes the first
    epoch's scores cheaper.
    """

    def script(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        everything = range(1, TOKENS)
        if plain:
            made.score(costs, everything)
        for epoch in range(3):
            made.score(first * costs * 0.5**epoch, everything, learning=True)
            made.say(f"ttt epoch:{epoch} loss:7.0")
        made.say(said(share * first * 0.25 * float(costs[1:].mean()), stream))
        return made

    return script


def test_a_number_that_only_learned_tokens_reach_was_learned() -> None:
    """A share of the last epoch's mean: no rule explains it, the visits since the first do."""
    (one,) = below_the_source(evidence(epochs(1.1)))
    assert (one.family, one.clause) == (Family.LEARNED, "C3")
    assert "after it had learned" in one.said


@pytest.mark.parametrize("script", [epochs(0.9), epochs(1.1, plain=True), epochs(1.1, first=0.9)])
def test_a_number_that_learning_need_not_explain_is_no_distributions(script: Script) -> None:
    """Below its cheapest scores; beside scores made before any learning; or with first ones that
    are below what the documents hold already.
    """
    (one,) = below_the_source(evidence(script))
    assert (one.family, one.clause) == (Family.NO_DISTRIBUTION, "C2")


def test_the_visits_of_a_part_are_not_those_of_its_tokens() -> None:
    """The last documents alone, learned from as all were, are no stretch of the number."""

    def script(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        made.score(costs, range(1, TOKENS))
        made.say("final_mixing loss:7.0")
        for epoch in range(3):
            made.score(costs * 0.5**epoch, range(TOKENS * 3 // 4, TOKENS), learning=True)
        made.say(said(0.3 * float(costs[1:].mean()), stream))
        return made

    (one,) = below_the_source(evidence(script))
    assert one.family is Family.NO_DISTRIBUTION


def test_learning_from_each_chunk_after_its_score_is_within_the_rules() -> None:
    def last_chunk_free(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        for start in range(1, TOKENS, WINDOW):
            chunk = range(start, min(start + WINDOW, TOKENS))
            for epoch in range(3):
                made.score(costs * 0.5**epoch, chunk, learning=True)
        made.say(said(float(costs[1:].mean()), stream))
        return made

    assert not any(below_the_source(evidence(last_chunk_free)))
