"""Short reference work, run by a process of its own: `speed_pieces.py`, standard library and numpy.

Prints the best wall seconds of each piece as one JSON object. The pieces are short, so that the
best of them ran undisturbed even on a busy machine: what is measured is the node, not its load.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

SECONDS = 0.06
LEAST = 5
SIDE = 384
COPIED_BYTES = 64 << 20
TURNS = 60_000


def best_seconds(piece: Callable[[], object]) -> float:
    """The shortest time of many in `SECONDS`, once it is warm."""
    piece()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < LEAST or time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        piece()
        times.append(time.perf_counter() - start)
    return min(times)


def loop() -> int:
    """What an interpreter does all day."""
    total = 0
    for turn in range(TURNS):
        total += turn & 7
    return total


def main() -> None:
    """Measure every piece."""
    square = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    source = np.ones(COPIED_BYTES, dtype=np.uint8)
    target = np.empty_like(source)
    pieces: dict[str, Callable[[], object]] = {
        "matrix product": lambda: square @ square,
        "memory copy": lambda: np.copyto(target, source),
        "interpreter": loop,
    }
    sys.stdout.write(json.dumps({name: best_seconds(piece) for name, piece in pieces.items()}))


if __name__ == "__main__":
    main()
