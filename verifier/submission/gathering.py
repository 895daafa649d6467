"""What of a submission's files is held in memory, and what is their digest?

Text is kept up to a size, weights and pictures are not; every file is hashed, so the digest is the
one that `pull` gives. Files come from a folder or from git alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from verifier.source import Tree
from verifier.submission.walk import Bounds, Item, Objection, manifest_digest, shown

SUBMISSION_BOUNDS = Bounds(files=2_000, total_bytes=128_000_000)
IGNORED = ("__pycache__", ".git")
READ_BYTES = 8 << 20
READ_TOTAL_BYTES = 64 << 20
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
# Read by nobody as text, whatever they hold. A script that is packed ends in .py all the same.
_NO_TEXT = (
    *(".bin", ".ckpt", ".npy", ".npz", ".onnx", ".pt", ".pth", ".ptz", ".safetensors", ".so"),
    *(".7z", ".br", ".bz2", ".gz", ".lzma", ".xz", ".zip", ".zst"),
    *(".gif", ".jpeg", ".jpg", ".mp4", ".pdf", ".png", ".webp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """One folder as it was submitted.

    `digest` is the digest `pull` gives it, "" where a file is missing or something is refused.
    `tree` holds what is text by its name, at most READ_BYTES each; the rest is in `tree.unread`.
    `missing` are files that are not here: in `tree.unread` with 0 bytes, since nothing says their
    size. `objections` are what a submission may not hold: left out of `tree`, named. `ignored` is
    no part of a submission. `notes` are sentences for people.
    """

    tree: Tree
    digest: str
    missing: tuple[str, ...]
    objections: tuple[Objection, ...]
    ignored: tuple[str, ...]
    notes: tuple[str, ...]


class Gathering:
    """The files of one submission, as they come."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.objections: list[Objection] = []
        self._files: dict[str, bytes] = {}
        self._unread: dict[str, int] = {}
        self._missing: list[str] = []
        self._notes: list[str] = []
        self._items: list[Item] = []
        self._kept_bytes = 0
        self._total_bytes = 0

    def take(self, path: str, size: int, load: Callable[[], bytes | None], sha256: str = "") -> str:
        """Take one file of `size` bytes; `load` brings them, None where it cannot.

        A known `sha256` spares loading what is not kept. Returns the sha256, "" for none.
        """
        self._total_bytes += size
        if self._total_bytes > SUBMISSION_BOUNDS.total_bytes:
            reason = f"goes beyond {SUBMISSION_BOUNDS.total_bytes} bytes in all"
            self.objections.append(Objection(shown(path), reason))
            self._unread[path] = size
            return sha256
        is_kept = self._is_kept(path, size)
        if is_kept or not sha256:
            content = load()
            if content is None:
                self.miss(path)
                return ""
            sha256 = sha256 or hashlib.sha256(content).hexdigest()
            if is_kept:
                self._keep(path, content)
        if not is_kept:
            self._unread[path] = size
        self._items.append(Item(path, size, sha256))
        return sha256

    def miss(self, path: str) -> None:
        """One file is not here."""
        self._missing.append(path)
        self._unread[path] = 0

    def lend(self, name: str, content: bytes) -> None:
        """Show a file from outside beside the submission's own; it is no part of the digest."""
        if name not in self._files and name not in self._unread:
            self._files[name] = content

    def contents(self, ignored: tuple[str, ...]) -> Contents:
        """All of it."""
        notes = list(self._notes)
        if self._missing:
            notes.append(f"{len(self._missing)} of its files are not in this clone")
        is_whole = not self._missing and not self.objections
        return Contents(
            tree=Tree(files=self._files, unread=self._unread),
            digest=manifest_digest(self._items) if is_whole else "",
            missing=tuple(self._missing),
            objections=tuple(self.objections),
            ignored=ignored,
            notes=tuple(notes),
        )

    def _is_kept(self, path: str, size: int) -> bool:
        return (
            size <= READ_BYTES
            and self._kept_bytes + size <= READ_TOTAL_BYTES
            and not path.lower().endswith(_NO_TEXT)
        )

    def _keep(self, path: str, content: bytes) -> None:
        self._kept_bytes += len(content)
        self._files[path] = content
        if content.startswith(_LFS):
            self._notes.append(f"{shown(path)} is a pointer of Git LFS: its content is elsewhere")
