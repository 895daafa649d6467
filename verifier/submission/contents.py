"""Which files does a folder of a repository hold, in memory, and what is their digest?

The same bounds and refusals as for a folder on disk (`pull`), and the same digest: the canonical
manifest of path, size and sha256. What must not be there is left out and named, so that screening
can say so and go on; `pull` refuses it. Must never write, follow a link, or run a filter.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from verifier.source import Tree
from verifier.submission.candidates import Folder
from verifier.submission.changes import LINK_MODE, MODULE_MODE, Leaf
from verifier.submission.repository import Repository
from verifier.submission.walk import Bounds, Item, Objection, manifest_digest, name_refused, shown

SUBMISSION_BOUNDS = Bounds(files=2_000, total_bytes=128_000_000)
IGNORED = ("__pycache__", ".git")
READ_BYTES = 8 << 20
READ_TOTAL_BYTES = 64 << 20
OBJECTIONS_AT_MOST = 1000
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_WEIGHTS = (
    ".7z", ".bin", ".br", ".bz2", ".ckpt", ".gif", ".gz", ".jpeg", ".jpg", ".lzma", ".mp4",
    ".npy", ".npz", ".onnx", ".pdf", ".png", ".pt", ".pth", ".ptz", ".safetensors", ".so",
    ".webp", ".xz", ".zip", ".zst",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """One folder as it was submitted.

    `digest` is the digest `pull` gives it, "" where a file is missing or something is refused.
    `tree` holds what is text by its name, at most READ_BYTES each; the rest is in `tree.unread`.
    `missing` are files that the clone does not have: in `tree.unread` with 0 bytes, since nothing
    says their size. `objections` are what a submission may not hold; `ignored` what is no part of
    it. `notes` are sentences for people.
    """

    tree: Tree
    digest: str
    missing: tuple[str, ...]
    objections: tuple[Objection, ...]
    ignored: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Walk:
    bounds: Bounds
    leaves: dict[str, Leaf] = field(default_factory=dict)
    objections: list[Objection] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    files: int = 0
    total_bytes: int = 0
    stopped: bool = False

    def object_to(self, path: str, reason: str) -> None:
        self.objections.append(Objection(shown(path), reason))
        self.stopped = self.stopped or len(self.objections) >= OBJECTIONS_AT_MOST


def contents_of(
    repository: Repository, folder: Folder, bounds: Bounds = SUBMISSION_BOUNDS
) -> Contents:
    """Read one candidate. Never raises for what it holds; bounded in files, bytes and depth."""
    walk = leaves_of(repository, folder, bounds)
    reading = _Reading(repository)
    for path, leaf in walk.leaves.items():
        reading.take(path, leaf, walk)
    notes = list(reading.notes)
    if reading.missing:
        notes.append(f"{len(reading.missing)} of its files are not in this clone")
    whole = not reading.missing and not walk.objections
    digest = manifest_digest(reading.items) if whole else ""
    for path, identity in folder.lent:
        name = path.rpartition("/")[2]
        content = repository.blob(identity, READ_BYTES)
        if content is not None and name not in reading.files:
            reading.files[name] = content
    return Contents(
        tree=Tree(files=reading.files, unread=reading.unread),
        digest=digest,
        missing=tuple(reading.missing),
        objections=tuple(walk.objections),
        ignored=tuple(walk.ignored),
        notes=tuple(notes),
    )


class _Reading:
    """The files of one folder, being read."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.files: dict[str, bytes] = {}
        self.unread: dict[str, int] = {}
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.items: list[Item] = []
        self._read_bytes = 0

    def take(self, path: str, leaf: Leaf, walk: _Walk) -> None:
        head = self._repository.objects.header(leaf.id)
        if head is None or head.kind != "blob":
            self.missing.append(path)
            self.unread[path] = 0
            return
        walk.total_bytes += head.size
        if walk.total_bytes > walk.bounds.total_bytes:
            walk.object_to(path, f"goes beyond {walk.bounds.total_bytes} bytes in all")
            self.unread[path] = head.size
            return
        known = self._repository.digests.get(leaf.id)
        is_wanted = self._is_wanted(path, head.size)
        if known is not None and not is_wanted:
            content = None
        else:
            content = self._repository.blob(leaf.id, walk.bounds.total_bytes)
            if content is None:
                self.missing.append(path)
                self.unread[path] = 0
                return
            known = known or hashlib.sha256(content).hexdigest()
            self._repository.digests[leaf.id] = known
        self.items.append(Item(path, head.size, known))
        self._keep(path, content if is_wanted else None, head.size)

    def _is_wanted(self, path: str, size: int) -> bool:
        return (
            size <= READ_BYTES
            and self._read_bytes + size <= READ_TOTAL_BYTES
            and not path.lower().endswith(_WEIGHTS)
        )

    def _keep(self, path: str, content: bytes | None, size: int) -> None:
        if content is None:
            self.unread[path] = size
            return
        self._read_bytes += size
        self.files[path] = content
        if content.startswith(_LFS):
            self.notes.append(f"{shown(path)} is a pointer of Git LFS: its content is elsewhere")


