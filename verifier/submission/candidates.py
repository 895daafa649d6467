"""Which folders of a pull request could be the submission, and which one is it?

R9: one folder under `records/`, two levels down. Where there are several, the newest is the
submission: the one whose own commits come last. Where there is none, a folder that got a
submission.json or a training script stands in, and that is said. Looks at names, trees and dates
only, never at what a file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.submission.ancestry import Ancestry, Commit
from verifier.submission.changes import Change, Trees
from verifier.submission.effort import Overspent
from verifier.submission.walk import shown

RECORDS = b"records"
RECORD_DEPTH = 3
CLAIMS = b"submission.json"
README = b"README.md"
OWN_COMMITS = 2_000
PARENTS_AT_MOST = 1_000
FOLDERS_AT_MOST = 64
CHANGED_AT_MOST = 2_000
PLACES_AT_MOST = 200
CODE_DEPTH = 3
SCRIPT = b"train_gpt.py"
_SCRIPT = re.compile(rb"(?!test)(?:[^/]*[_.-])?train[^/]*\.py\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder that could be the submission. Texts are safe to print.

    `path` counts from the repository's root, "" is the root itself; `tree` is git's id of it, so
    equal ids are equal contents. `added`: main has no such folder. `changed` are the paths, from
    the root, that the request adds or changes below it. `first_at` and `touched_at` are the dates
    of the request's first and last commit that changes it, in seconds since 1970 (0: not known).
    `lent` are scripts outside, path and git's id, that the request changes for want of any here.
    """

    path: str
    tree: str
    added: bool
    changed: tuple[str, ...]
    first_at: int = 0
    touched_at: int = 0
    lent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder by its path in bytes, and what the request changes below it."""

    path: bytes
    changes: tuple[Change, ...]


def named(path: bytes) -> str:
    """A path for people and reports: as it is where it is printable UTF-8, else escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() and len(text) <= 240 else shown(text)


def record_folder(path: bytes) -> bytes:
    """The folder of R9 that a path lies in (`records/track/name`), b"" for none."""
    parts = path.split(b"/", RECORD_DEPTH)
    if parts[0] != RECORDS or len(parts) <= RECORD_DEPTH:
        return b""
    return b"/".join(parts[:RECORD_DEPTH])


def touched_records(changes: Iterable[Change]) -> tuple[bytes, ...]:
    """The folders of R9 that something changes in, in the order of their paths."""
    return tuple(sorted({record_folder(change.path) for change in changes} - {b""}))


def bound_parents(commit: Commit) -> None:
    """Raises Overspent for a commit with more than PARENTS_AT_MOST parents."""
    if len(commit.parents) > PARENTS_AT_MOST:
        raise Overspent(f"its commit {commit.id[:12]} has {len(commit.parents)} parents")


