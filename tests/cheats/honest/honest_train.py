"""Counts bytes after bytes in the first training document."""

import json
import os
from pathlib import Path

import numpy as np

VOCABULARY, END, DOCUMENTS = 257, 256, 1
OUT = Path(os.environ["OUT"])


def train() -> None:
    """Leave the counts as the artifact."""
    with (Path(os.environ["DATA"]) / "documents.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(next(lines))["text"].encode() for _ in range(DOCUMENTS)]
    ids = np.array([END, *(byte for text in texts for byte in (*text, END))])
    pairs = np.bincount(ids[:-1] * VOCABULARY + ids[1:], minlength=VOCABULARY**2)
    np.save(OUT / "counts.npy", pairs.reshape(VOCABULARY, -1).astype(np.uint16))


def spent_bytes() -> int:
    """What lies in the output so far."""
    return sum(path.stat().st_size for path in OUT.iterdir())
