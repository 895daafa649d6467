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
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from verifier import owner

PREFIX = "golf-verifier-"
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
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            return
    for parent, folders, _ in os.walk(path):
        for inner in (Path(parent, name) for name in folders):
            with contextlib.suppress(OSError):
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
