"""Documents are stretches of the text, of the right size, and the held-out ones share nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.heldout.conftest import prose
from verifier.heldout.cutting import Cut, cut, sections, unshared
from verifier.heldout.fingerprints import distinct_counts, window_hashes

SMALL = Cut(least_bytes=40, most_bytes=200)
TEXTS = st.text(alphabet=st.sampled_from("ab é漢=-\n"), max_size=900)


@given(TEXTS)
def test_sections_joined_are_the_text(text: str) -> None:
    """Cutting at headings loses nothing."""
    assert "".join(sections(text)) == text


def test_a_heading_starts_a_section_with_its_overline() -> None:
    """The line above a title belongs to it when it is the same rule."""
    assert sections("intro\n\n=====\nTitle\n=====\ntext\n\nSub\n---\nmore\n") == [
        "intro\n\n",
        "=====\nTitle\n=====\ntext\n\n",
        "Sub\n---\nmore\n",
    ]


@given(TEXTS)
def test_documents_are_stretches_of_the_text_in_order_and_of_the_right_size(text: str) -> None:
    """No byte is changed, no document is too short or too long, none overlaps another."""
    at = 0
    for document in cut(text, SMALL):
        assert SMALL.least_bytes <= len(document.encode()) <= SMALL.most_bytes
        at = text.index(document, at) + len(document)


def test_prose_is_cut_without_a_remainder() -> None:
    """Ordinary text goes into documents whole."""
    text = prose(1, 3000)
    assert "".join(cut(text, Cut(least_bytes=1500, most_bytes=12000))) == text


@given(st.binary(max_size=300), st.integers(1, 60))
def test_equal_windows_and_only_they_hash_equal(text: bytes, width: int) -> None:
    """The hash depends on a window's bytes alone, wherever it lies."""
    hashes = window_hashes(np.frombuffer(text, np.uint8), width)
    windows = [text[at : at + width] for at in range(len(text) - width + 1)]
    assert len(hashes) == len(windows)
    assert len(set(hashes.tolist())) == len(set(windows))
    assert dict(zip(windows, hashes.tolist(), strict=True)) == {
        window: int(window_hashes(np.frombuffer(window, np.uint8), width)[0]) for window in windows
    }


def test_hashes_do_not_depend_on_the_block_they_are_computed_in() -> None:
    """Windows across the internal block border hash like any other."""
    text = np.frombuffer(prose(2, 40_000).encode(), np.uint8)
    hashes = window_hashes(text, 48)
    for at in ((1 << 15) - 47, (1 << 15) - 1, 1 << 15, len(text) - 48):
        assert hashes[at] == window_hashes(text[at : at + 48], 48)[0]


@given(st.binary(max_size=120), st.integers(1, 50))
def test_distinct_bytes_are_counted_exactly(text: bytes, width: int) -> None:
    """The vectorised count is that of a set."""
    counts = distinct_counts(np.frombuffer(text, np.uint8), width)
    windows = [text[at : at + width] for at in range(len(text) - width + 1)]
    assert counts.tolist() == [len(set(window)) for window in windows]


def test_one_shared_window_makes_both_documents_ineligible() -> None:
    """PROTOCOL §7: held-out documents share no 48-byte window with any other document."""
    shared = prose(7)[100:148]
    documents = [prose(3), prose(4) + shared, shared + prose(5), prose(6)]
    assert unshared([text.encode() for text in documents], 48, 12) == [True, False, False, True]
    assert unshared([prose(3).encode(), b"=" * 99, b"=" * 99], 48, 12) == [True, True, True]
    shorter = [text.encode() for text in (prose(3), prose(4) + shared[1:], shared[1:] + prose(5))]
    # One byte less than a window is not one, unless the neighbours happen to agree.
    assert shorter[1][-48:] != shorter[2][:48]
    assert unshared(shorter, 48, 12) == [True, True, True]
