"""Targets are canonical, and bytes are the documents', never a tokenizer's word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.heldout.conftest import prose
from verifier.errors import BadData, BadSubmission
from verifier.heldout import tokens
from verifier.heldout.tokenizer import Tokenizer, train
from verifier.heldout.tokens import Tokens

TEXTS = st.lists(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="▁\0"), min_size=1
    ),
    min_size=1,
    max_size=5,
)


def encoded(model: Path, documents: list[bytes]) -> Tokens:
    tokenizer = Tokenizer(model)
    pieces = tokenizer.pieces()
    return tokens.from_encoded(
        tokenizer.encode(documents),
        documents,
        pieces.spelled,
        tokenizer="data",
        digest=tokenizer.digest,
        end=tokenizer.end,
        pieces=pieces,
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(TEXTS)
def test_any_text_without_the_space_mark_is_spelled_exactly(model: Path, texts: list[str]) -> None:
    """Identity normalisation, byte fallback, spaces kept: every document round-trips."""
    documents = [text.encode() for text in texts]
    made = encoded(model, documents)
    assert made.unspelled == 0
    assert made.document_bytes == sum(map(len, documents))
    assert [int(made.document(i)[-1]) for i in range(len(documents))] == [1] * len(documents)
    assert made.vocabulary == 1024


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(TEXTS)
def test_the_table_counts_the_bytes_but_for_a_leading_space(model: Path, texts: list[str]) -> None:
    """The official table skips one space after BOS, and a lone '▁' piece elsewhere is one byte."""
    documents = [text.encode() for text in texts]
    made = encoded(model, documents)
    leading = sum(document.startswith(b" ") for document in documents)
    assert made.table_bytes == made.document_bytes - leading


def test_a_document_that_holds_the_space_mark_counts_as_unspelled(model: Path) -> None:
    """The tokenizer reads U+2581 as a space, so its bytes are unproven."""
    documents = [b"one", "two ▁ three".encode(), b"four"]
    made = encoded(model, documents)
    assert (made.unspelled, made.first_unspelled) == (1, 1)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6))
def test_bytes_are_their_own_tokens(documents: list[bytes]) -> None:
    """V = 257, END = 256, n + 1 targets a document; offsets lead to each."""
    made = tokens.from_bytes(documents)
    for number, document in enumerate(documents):
        assert made.document(number).tolist() == [*document, 256]
    assert made.target_counts.tolist() == [len(document) + 1 for document in documents]
    assert (made.vocabulary, made.end, made.table_bytes) == (257, 256, None)


def test_a_stream_of_shard_ids_is_the_same_targets_as_encoding(model: Path) -> None:
    """The next document's BOS is this one's END: shards and text agree."""
    documents = [prose(seed).encode() for seed in range(4)]
    made = encoded(model, documents)
    stream = np.concatenate(([1], made.ids[:-1])).astype(np.uint16)
    tokenizer = Tokenizer(model)
    pieces = tokenizer.pieces()
    again, spelled = tokens.from_stream(stream, None, pieces, end=1, digest=tokenizer.digest)
    assert spelled == tuple(documents)
    assert again.ids_digest == made.ids_digest
    assert again.table_bytes == made.table_bytes
    assert (again.unspelled, again.targets) == (0, made.targets)
    assert again.competition_targets(64) == (made.targets - 1) // 64 * 64


def test_shards_whose_tokens_do_not_spell_the_given_text_are_counted(model: Path) -> None:
    """Raw documents are the denominator; a document that differs is unspelled."""
    pieces = Tokenizer(model).pieces()
    ids = np.array([1, 4 + ord("a"), 1, 4 + ord("b"), 1, 3])
    made, _ = tokens.from_stream(ids, [b"a", b"B", b"c"], pieces, end=1, digest="0" * 64)
    assert (made.unspelled, made.first_unspelled) == (2, 1)
    alone, spelled = tokens.from_stream(ids, None, pieces, end=1, digest="0" * 64)
    assert spelled == (b"a", b"b", b"")
    assert (alone.unspelled, alone.first_unspelled) == (1, 2), "an unknown token has no bytes"
    with pytest.raises(BadSubmission, match="2 documents"):
        tokens.from_stream(ids, [b"a", b"b"], pieces, end=1, digest="0" * 64)


def test_lone_byte_pieces_are_bytes_not_replacement_characters(model: Path) -> None:
    """PROTOCOL §5: never `decode`."""
    pieces = Tokenizer(model).pieces()
    _, spelled = tokens.from_stream(np.array([1, 4 + 0xFF]), None, pieces, end=1, digest="")
    assert spelled == (b"\xff",)


@pytest.mark.parametrize(
    "ids",
    [np.array([2]), np.array([-1]), np.array([1]), np.array([0.5]), np.array([[0]])],
    ids=["beyond the table", "negative", "END inside", "no whole number", "two-dimensional"],
)
def test_an_id_without_a_place_in_the_table_is_refused(ids) -> None:
    """A box's answer is hostile: the document is named."""
    with pytest.raises(BadSubmission) as caught:
        tokens.from_encoded(
            [np.array([0]), ids], [b"a", b"a"], [b"a", b""], tokenizer="own", digest="", end=1
        )
    assert caught.value.place == "document 1"


def test_pieces_of_megabytes_are_not_put_together() -> None:
    """Attack: a hundred thousand ids that spell sixteen megabytes each: a terabyte and a half."""
    made = tokens.from_encoded(
        [np.zeros(100_000, np.int32), np.array([1])],
        [b"a", b"b"],
        [bytes(16 << 20), b"b", b""],
        tokenizer="own",
        digest="",
        end=2,
    )
    assert (made.unspelled, made.first_unspelled) == (1, 0)


def test_training_the_tokenizer_twice_gives_the_same_bytes(model: Path) -> None:
    """Manifest digests rest on it."""
    assert train(prose(s, 9000).encode() for s in range(1000, 1008)) == model.read_bytes()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """Named, not crashed on."""
    path = tmp_path / "x.model"
    path.write_bytes(b"\xff not a model")
    with pytest.raises(BadData, match="no sentencepiece model"):
        Tokenizer(path)
