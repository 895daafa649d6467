"""Counts a leading space in the table of bytes and adds it again where it is scored.

Class: BYTE_DOUBLE_SPACE
Expected: REFUTED
Breaks: R8
Shows: bytes
"""

from __future__ import annotations

EDITS = {
    'len(piece.removeprefix("▁").encode())': 'len(piece.replace("▁", " ").encode())',
}
