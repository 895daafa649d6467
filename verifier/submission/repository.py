"""What does this clone hold? Its heads, its main branch, and its objects by id.

Theory of operation. git is never run on the folder that was named, only on a *stand-in*: an empty
git folder in our own scratch whose config is ours and whose objects and refs are links to the
clone's. So the clone's config, hooks, attributes, grafts, alternates and index are not there for
git to find, its owner does not matter, and nothing in the clone can be written. Where the clone
borrows objects from elsewhere, those count as missing.

Must never fetch, write into the clone, or ask git to resolve a name that a stranger chose.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from verifier.errors import BadInput, RequestError, StorageFault
from verifier.submission import git
from verifier.submission.ancestry import Ancestry, Commit
from verifier.submission.changes import Trees
from verifier.submission.objects import Objects
from verifier.submission.walk import shown

REFS_PATIENCE = git.Patience(seconds=60.0)
SMALL_FILE_BYTES = 64 * 1024
HEADS_COMMAND = "git -C {path} fetch origin '+refs/pull/*/head:refs/pull/*/head'"
_LINKED = ("packed-refs", "refs", "reftable")
_FAN = re.compile(r"[0-9a-f]{2}\Z")
_HEAD_REF = re.compile(
    r"refs/(?:remotes/[^/]+/)?(?:pull|pr)/([1-9][0-9]{0,8})(?:/head)?\Z"
    r"|refs/remotes/(?:pull|pr)/([1-9][0-9]{0,8})/head\Z"
)
_MAINS = ("main", "master", "trunk")
_REMOTES = ("upstream", "origin")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a clone keeps its own things: `own` (HEAD) and `common` (objects, refs)."""

    own: Path
    common: Path


class Repository:
    """One clone, read only. Make it with `at`, use it with `with`."""

    def __init__(self, path: Path, stand_in: tempfile.TemporaryDirectory[str]) -> None:
        """Not for calling: `at` makes the stand-in."""
        self.path = path
        self._stand_in = stand_in
        self._git_folder = Path(stand_in.name)
        self.objects = Objects(self._git_folder)
        self.ancestry = Ancestry(self.objects)
        self.trees = Trees(self.objects)
        self._refs: Mapping[str, str] | None = None
        self.digests: dict[str, str] = {}

    @classmethod
    def at(cls, path: Path) -> Repository:
        """Open the clone or checkout at `path`, bare or not.

        Raises RequestError when there is no repository there, MissingTool without git.
        """
        git.program()
        places = _places(path.absolute())
        stand_in = tempfile.TemporaryDirectory(prefix="verifier-git-")
        try:
            _fill(Path(stand_in.name), places)
        except OSError as fault:
            stand_in.cleanup()
            raise StorageFault(f"{stand_in.name}: {fault.strerror or fault}") from fault
        return cls(path.absolute(), stand_in)

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
        self._stand_in.cleanup()

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


def _places(path: Path) -> _Places:
    """Find a clone's git folder as git does, but only exactly at `path`."""
    try:
        inside = path / ".git"
        if inside.is_file():
            own = path / _small(inside).removeprefix("gitdir:").strip()
        else:
            own = inside if inside.is_dir() else path
        named = own / "commondir"
        common = own / _small(named) if named.is_file() else own
        found = _Places(own, common)
        is_clone = (own / "HEAD").is_file() and (common / "objects").is_dir()
    except (OSError, ValueError):
        is_clone = False
    if not is_clone:
        raise RequestError(
            f"{path}: there is no git repository here",
            remedy="name the top folder of a clone, or a bare clone",
        )
    return found


def _small(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(SMALL_FILE_BYTES)
    return content.decode("utf-8").strip()


def _fill(stand_in: Path, places: _Places) -> None:
    head = _small(places.own / "HEAD")
    if not re.fullmatch(r"ref: refs/[^\s\x00-\x1f]+|[0-9a-f]{40}(?:[0-9a-f]{24})?", head):
        raise BadInput("is not what git writes there", file=places.own / "HEAD")
    (stand_in / "HEAD").write_text(f"{head}\n", encoding="utf-8")
    for name in _LINKED:
        if (places.common / name).exists():
            (stand_in / name).symlink_to(places.common / name)
    if not (stand_in / "refs").exists():
        (stand_in / "refs").mkdir()
    objects = stand_in / "objects"
    objects.mkdir()
    # Not `info`: it may name other repositories whose objects would be read as this one's.
    for found in (places.common / "objects").iterdir():
        if found.name == "pack" or _FAN.match(found.name):
            (objects / found.name).symlink_to(found)
    (stand_in / "config").write_text(_config(places.common), encoding="utf-8")


def _config(common: Path) -> str:
    """The stand-in's config: only what is needed to read this clone's format."""
    extensions = []
    if _is_sha256(common):
        extensions.append("\tobjectformat = sha256\n")
    if (common / "reftable").is_dir():
        extensions.append("\trefstorage = reftable\n")
    version = 1 if extensions else 0
    core = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    return core + ("[extensions]\n" + "".join(extensions) if extensions else "")


def _is_sha256(common: Path) -> bool:
    """Whether ids are 64 digits long: the clone's config says so, and we read just that line."""
    try:
        return bool(re.search(r"(?im)^\s*objectformat\s*=\s*sha256\s*$", _small(common / "config")))
    except (OSError, ValueError):
        return False
