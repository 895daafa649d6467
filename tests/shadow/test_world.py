"""A small world has the tokenizer and the shards that a script of the competition expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sentencepiece  # type: ignore[import-untyped, unused-ignore]

from verifier.heldout import shards
from verifier.shadow.streams import DOCUMENT, uniform
from verifier.shadow.world import SMALLEST, furnish, lay_out


@pytest.mark.parametrize("vocabulary", [SMALLEST, 1024, 8192])
def test_the_tokenizer_is_laid_out_as_the_competitions(tmp_path: Path, vocabulary: int) -> None:
    world = lay_out(tmp_path, vocabulary)
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / world.tokenizer))
    assert model.vocab_size() == vocabulary
    assert (model.pad_id(), model.bos_id(), model.eos_id(), model.unk_id()) == (0, 1, 2, 3)
    assert [model.is_byte(piece) for piece in (3, 4, 259, 260)] == [False, True, True, False]
    assert model.piece_to_id("▁") == 260
    assert model.encode("ab zz")
    pieces = [model.id_to_piece(piece) for piece in range(vocabulary)]
    assert len(set(pieces)) == vocabulary


def test_what_the_alphabet_spells_is_what_the_tokenizer_decodes(tmp_path: Path) -> None:
    """A script that counts bytes by decoding gets the table's number."""
    world = lay_out(tmp_path, 1024)
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / world.tokenizer))
    for token in world.alphabet.tolist():
        assert len(model.decode([300, token]).encode()) == sum(
            len(world.pieces.spelled[each]) for each in (300, token)
        )


@pytest.mark.parametrize("vocabulary", [0, SMALLEST - 1, 1 << 17])
def test_a_vocabulary_that_cannot_be_is_refused(tmp_path: Path, vocabulary: int) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        lay_out(tmp_path, vocabulary)


def test_the_shards_hold_the_streams(tmp_path: Path) -> None:
    world, random = lay_out(tmp_path / "tokenizer", 1024), np.random.default_rng(1)
    heldout = uniform(4 * DOCUMENT + 1, world.alphabet, random).ids
    training = uniform(9 * DOCUMENT, world.alphabet, random).ids
    furnish(world, tmp_path / "world", heldout, training)
    folder = tmp_path / "world" / world.datasets
    assert (shards.read(folder / "fineweb_val_000000.bin", 1024) == heldout).all()
    parts = [shards.read(folder / f"fineweb_train_00000{n}.bin", 1024) for n in (0, 1)]
    assert (np.concatenate(parts) == training).all()
    assert all(int(part[0]) == 1 for part in parts)
    assert (tmp_path / "world" / world.tokenizer).is_file()
