"""The palette: read on paper, in the dark, without red and green, and without any colour."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.report.colours import apart, contrast, palettes
from verifier.records import Answer, Outcome
from verifier.report import words

PALETTES = palettes()
TONES = ("verified", "reproduced", "refuted", "inconclusive")
READABLE, DRAWN = 4.5, 3.0

pytestmark = pytest.mark.parametrize("palette", PALETTES)


@pytest.mark.parametrize("ink", ["ink", "muted", *TONES])
def test_every_text_stands_out_from_what_it_is_written_on(palette: str, ink: str) -> None:
    """WCAG 2, level AA: 4.5 to 1, on the page, on a card and on the tint of every answer."""
    colours = PALETTES[palette]
    tints = (f"{tone}-tint" for tone in (TONES if ink in {"ink", "muted"} else (ink,)))
    for ground in ("page", "paper", *tints):
        assert contrast(colours[ink], colours[ground]) >= READABLE, ground


@pytest.mark.parametrize("ink", ["charge", "reference", "alarm"])
def test_every_line_of_a_picture_stands_out_from_the_paper(palette: str, ink: str) -> None:
    """WCAG 2: 3 to 1 for what is drawn."""
    assert contrast(PALETTES[palette][ink], PALETTES[palette]["paper"]) >= DRAWN


@pytest.mark.parametrize("seen", ["all", "deuteranopia", "protanopia", "greyscale"])
def test_what_deviates_is_told_apart_by_everybody(palette: str, seen: str) -> None:
    """In a print without colours too: the alarm is lighter than the charge, not only redder."""
    colours = PALETTES[palette]
    assert apart(colours["charge"], colours["alarm"], seen) >= 12


@pytest.mark.parametrize("seen", ["all", "deuteranopia", "protanopia"])
def test_a_refuted_run_does_not_look_like_another(palette: str, seen: str) -> None:
    """Orange against green and blue, never red against green."""
    colours = PALETTES[palette]
    for tone in {*TONES} - {"refuted"}:
        assert apart(colours["refuted"], colours[tone], seen) >= 25, tone


def test_no_answer_and_no_outcome_is_told_by_its_colour_alone(palette: str) -> None:
    """A sign of its own stands before each, whatever its tone: greys are all alike."""
    assert PALETTES[palette]
    for signs, all_of in ((words.ANSWER_GLYPHS, Answer), (words.OUTCOME_GLYPHS, Outcome)):
        assert set(signs) == set(all_of)
        assert all(one != other for one, other in combinations(signs.values(), 2))
