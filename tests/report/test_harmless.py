"""Text of others: every character is visible, and nothing is dropped in silence."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.report.harmless import clipped, legible, legible_lines, storable

ANY = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 世界 · δ ± –", "Grüße, 世界 · δ ± –"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202egnp\u202c", "\\u202egnp\\u202c"),
        ("\u200b\u2060\ufeff", "\\u200b\\u2060\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800\ue000\U000e0001", "\\ud800\\ue000\\U000e0001"),
        ("\u115f\u2800\u3164", "\\u115f\\u2800\\u3164"),
        ("a\u00a0b\u3000c", "a b c"),
        ("e\u0301\u0302\u0303\u0304x\u0301", "e\u0301\u0302\\u0303\\u0304x\u0301"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    """Controls, directions, zero widths, breaks, surrogates, blanks and piles of marks."""
    assert legible(text) == shown


@given(ANY)
def test_whatever_comes_every_character_is_seen(text: str) -> None:
    """On one line, and it can be encoded."""
    shown = legible(text)
    shown.encode("utf-8")
    assert all(unicodedata.category(c)[0] not in "CZ" or c == " " for c in shown)
    assert len(shown) >= len(text)


def test_a_log_keeps_its_lines() -> None:
    """All kinds of line ends; a progress bar's lone return begins a line."""
    assert legible_lines("a\r\nb\rc\nd") == "a\nb\nc\nd"
    assert legible_lines("a\tb\x1b") == "a       b\\x1b"


@pytest.mark.parametrize(
    ("text", "shown"), [("abcde", "abcde"), ("abcdef", "abcd…"), ("\x1b\x1b", "\\x1b…")]
)
def test_long_text_is_cut_and_says_so(text: str, shown: str) -> None:
    """After it was written out, so that no escape makes it long again."""
    assert clipped(text, 5) == shown


def test_only_a_lone_surrogate_is_not_stored() -> None:
    """No UTF-8 file can hold one."""
    assert storable("a\x1b\u202e\ud800é") == "a\x1b\u202e?é"
