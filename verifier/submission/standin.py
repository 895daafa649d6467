"""How does git see a clone that nobody trusts? As a stand-in: our config, its objects and refs.

Theory of operation. A stand-in is an empty git folder in our own scratch whose objects and refs are
links to the clone's. So the clone's config, hooks, attributes, grafts, alternates and index are
not there for git to find, its owner does not matter, and nothing in the clone can be written.
Each stand-in is locked while it is in use; those of runs that were killed are swept by the next.
Must never follow the clone to objects that it borrows from elsewhere.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BadInput, RequestError, StorageFault

SMALL_FILE_BYTES = 64 * 1024
SWEPT_AT_ONCE = 100
_PREFIX = "verifier-git-"
_UNLOCKED = "verifier-new-git-"
"""What a stand-in is called until its lock is held: under the other name it may be swept."""
_LOCK = "in-use"
_LINKED = ("packed-refs", "refs", "reftable")
_FAN = re.compile(r"[0-9a-f]{2}\Z")
_HEAD = re.compile(r"ref: refs/[^\s\x00-\x1f]+|[0-9a-f]{40}(?:[0-9a-f]{24})?")


class StandIn:
    """One stand-in; `folder` is what git is run on. Made by `of`, ended by `remove`."""

    def __init__(self, folder: Path) -> None:
        """Locks `folder`, which is there and empty."""
        self.folder = folder
        self._lock = (folder / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    @classmethod
    def of(cls, clone: Path) -> StandIn:
        """For the clone or checkout exactly at `clone`, bare or not.

        Raises RequestError when there is no repository, StorageFault without room.
        """
        places = _places(clone)
        try:
            _sweep()
            made = cls(Path(tempfile.mkdtemp(prefix=_UNLOCKED)))
            name = _PREFIX + made.folder.name.removeprefix(_UNLOCKED)
            made.folder = made.folder.rename(made.folder.with_name(name))
        except OSError as fault:
            raise StorageFault(f"{fault.filename}: {fault.strerror or fault}") from fault
        try:
            _fill(made.folder, places)
        except OSError as fault:
            made.remove()
            raise StorageFault(f"{made.folder}: {fault.strerror or fault}") from fault
        except BadInput:
            made.remove()
            raise
        return made

    def remove(self) -> None:
        """Take it away; the clone is not touched."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _sweep() -> None:
    """Remove the stand-ins whose run is gone: nobody holds their lock."""
    for left in list(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))[:SWEPT_AT_ONCE]:
        try:
            with (left / _LOCK).open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a clone keeps its own things: `own` (HEAD) and `common` (objects, refs)."""

    own: Path
    common: Path


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
    if not _HEAD.fullmatch(head):
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
