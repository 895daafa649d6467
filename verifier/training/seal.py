"""When does the data appear? Opens a sealed start (DESIGN §6) and nothing else.

The box starts with an empty data folder. When it has created $OUT/.ready, or INIT's limit has
passed, the host puts the data in and the training clock starts. Each file appears whole, under its
final name; the last thing to appear is $DATA/.ready. What cannot be linked is copied before the box
starts: no file lies open to it while others are still on their way and the clock stands. Must never
read what the box wrote: that the name exists is all that counts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

READY = ".ready"
SHARE_BLOCKS = 0x40049409
"""FICLONE of linux/fs.h: another file of the same blocks, on file systems that can."""


def is_ready(out: Path) -> bool:
    """Whether the box says that its INIT is over."""
    return os.path.lexists(out / READY)


def bring(data_folder: Path, waiting: Path) -> None:
    """Put the files of `data_folder` into `waiting`, where no box sees them.

    Raises OSError when the files cannot be put there.
    """
    for source in sorted(data_folder.rglob("*")):
        target = waiting / source.relative_to(data_folder)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            put(source, target)


def open_data(waiting: Path, sealed: Path) -> None:
    """Move what was brought to `waiting` into `sealed`, on the same file system: at once.

    Raises OSError when it cannot be moved.
    """
    for entry in sorted(waiting.iterdir()):
        entry.replace(sealed / entry.name)
    (sealed / READY).touch()


def put(source: Path, target: Path) -> None:
    """One file under another name: by hard link, else by its blocks shared, else copied."""
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError as fault:
        if fault.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        partial = target.with_name(f".{target.name}.partial")
        if not _shared(source, partial):
            shutil.copyfile(source, partial)
        partial.replace(target)


def _shared(source: Path, target: Path) -> bool:
    """Make `target` of the blocks of `source`; False where that cannot be."""
    with contextlib.suppress(OSError), source.open("rb") as given, target.open("wb") as made:
        fcntl.ioctl(made, SHARE_BLOCKS, given.fileno())
        return True
    return False


def forget_ready(out: Path) -> None:
    """Take the mark out of the artifact; a folder of that name stays and is weighed."""
    mark = out / READY
    try:
        if not stat.S_ISDIR(mark.lstat().st_mode):
            mark.unlink()
    except FileNotFoundError:
        return
