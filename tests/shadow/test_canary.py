"""No honest predictor saves what the canary calls a proof; who saves more is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from verifier.shadow import canary, streams
from verifier.shadow.streams import BOS, DOCUMENT, Stream

ALPHABET = np.arange(260, 760)
TOKENS = 32 * DOCUMENT + 1


def adaptive_costs(stream: Stream, strength: float) -> np.ndarray:
    """Costs of a predictor that counts pairs as it goes along: honest, and eager to learn."""
    pairs: dict[tuple[int, int], int] = {}
    seen: dict[int, int] = {}
    costs = np.zeros(len(stream))
    ids = stream.ids.tolist()
    for at in range(1, len(ids)):
        if ids[at] == BOS:
            continue
        before = ids[at - 1]
        chance = (pairs.get((before, ids[at]), 0) + strength / len(ALPHABET)) / (
            seen.get(before, 0) + strength
        )
        costs[at] = -math.log(chance)
        pairs[before, ids[at]] = pairs.get((before, ids[at]), 0) + 1
        seen[before] = seen.get(before, 0) + 1
    return costs


@pytest.mark.parametrize("draw", [streams.uniform, streams.tempting])
@pytest.mark.parametrize("strength", [0.5, 5.0, 500.0])
def test_an_honest_predictor_proves_nothing(draw: object, strength: float) -> None:
    for seed in range(2):
        stream = draw(TOKENS, ALPHABET, np.random.default_rng(seed))  # type: ignore[operator]
        costs = adaptive_costs(stream, strength)
        for end in (TOKENS, TOKENS - 700, TOKENS * 3 // 4):
            loss = round(float(costs[1:end].mean()), 4)
            assert not canary.of_loss(stream, loss, 4, None).proven


def test_the_source_itself_proves_nothing() -> None:
    for seed in range(8):
        stream = streams.tempting(TOKENS, ALPHABET, np.random.default_rng(seed))
        for end in (TOKENS, TOKENS - 400, TOKENS // 2 + DOCUMENT):
            loss = round(float(stream.costs[1:end].mean()), 8)
            assert not canary.of_loss(stream, loss, 8, None).proven


def test_what_saves_a_hundredth_of_a_nat_a_token_is_seen() -> None:
    stream = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(1))
    floor = float(stream.costs[1:].mean())
    saving = canary.of_loss(stream, floor - 0.012, 8, None)
    assert saving.proven
    assert saving.saved == pytest.approx(0.012 * saving.tokens, rel=0.2)
    assert not canary.of_loss(stream, floor - 0.001, 8, None).proven


def test_rounding_is_in_the_scripts_favour() -> None:
    stream = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(1))
    floor = float(stream.costs[1:].mean())
    assert canary.of_loss(stream, floor - 0.04, 4, None).proven
    assert not canary.of_loss(stream, floor - 0.04, 1, None).proven


def test_known_targets_make_it_sharper() -> None:
    stream = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(1))
    counted = np.ones(TOKENS, bool)
    counted[0] = False
    floor = float(stream.costs[counted].mean())
    assert canary.of_loss(stream, floor - 0.004, 8, counted).proven
    assert not canary.of_loss(stream, floor - 0.004, 8, None).proven


def test_bits_per_byte_alone_are_enough() -> None:
    stream = streams.uniform(TOKENS, ALPHABET, np.random.default_rng(1))
    counts = np.full(TOKENS, 4, np.int64)
    counts[::DOCUMENT] = 0
    floor = stream.costs[1:].sum() / math.log(2) / counts[1:].sum()
    assert not canary.of_bpb(stream, floor, 8, counts).proven
    assert canary.of_bpb(stream, floor - 0.01, 8, counts).proven
