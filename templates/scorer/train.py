"""Training: count which token follows which. Reads $DATA, leaves the artifact in $OUT.

$DATA is read-only and holds the training side alone. All that training leaves in $OUT is the
artifact: it is weighed together with this folder's code (at most 16,000,000 bytes) and is all that
the scorer gets. A clock outside of this process watches; nothing printed here is believed.
"""

import os
from pathlib import Path

import numpy as np

VOCABULARY = 1024
HEADER_BYTES = 256 * 4  # int32: 20240520, 1, number of ids, …
SMOOTHING = 25.0  # how many sightings of a token outweigh what all tokens have in common


def main() -> None:
    """Read one shard of ids, count pairs, smooth, save."""
    shard = min(Path(os.environ["DATA"]).glob("fineweb_train_*.bin"))
    ids = np.fromfile(shard, "<u2", offset=HEADER_BYTES).astype(np.int64)
    # BOS (id 1) starts every document in the shards; as a target it is END, so it is counted too.
    pairs = np.bincount(ids[:-1] * VOCABULARY + ids[1:], minlength=VOCABULARY**2)
    pairs = pairs.reshape(VOCABULARY, VOCABULARY).astype(np.float64)
    # A token that never followed must not be impossible: its charge would be infinite.
    share = (pairs.sum(axis=0) + 0.1) / (pairs.sum() + 0.1 * VOCABULARY)
    chances = (pairs + SMOOTHING * share) / (pairs.sum(axis=1, keepdims=True) + SMOOTHING)
    # Half precision halves the weight; the scorer makes the rows sum to 1 again.
    np.savez_compressed(Path(os.environ["OUT"]) / "bigram.npz", logs=np.log(chances).astype("f2"))
    print(f"{len(ids):,} tokens, {np.count_nonzero(pairs):,} different pairs")


if __name__ == "__main__":
    main()
