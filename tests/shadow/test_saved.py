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


def epochs(share: float, *, plain: bool) -> Script:
    """Three epochs that learn from what they score; the number is `share` of the last one's.

    `plain`: what it scored first, it scored without learning from it.
    """

    def script(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        everything = range(1, TOKENS)
        if plain:
            made.score(costs, everything)
        for epoch in range(3):
            made.score(costs * 0.5**epoch, everything, learning=True)
        made.say(said(share * 0.25 * float(costs[1:].mean()), stream))
        return made

    return script


def test_a_number_that_only_learned_tokens_reach_was_learned() -> None:
    """A share of the last epoch's mean: no rule explains it, the visits tell all the same."""
    (one,) = below_the_source(evidence(epochs(1.1, plain=False)))
    assert (one.family, one.clause) == (Family.LEARNED, "C3")
    assert "after it had learned" in one.said


@pytest.mark.parametrize(("share", "plain"), [(0.9, False), (1.1, True)])
def test_a_number_that_learning_need_not_explain_is_no_distributions(
    share: float, plain: bool
) -> None:
    """Below its cheapest scores; or beside scores that were made before any learning."""
    (one,) = below_the_source(evidence(epochs(share, plain=plain)))
    assert (one.family, one.clause) == (Family.NO_DISTRIBUTION, "C2")


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
