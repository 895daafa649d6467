"""Round to eight bits: python pack.py, with the trained weights in $IN and $OUT to fill.

3. PACK. A box of its own, without $DATA and without a GPU: whatever is still to be known about the
   data must stand in the weights. Only what is left here is weighed and scored.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

LEVELS = 127


def rounded(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8 [..., in], scales [..., 1]) of a matrix, of several, or of a table: one scale a row."""
    scales = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-8) / LEVELS
    return np.rint(weight / scales).astype(np.int8), scales.astype(np.float32)


def main() -> None:
    """Load, round, leave one file."""
    print(f"PACK: $DATA is {os.environ.get('DATA', 'not there')}", flush=True)
    packed = {}
    with np.load(Path(os.environ["IN"]) / "weights.npz") as weights:
        for name in weights:
            packed[name] = weights[name]
            if weights[name].ndim > 1:  # a few hundred single numbers are not worth rounding
                packed[name], packed[f"{name}.scales"] = rounded(weights[name])
    np.savez(Path(os.environ["OUT"]) / "weights.npz", **packed)


if __name__ == "__main__":
    main()
