"""Did a planted canary get into what a box could read? (PROTOCOL §7)

A canary is random, so any one occurrence is proof. It is looked for in archives too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from verifier.heldout.archives import Reader

CANARY_BYTES = 32


def plant() -> bytes:
    """A new canary."""
    return secrets.token_bytes(CANARY_BYTES)


def find_bytes(folders: Sequence[Path], needles: Sequence[bytes]) -> tuple[tuple[int, str], ...]:
    """(needle, file) for each needle met in a file below `folders`, in order of the files.

    Raises ValueError for an empty needle, which is in every file.
    """
    if not all(needles):
        raise ValueError("an empty needle is in every file")
    overlap = max((len(needle) for needle in needles), default=1) - 1
    met: list[tuple[int, str]] = []
    for name, blocks in Reader().streams(folders):
        found: set[int] = set()
        for text in _joined(blocks, overlap):
            found.update(number for number, needle in enumerate(needles) if needle in text)
        met.extend((number, name) for number in sorted(found))
    return tuple(met)


def _joined(blocks: Iterator[bytes], overlap: int) -> Iterator[bytes]:
    kept = b""
    for block in blocks:
        text = kept + block
        yield text
        kept = text[-overlap:] if overlap else b""
