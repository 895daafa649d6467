"""Make own.model, once and beforehand: python make_tokenizer.py DOCUMENTS.jsonl

The documents are the training side's. What makes the byte count provable is said in SETTINGS:
nothing is normalised or left out, and what has no piece is spelled in bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

SETTINGS = {
    "model_type": "bpe",
    "vocab_size": 512,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "add_dummy_prefix": False,
    "byte_fallback": True,
    "character_coverage": 0.999,
    "max_sentence_length": 1 << 20,
    "num_threads": 1,
    "pad_id": 0,
    "bos_id": 1,  # the verifier takes it for END
    "eos_id": 2,
    "unk_id": 3,
    "minloglevel": 2,
}


def lines_of(path: Path) -> Iterator[str]:
    """The lines of all documents that are not empty."""
    with path.open(encoding="utf-8") as documents:
        for document in documents:
            yield from filter(None, json.loads(document)["text"].split("\n"))


def main() -> None:
    """Read, train, leave own.model beside this file."""
    with (Path(__file__).parent / "own.model").open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines_of(Path(sys.argv[1])), model_writer=model, **SETTINGS
        )


if __name__ == "__main__":
    main()