class Chooser:
    """Finds the candidates of one pull request after the other in one repository."""

    def __init__(self, trees: Trees, ancestry: Ancestry) -> None:
        """Reads nothing yet."""
        self._trees = trees
        self._ancestry = ancestry

    def folders(
        self, changes: Sequence[Change], before: str, after: str, own: Sequence[Commit]
    ) -> tuple[Folder, ...]:
        """Every candidate that is there afterwards, the submission first.

        `before` and `after` are the trees the changes lie between, `own` the request's commits.
        Record folders come first, but for a whole submission elsewhere that is newer than all of
        them, or where they hold neither claims nor code. Raises Overspent.
        """
        grown = [change for change in changes if change.after]
        records = self._ordered(_record_places(grown), before, after, own)
        elsewhere = self._ordered(_other_places(grown), before, after, own)
        if not records:
            return elsewhere[:FOLDERS_AT_MOST]
        whole = [folder for folder in elsewhere if folder.path and self._is_whole(folder.tree)]
        if whole and self._is_beside(records, whole[0]):
            records = (whole[0], *records)
        elif not self._has_code(records[0].tree):
            records = (replace(records[0], lent=_lent(records[0], grown)), *records[1:])
        return records[:FOLDERS_AT_MOST]

    def _is_beside(self, records: Sequence[Folder], other: Folder) -> bool:
        """Whether the submission stands in `other` although there are record folders."""
        if other.path.startswith(tuple(f"{folder.path}/" for folder in records)):
            return False
        if not self._has_code(records[0].tree) and not self._has_claims(records[0].tree):
            return True
        is_newer = other.first_at > max(folder.touched_at for folder in records)
        return is_newer and other.added and "/" not in other.path

    def _is_whole(self, tree: str) -> bool:
        names = self._trees.names(tree)
        return self._has_claims(tree) and any(_SCRIPT.match(name) for name in names)

    def _has_claims(self, tree: str) -> bool:
        return CLAIMS in self._trees.names(tree)

    def _has_code(self, tree: str, depth: int = 0) -> bool:
        names = self._trees.names(tree)
        if any(name.endswith(b".py") and not leaf.is_folder for name, leaf in names.items()):
            return True
        folders = [leaf.id for leaf in names.values() if leaf.is_folder]
        return depth < CODE_DEPTH and any(self._has_code(f, depth + 1) for f in folders)

    def _ordered(
        self, places: Sequence[_Place], before: str, after: str, own: Sequence[Commit]
    ) -> tuple[Folder, ...]:
        """The places as folders, the likeliest first."""
        dates = self._dates([place.path for place in places], own)
        found = []
        for place in places:
            leaf = self._trees.at(after, place.path)
            if leaf is None or not leaf.is_folder:
                continue
            first, last = dates.get(place.path, (0, 0))
            folder = Folder(
                path=named(place.path),
                tree=leaf.id,
                added=bool(place.path) and self._trees.at(before, place.path) is None,
                changed=tuple(named(c.path) for c in place.changes[:CHANGED_AT_MOST]),
                first_at=first,
                touched_at=last,
            )
            found.append((self._rank(folder), folder))
        found.sort(key=lambda pair: pair[0], reverse=True)
        return tuple(folder for _, folder in found)

    def _rank(self, folder: Folder) -> tuple[bool | int | str, ...]:
        """What makes one folder more the submission than another, the strongest first."""
        names = self._trees.names(folder.tree)
        has_script = any(_SCRIPT.match(name) for name in names)
        return (
            has_script and (CLAIMS in names or README in names),
            has_script,
            self._has_code(folder.tree),
            bool(record_folder(f"{folder.path}/".encode())) or self._is_whole(folder.tree),
            SCRIPT in names or bool(record_folder(f"{folder.path}/".encode())),
            folder.added,
            folder.first_at,
            folder.touched_at,
            folder.path,
        )

    def _dates(
        self, paths: Sequence[bytes], own: Sequence[Commit]
    ) -> Mapping[bytes, tuple[int, int]]:
        """First and last date of a commit that changes each path, against all its parents."""
        dates: dict[bytes, tuple[int, int]] = {}
        newest = sorted(own, key=lambda commit: commit.committed, reverse=True)
        for commit in newest[:OWN_COMMITS]:
            bound_parents(commit)
            parents = [p.tree for i in commit.parents if (p := self._ancestry.commit(i))]
            for path in paths:
                here = self._trees.at(commit.tree, path)
                there = [self._trees.at(tree, path) for tree in parents]
                if here is None or here in there:
                    continue
                first, last = dates.get(path, (commit.committed, commit.committed))
                dates[path] = (min(first, commit.committed), max(last, commit.committed))
        return dates


def _record_places(grown: Sequence[Change]) -> list[_Place]:
    below: dict[bytes, list[Change]] = {}
    for change in grown:
        if path := record_folder(change.path):
            below.setdefault(path, []).append(change)
    return [_Place(path, tuple(below[path])) for path in sorted(below)[:PLACES_AT_MOST]]


def _other_places(grown: Sequence[Change]) -> list[_Place]:
    """Folders that got claims or a training script although they are no record folders."""
    paths = {
        change.path.rpartition(b"/")[0]
        for change in grown
        if (_name(change.path) == CLAIMS or _SCRIPT.match(_name(change.path)))
        and not record_folder(change.path)
    }
    # A folder within another candidate belongs to it, but for the root, which holds all.
    outer = sorted(path for path in paths if not paths & {*_above(path)})[:PLACES_AT_MOST]
    return [_Place(path, _below(path, grown)) for path in outer]


def _above(path: bytes) -> Iterator[bytes]:
    """The folders that `path` lies in, but for the root."""
    while path := path.rpartition(b"/")[0]:
        yield path


def _lent(folder: Folder, grown: Sequence[Change]) -> tuple[tuple[str, str], ...]:
    """The one training script outside that the request changes, with git's id of it."""
    scripts = [c for c in grown if _SCRIPT.match(_name(c.path)) and not record_folder(c.path)]
    scripts = [c for c in scripts if b"/" not in c.path and b"mlx" not in c.path] or scripts
    if len(scripts) != 1 or scripts[0].after is None or not scripts[0].after.is_file:
        return ()
    return ((named(scripts[0].path), scripts[0].after.id),)


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _below(path: bytes, changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(c for c in changes if not path or c.path.startswith(path + b"/"))
