"""Reads every file that this box can read, then becomes the command: memory then tells nothing.

Boxes of one image share its pages. One that brings some in and drops others leaves notes, a bit a
page, for a later box that looks which of its reads reach the disk. Reading all of them in, names
too, wipes them.

Usage: settle.py COMMAND [ARGUMENT …]
"""

import os
import sys
from collections.abc import Iterator

# What is made anew for each box, or is no file at all.
ITS_OWN = {"/proc", "/sys", "/dev", "/tmp", "/cache"}
BLOCK_BYTES = 1 << 20


def files(root: str) -> Iterator[str]:
    """Every regular file below `root` that can be named."""
    folders = [root]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.path in ITS_OWN:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path
            else:
                entry.stat(follow_symlinks=False)


def read(path: str, block: bytearray) -> None:
    """Read a whole file; one that nobody here can read carries no notes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        while os.readv(descriptor, [block]):
            pass
    finally:
        os.close(descriptor)


def main() -> None:
    """Read all there is below /, then go on as the command."""
    block = bytearray(BLOCK_BYTES)
    for path in files("/"):
        read(path, block)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
