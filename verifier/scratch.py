"""Where does lie what is not finished yet, and who takes it away when its maker was killed?

A temporary folder, or a file that will take another's place by one rename, carries its maker's mark
in its name. Whoever makes the next one in the same place takes those of the dead away first. Must
never touch what a living verifier makes, nor follow a link.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from verifier import owner

PREFIX = "golf-verifier-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_MARKED = re.compile(rf"{PREFIX}[a-z-]+-(\d+-\d+-\d+)-")


def make(kind: str, above: Path | None = None) -> Path:
    """A new folder that only its maker may enter, in `above` (None: the system's temporary folder).

    `kind`, in small letters, tells people what it is for. Raises OSError.
    """
    above = above or Path(tempfile.gettempdir())
    for folder in of_the_dead(above):
        _remove(folder)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-{owner.mark()}-", dir=above))


@contextlib.contextmanager
def temporary(kind: str, above: Path | None = None) -> Iterator[Path]:
    """The same, gone when the block ends."""
    made = make(kind, above)
    try:
        yield made
    finally:
        _remove(made)


def of_the_dead(above: Path) -> list[Path]:
    """The folders of ours in `above` whose makers are gone."""
    found = []
    for path in above.glob(f"{PREFIX}*"):
        marked = _MARKED.match(path.name)
        if marked is not None and owner.is_gone(marked[1]) and _is_our_folder(path):
            found.append(path)
    return found


def beside_of(path: Path) -> Path:
    """A hidden name in the folder of `path`, for what will take its place by one rename.

    What dead makers left under such a name is removed.
    """
    start = f".{path.name}."
    for left in path.parent.glob(f"{glob.escape(start)}*"):
        if owner.is_gone(left.name.removeprefix(start)):
            _remove(left)
    return path.with_name(f"{start}{owner.mark()}")


def _is_our_folder(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()
    return False


def _remove(path: Path) -> None:
    """As far as the system lets us: what stays is tried again next time."""
    if path.is_dir() and not path.is_symlink():
        empty(path)
        return
    with contextlib.suppress(OSError):
        path.unlink()


# ---------------------------------------------------------------- removing what a box filled


def empty(folder: Path) -> None:
    """Remove `folder` with all it holds, however deep and whatever rights were set in it.

    Must not run while anything can still move in it: it climbs back by "..". What the host itself
    does not let go of stays.
    """
    with contextlib.suppress(OSError):
        place = os.open(folder, _FOLDER)
        try:
            path: list[str] = []
            waiting = [_cleared(place)]
            while True:
                if waiting[-1]:
                    name = waiting[-1].pop()
                    if _is_open_to_us(place, name):
                        place = _moved(place, name)
                        path.append(name)
                        waiting.append(_cleared(place))
                elif path:
                    place = _moved(place, "..")
                    waiting.pop()
                    with contextlib.suppress(OSError):
                        os.rmdir(path.pop(), dir_fd=place)
                else:
                    break
        finally:
            os.close(place)
        folder.rmdir()


def _cleared(place: int) -> list[str]:
    """Remove from an open folder what is none; the names of the folders in it."""
    folders = []
    for name in os.listdir(place):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
                folders.append(name)
            else:
                os.unlink(name, dir_fd=place)
    return folders


def _moved(place: int, name: str) -> int:
    """The folder `name` of an open one, which is closed once that is open."""
    moved = os.open(name, _FOLDER, dir_fd=place)
    os.close(place)
    return moved


def _is_open_to_us(parent: int, name: str) -> bool:
    """Give us all rights in a folder; whether we have them now."""
    try:
        place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        finally:
            os.close(place)
    except OSError:
        return False
    return True
