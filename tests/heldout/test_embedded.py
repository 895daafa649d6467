"""The embedded default is the same bytes everywhere, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.heldout.conftest import prose
from verifier import heldout
from verifier.errors import BadData, BadSubmission, MachineFault, RequestError
from verifier.heldout import HeldOut, django, embedded, folders, shards
from verifier.heldout.cutting import unshared


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh store; an archive that the user's own store already holds is not fetched again."""
    place = tmp_path_factory.mktemp("store")
    known = Path(os.environ.get("VERIFIER_STORE", ".cache")) / "downloads" / django.ARCHIVE
    if known.is_file():
        (place / "downloads").mkdir()
        (place / "downloads" / django.ARCHIVE).write_bytes(known.read_bytes())
    return place


@pytest.fixture(scope="session")
def held_out(store: Path) -> HeldOut:
    return heldout.build(store)


def test_the_real_build_has_the_pinned_manifest(held_out: HeldOut) -> None:
    """Same digest on every run and machine; sizes are those that the policy names."""
    assert held_out.manifest_digest == heldout.EMBEDDED_MANIFEST
    made = held_out.tokens("data")
    assert (made.documents, made.targets, made.document_bytes) == (91, 85_934, 200_056)
    assert made.unspelled == 0
    assert made.table_bytes == made.document_bytes, "no document begins with a space"
    assert all(1_500 <= len(document) <= 12_000 for document in held_out.documents)


def test_a_second_build_opens_the_first(held_out: HeldOut, store: Path) -> None:
    """Cached, and checked again as it is opened."""
    assert heldout.build(store) == held_out
    assert heldout.open_embedded(store) == held_out


def test_held_out_documents_share_no_window_with_the_training_side(held_out: HeldOut) -> None:
    """PROTOCOL §7: nothing to recite."""
    everything = [*held_out.documents, *held_out.training_documents()]
    assert all(unshared(everything, 48, 12)[: len(held_out.documents)])


def test_only_the_training_folder_is_readable_by_others(held_out: HeldOut, store: Path) -> None:
    """The secret lies beside it, for its owner alone, and never inside it."""
    folder = held_out.training_folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "documents.jsonl",
        "fineweb_train_000000.bin",
        "tokenizer.model",
    ]
    assert (folder.parent / "secret").stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o005 == 0o005


def test_the_training_side_is_the_same_in_ids_and_text(held_out: HeldOut) -> None:
    """A reference model may use either; each document stands between two ENDs."""
    ids = held_out.training_ids("data")
    assert (int(ids[0]), int(ids[-1])) == (1, 1)
    documents = list(held_out.training_documents())
    assert int((ids == 1).sum()) == len(documents) + 1
    raw = held_out.training_ids("bytes")
    assert (int(raw[0]), int(raw[-1])) == (256, 256)
    assert bytes(raw[1 : 1 + len(documents[0])].astype(np.uint8)) == documents[0]
    shard = shards.read(held_out.training_folder / embedded.TRAINING_SHARD, 1024)
    assert shard.tolist() == ids[:-1].tolist()


def test_a_subset_is_chosen_by_hash_and_named_by_its_own_digest(held_out: HeldOut) -> None:
    """Tests use few documents; their number can never pass for the whole."""
    few = held_out.subset(5)
    assert few.documents == held_out.documents[:5], "the embedded default is ordered by sha256"
    assert few.manifest_digest != held_out.manifest_digest
    assert held_out.subset(9).subset(5).manifest_digest == few.manifest_digest
    assert held_out.subset(91) is held_out
    whole = held_out.tokens("data")
    assert few.tokens("data").ids.tolist() == whole.ids[: whole.offsets[5]].tolist()
    for count in (0, 92):
        with pytest.raises(RequestError, match="there are 91"):
            held_out.subset(count)


def test_facts_repeat_what_the_tokens_count(held_out: HeldOut) -> None:
    """The ledger's record is built from the counted stream."""
    made = held_out.tokens("bytes")
    facts = held_out.facts(made)
    assert (facts.targets, facts.document_bytes) == (200_147, 200_056)
    assert facts.ids_digest == made.ids_digest
    assert int(facts.target_counts.sum()) == facts.targets


def test_an_own_tokenizer_must_spell_every_document(held_out: HeldOut) -> None:
    """R8: a tokenizer that drops a byte leaves the byte count unproven, and is not believed."""
    few = held_out.subset(3)
    table = [bytes([value]) for value in range(256)]
    ids = [np.frombuffer(document, np.uint8).astype(np.int32) for document in few.documents]
    made = few.tokens_from_box(ids, table, digest="0" * 64, end=None)
    assert (made.vocabulary, made.end, made.unspelled) == (257, 256, 0)
    lossy = few.tokens_from_box([ids[0], ids[1][:-1], ids[2]], table, digest="0" * 64, end=None)
    assert (lossy.unspelled, lossy.first_unspelled) == (1, 1)
    assert lossy.document_bytes == made.document_bytes
    with pytest.raises(BadSubmission, match="answered 2 documents"):
        few.tokens_from_box(ids[:2], table, digest="0" * 64, end=None)
    with pytest.raises(RequestError, match="END 256"):
        few.tokens_from_box(ids, table, digest="0" * 64, end=256)


TEXTS = [prose(seed, 1200) for seed in range(60)]


def test_the_same_texts_make_the_same_data_set_twice(tmp_path: Path) -> None:
    """Nothing depends on the machine, the clock or a choice."""
    made = []
    for name in ("a", "b"):
        with folders.making(tmp_path / name) as scratch:
            made.append(embedded.make(TEXTS, scratch, {}))
    assert made[0] == made[1]
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*")) for n in "ab"]
    assert files[0] == files[1]
    assert not list(tmp_path.glob("*.making"))


@pytest.mark.parametrize(
    "name", ["training/tokenizer.model", "training/documents.jsonl", "secret/documents.jsonl"]
)
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """The manifest pins every byte."""
    with folders.making(tmp_path / "d") as scratch:
        embedded.make(TEXTS, scratch, {})
    path = tmp_path / "d" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BadData, match=name):
        heldout.open_imported(tmp_path / "d")


def test_another_data_set_under_the_pinned_name_is_refused(tmp_path: Path) -> None:
    """A tokenizer library that trains otherwise must not give another task in silence."""
    place = embedded.place(tmp_path)
    place.parent.mkdir(parents=True)
    with folders.making(place) as scratch:
        embedded.make(TEXTS, scratch, {})
    with pytest.raises(MachineFault, match="not the pinned"):
        heldout.open_embedded(tmp_path)


def test_an_interrupted_making_leaves_no_data_set(tmp_path: Path) -> None:
    """Whole or not at all."""
    with pytest.raises(KeyboardInterrupt), folders.making(tmp_path / "d") as scratch:
        (scratch / "secret" / "documents.jsonl").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_data_that_was_never_built_is_asked_for_by_name(tmp_path: Path) -> None:
    """The remedy is the command."""
    with pytest.raises(BadData, match="verifier data build"):
        heldout.open_embedded(tmp_path)
