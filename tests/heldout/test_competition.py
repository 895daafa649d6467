"""The competition's shards give documents, bytes and boundaries, or a place to look at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.heldout.conftest import prose
from verifier import heldout
from verifier.errors import BadData
from verifier.heldout import shards
from verifier.heldout.tokenizer import Tokenizer

DOCUMENTS = [prose(seed).encode() for seed in range(6)]


def stream(model: Path, documents: list[bytes]) -> np.ndarray:
    return np.concatenate([[1, *ids] for ids in Tokenizer(model).encode(documents)])


@pytest.fixture
def source(model: Path, tmp_path: Path) -> Path:
    """Two shards; the third document runs on from one into the other."""
    folder = tmp_path / "shards"
    folder.mkdir()
    ids = stream(model, DOCUMENTS)
    middle = len(ids) * 2 // 5
    shards.write(folder / "fineweb_val_000000.bin", ids[:middle])
    shards.write(folder / "fineweb_val_000001.bin", ids[middle:])
    return folder


def test_documents_bytes_and_boundaries_are_recovered(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """From ids and piece bytes alone; opened again from the store it is the same."""
    imported = heldout.import_competition(source, model, tmp_path / "store")
    assert imported.documents == tuple(DOCUMENTS)
    made = imported.tokens("data")
    assert (made.unspelled, made.targets) == (0, len(stream(model, DOCUMENTS)))
    assert made.competition_targets(128) % 128 == 0
    assert made.targets - made.competition_targets(128) in range(1, 129)
    assert imported.tokens("bytes").document_bytes == sum(map(len, DOCUMENTS))
    again = heldout.import_competition(source, model, tmp_path / "store")
    assert again.manifest_digest == imported.manifest_digest
    few = imported.subset(2)
    assert set(few.documents) <= set(DOCUMENTS)
    assert few.tokens("data").unspelled == 0
    assert few.tokens("data").document_bytes == sum(map(len, few.documents))


def test_raw_documents_replace_what_the_pieces_spell(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """--docs: the denominator is the raw text; what tokens do not spell is counted."""
    raw = tmp_path / "docs.jsonl"
    texts = [document.decode() for document in DOCUMENTS]
    texts[3] = "ﬁ " + texts[3]
    raw.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    imported = heldout.import_competition(source, model, tmp_path / "store", documents=raw)
    assert imported.documents[3].decode() == texts[3]
    assert imported.tokens("data").first_unspelled == 3
    raw.write_text('{"text": "one"}\n')
    with pytest.raises(BadData, match="1 documents, but the shards hold 6") as caught:
        heldout.import_competition(source, model, tmp_path / "store", documents=raw)
    assert caught.value.place == "2"


@pytest.mark.parametrize(
    "line", ['{"text": 3}', "[]", "{", '{"text": "\\ud800"}', "[" * 100_000], ids=range(5)
)
def test_a_malformed_line_of_documents_is_named(
    source: Path, model: Path, tmp_path: Path, line: str
) -> None:
    """File and line, whatever is wrong with it."""
    raw = tmp_path / "docs.jsonl"
    raw.write_text('{"text": "one"}\n' + line + "\n")
    with pytest.raises(BadData) as caught:
        heldout.import_competition(source, model, tmp_path / "store", documents=raw)
    assert (caught.value.file, caught.value.place) == (str(raw), "2")


def test_held_out_documents_in_training_shards_are_reported(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """DATA_OVERLAP: which document, which shard, which token."""
    folder = tmp_path / "train"
    folder.mkdir()
    other = [prose(seed).encode() for seed in (50, 51)]
    leaked = stream(model, [other[0], DOCUMENTS[4], other[1]])
    shards.write(folder / "fineweb_train_000000.bin", stream(model, other))
    shards.write(folder / "fineweb_train_000001.bin", leaked)
    imported = heldout.import_competition(source, model, tmp_path / "store", training=folder)
    at = len(stream(model, other[:1]))
    assert imported.found_in_training == ((4, "fineweb_train_000001.bin", at),)
    assert imported.training_folder == folder
    assert list(imported.training_documents()) == other


def test_a_corrupt_shard_is_named_with_its_offset(
    source: Path, model: Path, tmp_path: Path
) -> None:
    """The fault reaches the user as file:offset."""
    path = source / "fineweb_val_000001.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadData, match=r"fineweb_val_000001\.bin:\d+: "):
        heldout.import_competition(source, model, tmp_path / "store")
    with pytest.raises(BadData, match="holds no fineweb_val"):
        heldout.import_competition(tmp_path, model, tmp_path / "store")
