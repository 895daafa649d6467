"""Which commits does a pull request add, and where did it leave main?

The history is walked commit by commit, in memory, so that thousands of pull requests cost one
reading of it. A commit that is not here (a shallow clone) is where the walk ends, and is said.
Must never guess a merge base that it did not reach.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from verifier.submission.effort import Effort
from verifier.submission.objects import Objects

COMMIT_BYTES = 1 << 20
KEPT_COMMITS = 300_000
SUBJECT_CHARACTERS = 300
NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit. `authored` and `committed` in seconds since 1970; texts are safe to print."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    authored: int
    committed: int
    subject: str


@dataclass(frozen=True, slots=True)
class Own:
    """What a head has and main has not: newest first as walked.

    `borders` are the commits of main it grew from; `cut` names a parent that is not in the clone.
    """

    commits: tuple[Commit, ...]
    borders: frozenset[str]
    cut: str


class Ancestry:
    """The commits of one repository, read once each."""

    def __init__(self, objects: Objects, effort: Effort) -> None:
        """Reads nothing yet; each commit looked at is a step of `effort`."""
        self._objects = objects
        self._effort = effort
        self._known: dict[str, Commit | None] = {}
        self._kept = 0

    def commit(self, identity: str) -> Commit | None:
        """The commit, None where the clone does not have it, or it is none that can be read."""
        self._effort.spend(1)
        if identity not in self._known:
            found = self._objects.read(identity, COMMIT_BYTES)
            commit = (
                parsed(identity, found.content)
                if found is not None and found.kind == "commit" and found.content is not None
                else None
            )
            self._keep(identity, commit)
            return commit
        return self._known[identity]

    def unread(self, identity: str) -> str:
        """Why `commit` gives none, in words for people."""
        found = self._objects.header(identity)
        if found is None:
            return "is not in this clone"
        if found.kind != "commit":
            return f"is a {found.kind}, and no commit"
        if found.size > COMMIT_BYTES:
            return f"has {found.size} bytes, more than the {COMMIT_BYTES} of any commit"
        return "is no commit that can be read"

    def _keep(self, identity: str, commit: Commit | None) -> None:
        """Thousands of requests share most commits; a stranger's million is not kept for long."""
        weight = 1 if commit is None else 1 + len(commit.parents)
        self._effort.spend(10 + weight)
        if self._kept + weight > KEPT_COMMITS:
            self._known.clear()
            self._kept = 0
        self._known[identity] = commit
        self._kept += weight

    def first_parents(self, head: str) -> tuple[Commit, ...]:
        """The first-parent history of `head`, newest first."""
        found: dict[str, Commit] = {}
        at = self.commit(head)
        while at is not None and at.id not in found:
            found[at.id] = at
            at = self.commit(at.parents[0]) if at.parents else None
        return tuple(found.values())

    def own(self, head: str, main: Collection[str]) -> Own:
        """What `head` reaches that is not in `main` (the ids of all that main reaches).

        Raises Overspent when that is too much.
        """
        seen: set[str] = set()
        waiting = [head]
        commits: list[Commit] = []
        borders: set[str] = set()
        cut = ""
        while waiting:
            identity = waiting.pop()
            if identity in seen:
                continue
            seen.add(identity)
            if identity in main:
                borders.add(identity)
                continue
            commit = self.commit(identity)
            if commit is None:
                cut = identity
                continue
            commits.append(commit)
            waiting.extend(commit.parents)
        return Own(tuple(commits), frozenset(borders), cut)

    def best(self, borders: Iterable[str]) -> str:
        """The best of several common ancestors: none of the others comes after it.

        Where several are best (two branches merged into each other) the newest; "" for none.
        """
        left = set(borders)
        if len(left) > 1:
            left -= self._before(left)
        commits = [commit for border in left if (commit := self.commit(border))]
        newest = max(commits, key=lambda commit: (commit.committed, commit.id), default=None)
        return "" if newest is None else newest.id

    def _before(self, borders: set[str]) -> set[str]:
        """Those of `borders` that another of them reaches."""
        reached: set[str] = set()
        seen: set[str] = set()
        waiting = [p for border in borders if (c := self.commit(border)) for p in c.parents]
        while waiting and len(reached) < len(borders) - 1:
            identity = waiting.pop()
            if identity in seen:
                continue
            seen.add(identity)
            if identity in borders:
                reached.add(identity)
            if commit := self.commit(identity):
                waiting.extend(commit.parents)
        return reached


def parsed(identity: str, content: bytes) -> Commit | None:
    """Read a commit object; None when it is not one."""
    head, _, message = content.partition(b"\n\n")
    tree = ""
    parents: list[str] = []
    author, authored, committed = "", 0, 0
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        match key:
            case b"tree" if not tree:
                tree = value.decode("ascii", "replace")
            case b"parent":
                parents.append(value.decode("ascii", "replace"))
            case b"author" if not authored:
                author, authored = _signature(value)
            case b"committer" if not committed:
                _, committed = _signature(value)
    if not tree:
        return None
    subject = message.lstrip(b"\n").partition(b"\n")[0]
    return Commit(
        id=identity,
        tree=tree,
        parents=tuple(dict.fromkeys(parents)),
        author=author,
        authored=authored,
        committed=committed,
        subject=_printable(subject, SUBJECT_CHARACTERS),
    )


def _signature(value: bytes) -> tuple[str, int]:
    """("Ada", 1774000000) of b"Ada <ada@host> 1774000000 +0100"."""
    name, _, rest = value.partition(b" <")
    seconds = rest.rpartition(b"> ")[2].partition(b" ")[0]
    # Beyond the year 9999 no calendar follows.
    when = int(seconds) if seconds.isdigit() and len(seconds) <= 11 else 0
    return _printable(name, NAME_CHARACTERS), when


def _printable(text: bytes, characters: int) -> str:
    decoded = text[: characters * 4].decode("utf-8", "replace")[:characters]
    return "".join(c if c.isprintable() else "\ufffd" for c in decoded).strip()
