"""Which stretches of bytes are the same? Hashes of every window of a text, vectorised.

Used twice: to choose held-out documents that share nothing with any other document, and to look
for held-out text in what a box could read. A hash only nominates; whoever draws a consequence
for a submission must compare the bytes as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]

# Any odd constant with well-spread bits serves: equal windows hash equal, hits are confirmed.
_BASE = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_BLOCK = 1 << 15


def window_hashes(text: Bytes, width: int) -> Hashes:
    """Polynomial hashes modulo 2⁶⁴ of all `width`-byte windows: uint64 [windows].

    Built by doubling, h₂ₙ[i] = hₙ[i]·bⁿ + hₙ[i + n], in blocks that stay in the cache.
    """
    count = max(0, len(text) - width + 1)
    result: Hashes = np.empty(count, np.uint64)
    for start in range(0, count, _BLOCK):
        stop = min(count, start + _BLOCK)
        result[start:stop] = _block_hashes(text[start : stop + width - 1], width)
    return result


def _block_hashes(text: Bytes, width: int) -> Hashes:
    power: Hashes = text.astype(np.uint64)
    size, factor = 1, _BASE
    result: Hashes | None = None
    covered, rest = 0, width
    # Binary expansion of the width from its lowest bit: windows grow to the right.
    while rest:
        if rest & 1:
            if result is None:
                result, covered = power, size
            else:
                room = len(text) - covered - size + 1
                result = result[:room] * np.uint64(factor) + power[covered : covered + room]
                covered += size
        rest >>= 1
        if rest:
            power = power[:-size] * np.uint64(factor) + power[size:]
            size, factor = 2 * size, factor * factor & _MASK
    if result is None:
        raise ValueError("a window must hold at least one byte")
    return result[: len(text) - width + 1]


def distinct_counts(text: Bytes, width: int) -> npt.NDArray[np.int32]:
    """How many different byte values each `width`-byte window holds: int32 [windows].

    A byte counts in the windows that hold it but not its previous occurrence, which is one range
    of window starts; ranges are summed by differences.
    """
    size = len(text)
    order = np.argsort(text, kind="stable")
    previous = np.full(size, -1, np.int64)
    same = text[order[1:]] == text[order[:-1]]
    previous[order[1:][same]] = order[:-1][same]
    place = np.arange(size, dtype=np.int64)
    first = np.maximum(previous + 1, np.maximum(place - width + 1, 0))
    steps = np.bincount(first, minlength=size + 1) - np.bincount(place + 1, minlength=size + 1)
    return np.cumsum(steps)[: max(0, size - width + 1)].astype(np.int32)
