"""Count the training side's n-grams: python train.py, with $DATA to read and $OUT to fill.

There is nothing random in counting, so there is no seed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from model import BITS, BOS, ORDER, Ints, keys

HEADER_BYTES = 256 * 4  # int32: 20240520, 1, number of ids, …


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
    shard = min(Path(os.environ["DATA"]).glob("fineweb_train_*.bin"))
    ids = np.fromfile(shard, "<u2", offset=HEADER_BYTES).astype(np.int64)
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
