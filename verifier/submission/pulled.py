"""Was this folder pulled before? A quick hash says where to look, never that it is the same.

xxh3 is fast and anybody can make two folders that share one: so it only names a digest to try, and
the digest is computed all the same. What it saves is writing the copy again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import xxhash

from verifier.submission.walk import BLOCK_BYTES, Entry, open_beneath

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def quick_key(folder: Path, entries: Iterable[Entry]) -> str:
    """The xxh3 of names, sizes and contents. Raises OSError when a file cannot be read."""
    key = xxhash.xxh3_128()
    for entry in entries:
        key.update(f"{entry.path}\0{entry.size}\0".encode())
        if not entry.is_folder:
            with open_beneath(folder, entry.path) as file:
                while block := file.read(BLOCK_BYTES):
                    key.update(block)
    return key.hexdigest()


def remembered(shelf: Path, key: str) -> Path | None:
    """The frozen copy that a folder with this key once had, if it is still there."""
    try:
        with _note(shelf, key).open("rb") as note:
            digest = note.read(65).decode("ascii", "replace").strip()
    except OSError:
        return None
    home = shelf / digest
    return home if _DIGEST.match(digest) and home.is_dir() else None


def remember(shelf: Path, key: str, digest: str) -> None:
    """Note which digest a folder with this key had. Raises OSError."""
    note = _note(shelf, key)
    note.parent.mkdir(exist_ok=True)
    beside = note.with_name(f"{note.name}.new")
    beside.write_text(digest, encoding="ascii")
    beside.replace(note)


def _note(shelf: Path, key: str) -> Path:
    return shelf.parent / "pulled" / key
