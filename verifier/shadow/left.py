"""What did a run leave in its folder? Regular files only, found without following a link.

Every name in there is the script's choice; what a box still runs may move.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

INSIDE = "repository/records/track/submission"
"""Where a script's own folder lies below the one that it may write."""
FILES = 2_000
FILE_BYTES = 1 << 30
_BLOCK = 1 << 20
_TALK = (".txt", ".log", ".json", ".jsonl", ".md", ".csv", ".py", ".pyc", ".sh", ".yaml", ".yml")


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(its name, path) of the first regular files, links and what they lead to left out.

    What the recorder left (`.shadow`) is not the script's.
    """
    found = 0
    own = folder / INSIDE
    for place, below, names in os.walk(folder, followlinks=False):
        below[:] = sorted(name for name in below if name != ".shadow")
        for name in sorted(names):
            path = Path(place, name)
            try:
                state = path.lstat()
            except OSError:
                continue  # it vanished, under whoever looks while the box still runs
            if not stat.S_ISREG(state.st_mode) or state.st_size > FILE_BYTES:
                continue
            found += 1
            if found > FILES:
                return
            inside = own if path.is_relative_to(own) else folder
            yield path.relative_to(inside).as_posix(), path


def artifacts(folder: Path) -> Mapping[str, str]:
    """The sha256 of each file that is no log, claim or source: the weights, however called."""
    return {name: _digest(path) for name, path in files(folder) if is_artifact(name)}


def is_artifact(name: str) -> bool:
    """Whether a file of this name may be weights: it is no log, claim or source."""
    return not name.lower().endswith(_TALK)


def read_regular(folder: Path, name: str, most: int) -> bytes:
    """The bytes of a regular file directly in `folder`, which is no link either.

    Raises OSError for anything else, ValueError where it has more than `most` bytes.
    """
    if folder.is_symlink():
        raise OSError(f"{folder}: is a link")
    handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(f"{name}: is no regular file")
        if state.st_size > most:
            raise ValueError(f"{name}: has more than {most} bytes")
        return file.read(most)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
