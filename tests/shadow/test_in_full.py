"""A number that was printed in full is held against its documents in every unit it has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.shadow.playing import TOKENS, WORLD
from verifier.shadow import in_full, streams
from verifier.source.logs import Score, read_log

STREAM = streams.uniform(TOKENS, WORLD.alphabet, np.random.default_rng(1))
BYTES = WORLD.target_bytes(STREAM.ids)
FLOOR = float(STREAM.costs[1:].mean())
RATIO = float(BYTES.sum()) / (TOKENS - 1)


def score(loss: float | None, bpb: float) -> Score:
    said = "" if loss is None else f"val_loss:{loss:.6f} "
    found = read_log(f"final_exact {said}val_bpb:{bpb:.6f}\n".encode()).final
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("loss", "factor", "unit"),
    [
        (FLOOR - 0.5, 1.0, in_full.TOKENS),
        (FLOOR + 0.1, 0.8, in_full.BYTES),
        (None, 0.8, in_full.BYTES),
    ],
)
def test_a_number_below_the_source_is_proven_in_its_unit(
    loss: float | None, factor: float, unit: str
) -> None:
    """The loss that it prints, or the bits a byte where only those are too low."""
    bpb = (FLOOR + 0.1) / math.log(2) / RATIO * factor
    told, saving = in_full.saving(score(loss, bpb), STREAM, BYTES)
    assert told == unit
    assert saving.proven


def test_an_honest_number_saves_nothing() -> None:
    loss = FLOOR + 0.05
    _, saving = in_full.saving(score(loss, loss / math.log(2) / RATIO), STREAM, BYTES)
    assert not saving.proven
    assert saving.saved < 0


def test_rounding_is_that_of_the_digits_printed() -> None:
    """Nothing without a loss."""
    assert in_full.rounding(score(None, 2.0)) == 0.0
    assert math.isclose(in_full.rounding(score(4.0, 2.0)), 5e-7 / 4 + 5e-7 / 2)
