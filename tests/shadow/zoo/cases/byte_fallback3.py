"""Counts a byte-fallback token at three bytes.

Class: BYTE_FALLBACK3
Expected: REFUTED
Breaks: R8
Shows: bytes

Needs text with characters that the vocabulary lacks, else no such token is scored.
"""

from __future__ import annotations

EDITS = {
    "            count[token] = 1\n": "            count[token] = 3\n",
}
