"""Count the n-grams of the training side, in pieces of our own: python train.py.

`own.model` was made by `make_tokenizer.py` beforehand and is part of the submission. The training
documents are split by it here; the held-out ones are split by the verifier, in a box of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import sentencepiece
from model import BITS, BOS, ORDER, Ints, keys


def read_documents(data: Path) -> Ints:
    """The training documents as one long array of ids; BOS starts each."""
    own = sentencepiece.SentencePieceProcessor(model_file="own.model")
    ids: list[int] = []
    with (data / "documents.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            ids += [BOS, *own.EncodeAsIds(json.loads(line)["text"])]
    return np.array(ids)


def count(ids: Ints, length: int) -> tuple[Ints, Ints]:
    """(sorted keys, counts) of the n-grams of one length.

    Only the longest count how often they occur. The shorter ones are asked where the longer ones
    know nothing, so what counts is after how many different tokens they occur (Kneser and Ney,
    1995); a document's beginning has nothing before it and is counted as it is.
    """
    grams, counts = np.unique(keys(ids, length), return_counts=True)
    if length < ORDER:
        longer = np.unique(keys(ids, length + 1))
        shorter, different = np.unique(longer & ((1 << BITS * length) - 1), return_counts=True)
        begins = grams >> BITS * (length - 1) == BOS
        counts[~begins] = different[np.searchsorted(shorter, grams[~begins])]
    return grams, counts


def main() -> None:
    """Read, count, leave one file."""
    ids = read_documents(Path(os.environ["DATA"]))
    tables = {}
    for length in range(1, ORDER + 1):
        grams, counts = count(ids, length)
        # Sorted keys are far apart in value and close in steps: steps compress well.
        tables[f"steps{length}"] = np.diff(grams, prepend=0)
        tables[f"counts{length}"] = counts.astype(np.int32)
        print(f"{len(grams)} different n-grams of {length}", flush=True)
    np.savez_compressed(Path(os.environ["OUT"]) / "counts.npz", **tables)


if __name__ == "__main__":
    main()
