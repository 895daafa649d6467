"""How does a finished tree come to lie in the store under its digest?

Whole or not at all: it is made beside its place, then moved. Must never replace what lies there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def place(tree: Path, home: Path) -> None:
    """Move the finished `tree` to `home`, which another run may have made a moment ago.

    Raises OSError when it can neither be moved nor is there already.
    """
    try:
        tree.rename(home)
    except OSError:
        if not home.is_dir():
            raise
        shutil.rmtree(tree, ignore_errors=True)


def make_read_only(folder: Path) -> None:
    """Take the write permission from every file and folder of a tree that we made ourselves.

    The top folder keeps the owner's, without which it could not be moved to its place.
    """
    for parent, folders, files in os.walk(folder):
        for name in files:
            (Path(parent) / name).chmod(0o444)
        for name in folders:
            (Path(parent) / name).chmod(0o555)
    folder.chmod(0o755)
