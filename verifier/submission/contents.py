"""Which files does a folder of a repository hold, in memory?

The same bounds and refusals as for a folder on disk (`pull`), and the same digest. What must not
be there is left out and named, so that screening can say so and go on; `export` refuses it. Must
never write, follow a link, or run a filter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.submission.candidates import Folder
from verifier.submission.changes import LINK_MODE, MODULE_MODE, Leaf
from verifier.submission.gathering import (
    IGNORED,
    READ_BYTES,
    SUBMISSION_BOUNDS,
    Contents,
    Gathering,
)
from verifier.submission.names import Names
from verifier.submission.repository import Repository
from verifier.submission.walk import Bounds, Objection, name_refused, shown

OBJECTIONS_AT_MOST = 1000


@dataclass(slots=True)
class Leaves:
    """The files of one candidate by path, in the order of their UTF-8, and what is refused."""

    bounds: Bounds
    files: dict[str, Leaf] = field(default_factory=dict)
    objections: list[Objection] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    count: int = 0
    stopped: bool = False

    def object_to(self, path: str, reason: str) -> None:
        """Refuse one name; too many of them end the walk."""
        self.objections.append(Objection(shown(path), reason))
        self.stopped = self.stopped or len(self.objections) >= OBJECTIONS_AT_MOST


def contents_of(repository: Repository, folder: Folder) -> Contents:
    """Read one candidate. Never raises for what it holds; bounded in files, bytes and depth."""
    leaves = leaves_of(repository, folder)
    gathering = Gathering()
    gathering.objections.extend(leaves.objections)
    for path, leaf in leaves.files.items():
        _gather(repository, gathering, path, leaf.id)
    for path, identity in folder.lent:
        content = repository.blob(identity, READ_BYTES)
        if content is not None:
            gathering.lend(path.rpartition("/")[2], content)
    return gathering.contents(tuple(leaves.ignored))


def leaves_of(repository: Repository, folder: Folder, bounds: Bounds = SUBMISSION_BOUNDS) -> Leaves:
    """List one candidate without reading a file. Never raises for what it holds."""
    leaves = Leaves(bounds)
    if folder.path:
        _enter(repository, leaves, folder.tree, "", 0)
    else:
        _take_root(repository, leaves, folder)
    leaves.files = dict(sorted(leaves.files.items(), key=lambda pair: pair[0].encode()))
    leaves.objections.sort(key=lambda objection: objection.path)
    return leaves


def _gather(repository: Repository, gathering: Gathering, path: str, identity: str) -> None:
    head = repository.objects.header(identity)
    if head is None or head.kind != "blob":
        gathering.miss(path)
        return
    known = repository.digests.get(identity, "")
    sha256 = gathering.take(path, head.size, lambda: repository.blob(identity, head.size), known)
    if sha256 and not known:
        repository.digests[identity] = sha256


def _take_root(repository: Repository, leaves: Leaves, folder: Folder) -> None:
    """For the root: what lies directly in it, and what the request changes below."""
    for name, leaf in repository.trees.names(folder.tree).items():
        if not leaf.is_folder:
            _take(leaves, name, leaf, "")
    for path in folder.changed:
        above, _, last = path.rpartition("/")
        leaf_below = repository.trees.at(folder.tree, path.encode()) if above else None
        if leaf_below is not None:
            _take(leaves, last.encode(), leaf_below, f"{above}/")


def _enter(repository: Repository, leaves: Leaves, tree: str, prefix: str, depth: int) -> None:
    if depth > leaves.bounds.depth:
        leaves.object_to(prefix.rstrip("/"), f"deeper than {leaves.bounds.depth} folders")
        return
    names = repository.trees.names(tree)
    if tree in repository.trees.doubled:
        leaves.object_to(prefix or ".", "a name stands twice in this folder")
    if reason := repository.trees.missing.get(tree):
        leaves.object_to(prefix or ".", reason)
    for name, leaf in names.items():
        if leaves.stopped:
            return
        if (path := _take(leaves, name, leaf, prefix)) and leaf.is_folder:
            _enter(repository, leaves, leaf.id, f"{path}/", depth + 1)


def _take(leaves: Leaves, name: bytes, leaf: Leaf, prefix: str) -> str:
    """Take one name, or say why not. The path of what was taken, "" if it was not."""
    text = name.decode("utf-8", "surrogateescape")
    path = f"{prefix}{text}"
    if text in IGNORED:
        leaves.ignored.append(path)
        return ""
    if reason := _refused(leaves, text, path, leaf):
        leaves.object_to(path, reason)
        return ""
    leaves.count += 1
    if leaves.count > leaves.bounds.files:
        leaves.object_to(path, f"more than {leaves.bounds.files} files and folders")
        leaves.stopped = True
        return ""
    if not leaf.is_folder:
        leaves.files[path] = leaf
    return path


def _refused(leaves: Leaves, text: str, path: str, leaf: Leaf) -> str:
    if text in ("", ".", "..") or "/" in text:
        return "a name that leaves the folder"
    if reason := name_refused(path, leaves.bounds):
        return reason
    if leaf.mode == LINK_MODE:
        return "a symbolic link"
    if leaf.mode == MODULE_MODE:
        return "a submodule"
    if not leaf.is_file and not leaf.is_folder:
        return f"a mode that git does not write ({shown(leaf.mode)})"
    return leaves.names.clash(path)
