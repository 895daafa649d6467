"""Text-like documents cost what their source says, which is a distribution that can be known."""

from __future__ import annotations

import numpy as np

from verifier.shadow.likeness import STRENGTH, Pairs, text_like
from verifier.shadow.streams import Source

END, VOCABULARY = 1, 12
TRAINING = np.array([END, 2, 3, 2, 3, 4, END, 2, 3, 5, 5, 5, END, 6, 2, 3, END, 7] * 40)
PAIRS = Pairs(TRAINING, END, VOCABULARY)


def chances(before: int) -> dict[int, float]:
    """What each token costs after `before`, as far as it is drawn, as a probability."""
    ids, costs = PAIRS.after(np.full(40_000, before), np.random.default_rng(before))
    return {int(token): float(np.exp(-costs[ids == token][0])) for token in np.unique(ids)}


def test_what_may_follow_a_token_adds_up_to_one() -> None:
    """A distribution, whatever was seen; END follows nothing, and what was never seen neither."""
    for before in (END, 2, 3, 5, 11):
        found = chances(before)
        assert abs(sum(found.values()) - 1) < 1e-9
        assert END not in found
        assert 11 not in found


def test_tokens_are_drawn_as_often_as_they_cost() -> None:
    """Pairs of the training side, mixed with its single tokens."""
    ids, costs = PAIRS.after(np.full(200_000, 2), np.random.default_rng(0))
    for token, chance in chances(2).items():
        assert abs(np.mean(ids == token) - chance) < 0.005
    totals, words = PAIRS.totals[2], PAIRS.words
    assert np.isclose(
        np.exp(-costs[ids == 3][0]), (160 + STRENGTH * words[3]) / (totals + STRENGTH)
    )


def test_documents_have_their_lengths_and_their_ends_cost_nothing() -> None:
    """BOS first, then each document; the last one's END is no target of a stream."""
    counts = np.array([4, 1, 6], dtype=np.int32)
    stream = text_like(PAIRS, counts, END, np.random.default_rng(3))
    assert stream.source is Source.TEXT_LIKE
    assert np.flatnonzero(stream.ids == END).tolist() == [0, 4, 5]
    assert len(stream) == counts.sum()
    assert (np.flatnonzero(stream.costs == 0) == [0, 4, 5]).all()


def test_another_draw_is_another_text_and_the_same_one_the_same() -> None:
    """Nobody knows it before, and it can be drawn again."""
    counts = np.full(20, 30, dtype=np.int32)
    one, same, other = (
        text_like(PAIRS, counts, END, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (one.ids == same.ids).all()
    assert (one.ids != other.ids).mean() > 0.3
    assert np.isclose(one.costs.mean(), other.costs.mean(), rtol=0.1)
