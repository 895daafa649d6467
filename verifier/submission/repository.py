"""What does this clone hold? Its heads, its main branch, and its objects by id.

git runs on a stand-in (`standin`), never on the folder that was named. Where the clone borrows
objects from elsewhere, those count as missing.

Must never fetch, write into the clone, or ask git to resolve a name that a stranger chose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from verifier.errors import RequestError
from verifier.submission import git
from verifier.submission.ancestry import Ancestry, Commit
from verifier.submission.changes import Trees
from verifier.submission.effort import Effort
from verifier.submission.objects import Objects
from verifier.submission.standin import StandIn
from verifier.submission.walk import shown

REFS_PATIENCE = git.Patience(seconds=60.0)
HEADS_COMMAND = "git -C {path} fetch origin '+refs/pull/*/head:refs/pull/*/head'"
_HEAD_REF = re.compile(
    r"refs/(?:remotes/[^/]+/)?(?:pull|pr)/([1-9][0-9]{0,8})(?:/head)?\Z"
    r"|refs/remotes/(?:pull|pr)/([1-9][0-9]{0,8})/head\Z"
)
_MAINS = ("main", "master", "trunk")
_REMOTES = ("upstream", "origin")


class Repository:
    """One clone, read only. Make it with `at`, use it with `with`."""

    def __init__(self, path: Path, stand_in: StandIn) -> None:
        """Not for calling: `at` makes the stand-in."""
        self.path = path
        self._stand_in = stand_in
        self._git_folder = stand_in.folder
        self.objects = Objects(self._git_folder)
        self.effort = Effort()
        self.ancestry = Ancestry(self.objects, self.effort)
        self.trees = Trees(self.objects, self.effort)
        self._refs: Mapping[str, str] | None = None
        self.digests: dict[str, str] = {}

    @classmethod
    def at(cls, path: Path) -> Repository:
        """Open the clone or checkout at `path`, bare or not.

        Raises RequestError when there is no repository there, MissingTool without git.
        """
        git.program()
        return cls(path.absolute(), StandIn.of(path.absolute()))

    def __enter__(self) -> Repository:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End git and remove the stand-in."""
        self.close()

    def close(self) -> None:
        """End git and remove the stand-in."""
        self.objects.close()
        self._stand_in.remove()

    @property
    def refs(self) -> Mapping[str, str]:
        """Every ref's full name and the id it points at (HEAD too, where it points anywhere)."""
        if self._refs is None:
            said = git.run(
                self._git_folder,
                ["for-each-ref", "--format=%(objectname) %(refname)"],
                REFS_PATIENCE,
            )
            lines = said.decode("utf-8", "surrogateescape").split("\n")
            self._refs = {name: identity for identity, _, name in (x.partition(" ") for x in lines)}
            self._refs.pop("", None)
        return self._refs

    @property
    def heads(self) -> Mapping[int, str]:
        """The head of every pull request in the clone, by number, ascending.

        Raises RequestError with the command that fetches them when there are none.
        """
        found: dict[int, str] = {}
        for name, identity in self.refs.items():
            if named := _HEAD_REF.match(name):
                number = int(named[1] or named[2])
                # refs/pull/N/head is what the forge itself keeps; other names are copies of it.
                if number not in found or name.startswith("refs/pull/"):
                    found[number] = identity
        if not found:
            raise RequestError(
                f"{self.path}: this clone has no pull-request heads",
                remedy=HEADS_COMMAND.format(path=self.path),
            )
        return dict(sorted(found.items()))

    @property
    def main(self) -> str:
        """The commit of the main branch: a remote's, else the clone's own.

        Raises RequestError when none can be told.
        """
        for name in self._main_names():
            if name in self.refs:
                return self.refs[name]
        raise RequestError(
            f"{self.path}: this clone has no main branch to compare with",
            remedy=f"git -C {self.path} fetch origin main:main",
        )

    def _main_names(self) -> list[str]:
        remote = [f"refs/remotes/{name}" for name in _REMOTES]
        names = [f"{where}/{branch}" for where in remote for branch in ("HEAD", *_MAINS)]
        names += [f"refs/heads/{branch}" for branch in _MAINS]
        head = (self._git_folder / "HEAD").read_text(encoding="utf-8").strip()
        return [*names, head.removeprefix("ref: ")]

    def resolve(self, name: str) -> str:
        """The commit that a person's own words name: a branch, a tag, `HEAD~1`, an id.

        Raises RequestError when the clone has no such commit.
        """
        if not name or name.startswith("-") or not name.isprintable():
            raise RequestError(f"{shown(name)!r} is no name of a commit")
        asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        tried = (name, *(f"refs/remotes/{remote}/{name}" for remote in _REMOTES))
        for candidate in tried:
            asked[-1] = f"{candidate}^{{commit}}"
            try:
                said = git.run(self._git_folder, asked, REFS_PATIENCE)
            except RequestError:
                continue
            return said.decode("ascii", "replace").strip()
        raise RequestError(
            f"{self.path} has no commit {shown(name)}",
            remedy=f"git -C {self.path} fetch --unshallow origin, or fetch that branch",
        )

    def first_parents(self) -> tuple[Commit, ...]:
        """Main's first-parent history, newest first."""
        return self.ancestry.first_parents(self.main)

    def blob(self, identity: str, at_most: int) -> bytes | None:
        """The bytes of one file; None when it is not here or is larger than `at_most` bytes."""
        head = self.objects.header(identity)
        if head is None or head.kind != "blob" or head.size > at_most:
            return None
        found = self.objects.read(identity, at_most)
        return None if found is None else found.content

    def file(self, commit: str, path: str, at_most: int) -> bytes | None:
        """The file at `path` in a commit; None when there is none, or it is too large."""
        found = self.ancestry.commit(commit)
        leaf = self.trees.at(found.tree, path.encode()) if found else None
        return None if leaf is None or leaf.is_folder else self.blob(leaf.id, at_most)
