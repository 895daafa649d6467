"""What does a failed run say about its size, and which toy fits better?

Reads only the last lines of a traceback. Each known complaint changes one thing of the scale; where
none is known, the run is not tried again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from verifier.shadow.sizes import Scale
from verifier.shadow.toy import Toy, find_toy
from verifier.source import Program

TRIES = 3
_LINES = 12
_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Complaint:
    """Words of an error, and the scale that answers it; None where that was done already."""

    words: re.Pattern[str]
    answer: Callable[[Scale, re.Match[str]], Scale | None]


def next_toy(program: Program, toy: Toy, said: str, tries: int) -> Toy | None:
    """The next toy after a run that failed with `said` at its end; None where none is left.

    `tries` counts the runs so far, this one among them.
    """
    if tries >= TRIES:
        return None
    end = "\n".join(said[-_CHARACTERS:].strip().splitlines()[-_LINES:])
    for complaint in COMPLAINTS:
        found = complaint.words.search(end)
        scale = None if found is None else complaint.answer(toy.scale, found)
        if scale is not None and scale != toy.scale:
            return find_toy(program, scale)
    return None


def shorter(program: Program, toy: Toy, tries: int) -> Toy | None:
    """The next toy after a run that took too long: fewer layers, fewer rounds, fewer tokens."""
    if tries >= TRIES:
        return None
    scale = replace(
        toy.scale,
        layers=max(2, toy.scale.layers // 2),
        epochs=max(2, toy.scale.epochs // 4),
        rounds=max(8, toy.scale.rounds // 4),
        heldout_tokens=max(2049, toy.scale.heldout_tokens // 2 + 1),
    )
    return None if scale == toy.scale else find_toy(program, scale)


def _buckets(scale: Scale, found: re.Match[str]) -> Scale | None:
    asked = int(found[1].replace("_", "").replace(",", ""))
    return replace(scale, buckets_at_least=asked) if asked <= 1 << 16 else None


def _layers(scale: Scale, _: re.Match[str]) -> Scale | None:
    """As many layers as documented: an index of the text itself is out of range."""
    return replace(scale, layers=99) if scale.layers < scale.layers_before else None


def _seldom(scale: Scale, _: re.Match[str]) -> Scale | None:
    return replace(scale, validate_every=1_000_000)


def _width(scale: Scale, _: re.Match[str]) -> Scale | None:
    return replace(scale, width=128) if scale.width < 128 else None


def _longer(scale: Scale, _: re.Match[str]) -> Scale | None:
    tokens = 2 * scale.heldout_tokens - 1
    return replace(scale, heldout_tokens=tokens) if tokens < 1 << 16 else None


def _sequence(scale: Scale, _: re.Match[str]) -> Scale | None:
    return replace(scale, sequence=2 * scale.sequence) if scale.sequence < 1024 else None


COMPLAINTS: tuple[Complaint, ...] = (
    Complaint(re.compile(r"BUCKETS must be[^\n]{0,40}?>= ?(\d[\d_,]*\d)", re.IGNORECASE), _buckets),
    Complaint(re.compile(r"too short for|not enough (?:val|tokens)|no (?:val|scored) tokens|"
                         r"must provide at least one sequence|larger held-?out", re.IGNORECASE),
              _longer),
    Complaint(re.compile(r"ZeroDivisionError: integer .*modulo"), _seldom),
    Complaint(re.compile(r"divisible|multiple of|must be even|head_dim|"
                         r"size of tensor|shapes cannot be multiplied"), _width),
    Complaint(re.compile(r"IndexError|KeyError|out of range|NUM_LAYERS|num_layers|LOOP_|layer"),
              _layers),
    Complaint(re.compile(r"SEQ_LEN|seq_len|CHUNK"), _sequence),
)  # fmt: skip
