"""Round the weights to bfloat16: python pack.py, with the trained weights in $IN and $OUT to fill.

NumPy has no such numbers, so their 16 bits are kept as integers.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch


def main() -> None:
    """Load, round, leave one file of half the size."""
    with np.load(Path(os.environ["IN"]) / "weights.npz") as weights:
        rounded = {
            name: torch.tensor(weights[name]).bfloat16().view(torch.int16).numpy()
            for name in weights
        }
    np.savez(Path(os.environ["OUT"]) / "weights.npz", **rounded)


if __name__ == "__main__":
    main()
