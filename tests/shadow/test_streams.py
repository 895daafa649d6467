"""Streams cost what their source says, and another future is another only from the cut on."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.shadow import streams
from verifier.shadow.streams import BOS, DOCUMENT

ALPHABET = np.arange(260, 760)
TOKENS = 16 * DOCUMENT + 1


def test_documents_begin_where_they_always_do_and_their_beginnings_cost_nothing() -> None:
    for draw in (streams.uniform, streams.tempting):
        stream = draw(TOKENS, ALPHABET, np.random.default_rng(1))
        beginnings = np.flatnonzero(stream.ids == BOS)
        assert (beginnings == np.arange(0, TOKENS - 1, DOCUMENT)).all()
        assert not stream.costs[beginnings].any()
        assert (np.delete(stream.costs, beginnings) > 0).all()


def test_a_uniform_token_costs_the_logarithm_of_the_alphabet() -> None:
    stream = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(2))
    assert np.allclose(stream.costs[1:DOCUMENT], np.log(500))
    assert set(stream.ids) <= {BOS, *ALPHABET}


def test_a_tempting_source_charges_each_token_its_probability_given_the_one_before() -> None:
    """The costs of all that may follow one token add up to one, as probabilities do."""
    stream = streams.tempting(150 * DOCUMENT, ALPHABET, np.random.default_rng(3))
    before = int(np.bincount(stream.ids[stream.ids != BOS]).argmax())
    at = np.flatnonzero((stream.ids[:-1] == before) & (stream.ids[1:] != BOS)) + 1
    at = at[at % DOCUMENT != 1]
    seen = {int(stream.ids[place]): float(np.exp(-stream.costs[place])) for place in at}
    few = len(set(stream.ids)) - 1
    likely = [chance for chance in seen.values() if chance > 0.1]
    assert len(likely) == 4
    rest = (few - 4) * min(seen.values())
    assert sum(likely) + rest == pytest.approx(1.0)
    shares = np.bincount(stream.ids[at], minlength=800) / len(at)
    for token, chance in seen.items():
        assert shares[token] == pytest.approx(chance, abs=0.05)


def test_another_future_keeps_all_before_the_cut_and_where_documents_end() -> None:
    random = np.random.default_rng(4)
    stream = streams.uniform(TOKENS, ALPHABET, random)
    cut = 7 * DOCUMENT + 100
    other = streams.another_future(stream, cut, ALPHABET, random)
    assert (other.ids[:cut] == stream.ids[:cut]).all()
    assert ((other.ids == BOS) == (stream.ids == BOS)).all()
    assert (other.ids[cut:] != stream.ids[cut:]).mean() > 0.95


def test_only_a_uniform_stream_has_another_future() -> None:
    random = np.random.default_rng(5)
    stream = streams.tempting(TOKENS, ALPHABET, random)
    with pytest.raises(ValueError, match="uniform"):
        streams.another_future(stream, DOCUMENT, ALPHABET, random)


def test_another_past_differs_before_the_cut_alone() -> None:
    """Documents end where they did."""
    base = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(1))
    past = streams.another_past(base, 700, ALPHABET, np.random.default_rng(2))
    assert (past.ids[700:] == base.ids[700:]).all()
    assert (past.ids[:700] != base.ids[:700]).mean() > 0.9
    assert (past.ids[::DOCUMENT] == base.ids[::DOCUMENT]).all()
