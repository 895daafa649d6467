"""Counts a leading space at the three bytes of the sign that stands for it.

Class: BYTE_NO_U2581
Expected: REFUTED
Breaks: R8
Shows: bytes
"""

from __future__ import annotations

EDITS = {
    'len(piece.removeprefix("▁").encode())': "len(piece.encode())",
    "    return count[targets] + (spaced[targets] & ~boundary[before]).long()\n": (
        "    return count[targets] - 3 * (spaced[targets] & boundary[before]).long()\n"
    ),
}
