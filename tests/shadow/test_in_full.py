"""A number that was printed in full is held against its documents in every unit it has."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.shadow.noting import Recording
from tests.shadow.playing import TOKENS, WORLD
from verifier.shadow import in_full, streams
from verifier.shadow.in_full import Seen
from verifier.shadow.notes import Notes
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


def scored(loss: float, *lines: str, factor: float = 1.0) -> tuple[Score, Notes]:
    """A run that prints `lines` while it trains, scores every target once, and prints a mean."""
    made = Recording()
    for line in lines:
        made.say(line)
    costs = np.asarray(STREAM.costs + loss - FLOOR)
    for start in range(1, TOKENS, 64):
        made.score(costs, range(start, min(start + 64, TOKENS)))
    mean = float(costs[1:].mean()) * factor
    told = score(mean, mean / math.log(2) / RATIO)
    made.say(told.quote.text)
    return told, made.notes()


def test_what_its_number_is_the_mean_of_is_counted_in_full_too() -> None:
    """However much it printed before; and nothing explains a number that was made up."""
    told, notes = scored(FLOOR + 0.1, *(f"step:{step} train_loss:5.0" for step in range(300)))
    assert in_full.seen(told, STREAM, BYTES, notes) == Seen(TOKENS - 1)
    told, notes = scored(FLOOR + 0.1, factor=0.9)
    assert in_full.seen(told, STREAM, BYTES, notes) == Seen()
    assert in_full.seen(told, STREAM, BYTES, None) == Seen()


def test_notes_that_were_cut_explain_nothing() -> None:
    told, notes = scored(FLOOR + 0.1)
    assert in_full.seen(told, STREAM, BYTES, replace(notes, cut=True)) == Seen()


def test_bits_a_byte_alone_are_explained_by_the_right_bytes() -> None:
    told, notes = scored(FLOOR + 0.1)
    alone = score(None, told.bpb)
    line = replace(notes.lines[-1], text=alone.quote.text)
    bits = replace(notes, lines=(*notes.lines[:-1], line))
    assert in_full.seen(alone, STREAM, BYTES, bits) == Seen(TOKENS - 1)
    assert in_full.seen(score(None, told.bpb * 0.9), STREAM, BYTES, bits) == Seen()


def test_rounding_is_that_of_the_digits_printed() -> None:
    """Nothing without a loss."""
    assert in_full.rounding(score(None, 2.0)) == 0.0
    assert math.isclose(in_full.rounding(score(4.0, 2.0)), 5e-7 / 4 + 5e-7 / 2)


def test_what_was_learned_before_it_was_scored_is_counted() -> None:
    """A step between a lesson and the counted visit; who scores first has learned nothing."""
    costs = np.asarray(STREAM.costs + 0.1)
    mean = float(costs[1:].mean())
    told = score(mean, mean / math.log(2) / RATIO)
    early, late = range(1, 513), range(513, TOKENS)

    def made(*done: tuple[range, bool]) -> Seen:
        run = Recording()
        for places, learning in done:
            run.score(costs + 1.0 if learning else costs, places, learning=learning)
        run.say(told.quote.text)
        return in_full.seen(told, STREAM, BYTES, run.notes())

    assert made((early, True), (early, False), (late, False)).learned == len(early)
    assert made((early, False), (early, True), (late, False), (late, True)).learned == 0
    assert made((early, False), (late, False)).learned == 0


@pytest.mark.parametrize("block", [-5, 10**9])
def test_notes_that_lie_about_their_lines_explain_what_they_can(block: int) -> None:
    """They were written beside a hostile script."""
    told, notes = scored(FLOOR + 0.1, "step:1 train_loss:5.0")
    forged = replace(notes, lines=(replace(notes.lines[0], block=block), *notes.lines[1:]))
    assert in_full.seen(told, STREAM, BYTES, forged) in (Seen(), Seen(TOKENS - 1))
