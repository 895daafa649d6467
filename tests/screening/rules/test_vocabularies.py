"""A tokenizer of one's own, and bytes that a file says, ask for a person."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from tests.screening.rules.test_byte_tables import text as byte_table
from verifier.screening import Confidence
from verifier.screening.rules import vocabularies
from verifier.source import Tree, read_program


def test_a_tokenizer_of_ones_own_is_asked_for_a_lone_space() -> None:
    """Red: another vocabulary, not checked; near misses: shared ones, and a check."""
    own = byte_table().replace("fineweb_1024_bpe.model", "words_30k.model")
    assert told(remarks(vocabularies, own)) == {"bytes-no-lone-space": Confidence.REVIEW}
    checked = own.replace(
        "    long = np.zeros", '    assert sp.piece_to_id("▁") != sp.unk_id()\n    long = np.zeros'
    )
    assert told(remarks(vocabularies, checked)) == {}
    shared = byte_table().replace("fineweb_1024_bpe", "fineweb_8192_bpe")
    assert told(remarks(vocabularies, shared)) == {}


@pytest.mark.parametrize(
    ("content", "asks"),
    [(b"\n\x03\xe2\x96\x81\x15", False), (b"\n\x06\xe2\x96\x81the", True), (b"", True)],
)
def test_a_shipped_tokenizer_is_looked_at(content: bytes, asks: bool) -> None:
    """Red: no piece of the model is a space alone, whatever the script says."""
    own = byte_table().replace("fineweb_1024_bpe.model", "words_30k.model")
    own = own.replace(
        "    long = np.zeros", '    assert sp.piece_to_id("▁") != sp.unk_id()\n    long = np.zeros'
    )
    files = {"train_gpt.py": own.encode(), "tokenizers/words_30k.model": content}
    tree = Tree(files=files)
    program = read_program(tree)
    assert program is not None
    found = told(list(vocabularies.check(program, tree)))
    assert found == ({"bytes-no-lone-space": Confidence.REVIEW} if asks else {})


def test_a_shared_tokenizer_that_is_shipped_is_known_by_its_size() -> None:
    """Near miss: the same bytes; red: another file under its name, not checked."""
    shared = byte_table().replace("fineweb_1024_bpe", "fineweb_8192_bpe")
    for size, asks in ((370_917, False), (364_118, True)):
        unread = {"fineweb_8192_bpe.model": size}
        tree = Tree(files={"train_gpt.py": shared.encode()}, unread=unread)
        program = read_program(tree)
        assert program is not None
        found = told(list(vocabularies.check(program, tree)))
        assert found == ({"bytes-no-lone-space": Confidence.REVIEW} if asks else {})


LOADED = """
import numpy as np

def tables(path):
    with np.load(path) as data:
        return np.asarray(data["KEY"])

print(tables("words.meta.npz"))
"""


def test_bytes_read_from_a_file_of_the_submission_ask_for_a_person() -> None:
    """Red: nobody can see what a token counts; near misses: other arrays, no such file."""
    loaded = LOADED.replace("KEY", "base_bytes")
    readme = "The tokenizer is `words.vocab` with `words.meta.npz`."
    assert told(remarks(vocabularies, loaded, README__md=readme)) == {
        "bytes-from-file": Confidence.REVIEW
    }
    assert told(remarks(vocabularies, loaded)) == {"bytes-from-file": Confidence.NOTE}
    weights = LOADED.replace("KEY", "weights")
    assert told(remarks(vocabularies, weights, README__md=readme)) == {}


@pytest.mark.parametrize(
    ("files", "settings"),
    [({"words.meta.npz": b""}, ""), ({}, 'class Settings:\n    meta = "words.npz"\n')],
)
def test_a_table_among_the_files_or_settings_is_the_submissions_own(
    files: dict[str, bytes], settings: str
) -> None:
    """Red: it lies in the folder, or a setting names it."""
    loaded = settings + LOADED.replace("KEY", "base_bytes")
    program = read_program(Tree(files={"train_gpt.py": loaded.encode()} | files))
    assert program is not None
    tree = Tree(files={"train_gpt.py": loaded.encode()} | files)
    assert told(list(vocabularies.check(program, tree))) == {"bytes-from-file": Confidence.REVIEW}


def test_a_table_that_nothing_reads_is_a_note() -> None:
    """Near miss: the function is never called; nothing at all: the key of something else."""
    unused = LOADED.replace("KEY", "base_bytes").replace('print(tables("words.meta.npz"))', "")
    assert told(remarks(vocabularies, unused, README__md="`words.vocab`")) == {
        "bytes-from-file": Confidence.NOTE
    }
    other = LOADED.replace('data["KEY"]', 'seen["base_bytes"]')
    assert told(remarks(vocabularies, other, README__md="`words.vocab`")) == {}
    assigned = LOADED.replace(
        "with np.load(path) as data:", "if True:\n        data = torch.load(path)"
    )
    assert told(
        remarks(vocabularies, assigned.replace("KEY", "byte_len"), README__md="x.vocab")
    ) == {"bytes-from-file": Confidence.REVIEW}


def test_other_settings_and_other_tokenizers_are_asked_nothing() -> None:
    """Near miss: a path that is no tokenizer, a tokenizer that is no SentencePiece model."""
    other = byte_table().replace("tokenizer_path", "weights_path")
    assert told(remarks(vocabularies, other.replace("fineweb_1024_bpe", "own"))) == {}
    text = byte_table().replace("fineweb_1024_bpe.model", "own.vocab")
    assert told(remarks(vocabularies, text)) == {}
    number = byte_table().replace('"./data/tokenizers/fineweb_1024_bpe.model"', "7")
    assert told(remarks(vocabularies, number)) == {}
