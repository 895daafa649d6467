"""Which paths differ between two trees of a repository?

Trees are read by id and kept, so a tree that two thousand pull requests share is read once. No
file's content is looked at. Everything is bounded: a tree may list itself a thousand times over
under other names, and names are bytes that a stranger chose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from verifier.submission.effort import Effort
from verifier.submission.objects import Objects

TREE_BYTES = 8 << 20
KEPT_NAMES = 1_000_000
STEPS_AT_MOST = 20_000
DEPTH_AT_MOST = 64
PATH_BYTES = 4096
FOLDER_MODE = "40000"
LINK_MODE = "120000"
MODULE_MODE = "160000"
FILE_MODES = ("100644", "100755", "100664")


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a tree says of one name: git's mode ("100644", "40000") and object id."""

    mode: str
    id: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a tree itself."""
        return self.mode == FOLDER_MODE

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file: neither folder, link nor submodule."""
        return self.mode in FILE_MODES


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs. None: it is not there on that side. Never a folder."""

    path: bytes
    before: Leaf | None
    after: Leaf | None


@dataclass(slots=True)
class Differences:
    """All that differs; `cut` when bounds left something out, `unread` folders that none sees."""

    changes: list[Change]
    steps: int = 0
    cut: bool = False
    unread: int = 0


class Trees:
    """The trees of one repository."""

    def __init__(self, objects: Objects, effort: Effort) -> None:
        """Reads nothing yet; each tree looked at is a step of `effort`, and its names are some."""
        self._objects = objects
        self._effort = effort
        self._kept: dict[str, Mapping[bytes, Leaf]] = {}
        self._names = 0
        self.doubled: set[str] = set()
        self.missing: dict[str, str] = {}

    def names(self, tree: str) -> Mapping[bytes, Leaf]:
        """The names of one tree; empty when it cannot be read, then `missing` says why.

        A name that stands twice counts the first time, and its tree is in `doubled`.
        """
        kept = self._kept.get(tree)
        if kept is None:
            kept = self._read(tree)
            self._effort.spend(10 + len(kept))
            if self._names > KEPT_NAMES:
                self._kept.clear()
                self._names = 0
            self._kept[tree] = kept
            self._names += len(kept)
        self._effort.spend(1 + len(kept) // 32)
        return kept

    def at(self, tree: str, path: bytes) -> Leaf | None:
        """What lies at `path` below `tree`; the tree itself for an empty path."""
        found = Leaf(FOLDER_MODE, tree)
        for name in path.split(b"/") if path else ():
            below = self.names(found.id).get(name) if found.is_folder else None
            if below is None:
                return None
            found = below
        return found

    def differences(self, before: str, after: str) -> Differences:
        """The files that differ between two trees ("" for an empty one), in the order of names."""
        found = Differences([])
        self._compare(found, before, after, b"", 0)
        return found

    def _compare(self, found: Differences, before: str, after: str, at: bytes, depth: int) -> None:
        if before == after:
            return
        if depth > DEPTH_AT_MOST or len(at) > PATH_BYTES:
            found.cut = True
            return
        old = self.names(before) if before else {}
        new = self.names(after) if after else {}
        found.unread += (before in self.missing) + (after in self.missing)
        self._effort.spend((len(old) + len(new)) // 8)
        for name in sorted({*old, *new}):
            was, now = old.get(name), new.get(name)
            if was == now:
                continue
            found.steps += 1
            if found.steps > STEPS_AT_MOST:
                found.cut = True
                return
            folder_was = was.id if was and was.is_folder else ""
            folder_now = now.id if now and now.is_folder else ""
            if folder_was or folder_now:
                self._compare(found, folder_was, folder_now, at + name + b"/", depth + 1)
            file_was = None if was is None or was.is_folder else was
            file_now = None if now is None or now.is_folder else now
            if file_was or file_now:
                found.changes.append(Change(at + name, file_was, file_now))

    def _read(self, tree: str) -> Mapping[bytes, Leaf]:
        found = self._objects.read(tree, TREE_BYTES)
        if found is None or found.kind != "tree" or found.content is None:
            is_large = found is not None and found.kind == "tree"
            why = "with too many names to read" if is_large else "that is not in this clone"
            self.missing[tree] = f"a folder {why}"
            return {}
        names: dict[bytes, Leaf] = {}
        for name, leaf in parsed_tree(found.content, len(tree) // 2):
            if name in names:
                self.doubled.add(tree)
            else:
                names[name] = leaf
        return names


def parsed_tree(content: bytes, id_bytes: int) -> Iterator[tuple[bytes, Leaf]]:
    """Read a tree object: b"mode name", NUL, id, again and again; what does not parse ends it."""
    at = 0
    while at < len(content):
        end = content.find(b"\0", at)
        if end < 0:
            return
        mode, _, name = content[at:end].partition(b" ")
        at = end + 1 + id_bytes
        yield name, Leaf(mode.decode("ascii", "replace").lstrip("0"), content[end + 1 : at].hex())