def leaves_of(repository: Repository, folder: Folder, bounds: Bounds) -> _Walk:
    """The files of a candidate by path, in the order of their paths, and what is refused."""
    walk = _Walk(bounds)
    if folder.path:
        _enter(repository, walk, folder.tree, "", 0)
    else:
        _take_root(repository, walk, folder)
    walk.leaves = dict(sorted(walk.leaves.items(), key=lambda pair: pair[0].encode()))
    walk.objections.sort(key=lambda objection: objection.path)
    return walk


def _take_root(repository: Repository, walk: _Walk, folder: Folder) -> None:
    """For the root: what lies directly in it, and what the request changes below."""
    names = repository.trees.names(folder.tree)
    for name, leaf in names.items():
        if not leaf.is_folder:
            _take(walk, name, leaf, "")
    for path in folder.changed:
        if "/" in path and (below := repository.trees.at(folder.tree, path.encode())):
            above, _, last = path.rpartition("/")
            _take(walk, last.encode(), below, f"{above}/")


def _enter(repository: Repository, walk: _Walk, tree: str, prefix: str, depth: int) -> None:
    if depth > walk.bounds.depth:
        walk.object_to(prefix.rstrip("/"), f"deeper than {walk.bounds.depth} folders")
        return
    names = repository.trees.names(tree)
    if tree in repository.trees.doubled:
        walk.object_to(prefix or ".", "a name stands twice")
    if tree in repository.trees.missing:
        walk.object_to(prefix or ".", "a folder that is not in this clone")
    for name, leaf in names.items():
        if walk.stopped:
            return
        if (path := _take(walk, name, leaf, prefix)) and leaf.is_folder:
            _enter(repository, walk, leaf.id, f"{path}/", depth + 1)


def _take(walk: _Walk, name: bytes, leaf: Leaf, prefix: str) -> str:
    """Take one name, or say why not. The path of what was taken, "" if it was not."""
    text = name.decode("utf-8", "surrogateescape")
    path = f"{prefix}{text}"
    if text in IGNORED:
        walk.ignored.append(path)
        return ""
    if reason := _refused(walk, text, path, leaf):
        walk.object_to(path, reason)
        return ""
    walk.files += 1
    if walk.files > walk.bounds.files:
        walk.object_to(path, f"more than {walk.bounds.files} files and folders")
        walk.stopped = True
        return ""
    if not leaf.is_folder:
        walk.leaves[path] = leaf
    return path


def _refused(walk: _Walk, text: str, path: str, leaf: Leaf) -> str:
    if text in ("", ".", "..") or "/" in text:
        return "a name that leaves the folder"
    if reason := name_refused(path, walk.bounds):
        return reason
    if leaf.mode == LINK_MODE:
        return "a symbolic link"
    if leaf.mode == MODULE_MODE:
        return "a submodule"
    if not leaf.is_file and not leaf.is_folder:
        return f"a mode that git does not write ({shown(leaf.mode)})"
    key = unicodedata.normalize("NFC", path.casefold())
    if key in walk.keys:
        return f"differs from {shown(walk.keys[key])} only in case or composition"
    walk.keys[key] = path
    return ""


def blobs_of(walk: _Walk) -> Iterator[str]:
    """The ids of the files of a walk, for a fetch of just these."""
    yield from (leaf.id for leaf in walk.leaves.values())
