"""What does a script find around it? Its own folder's files, the data where it looks, a driver.

The working folder is the only place that it may write, so its files are copied below it, as deep as
they lie in the competition's repository: scripts look beside and above themselves.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

INSIDE = "repository/records/track/submission"


def enter(spec: dict[str, Any]) -> None:
    """Fill the working folder, and let what the guest brings be found before anything else."""
    world = spec.get("world", "/world")
    if folder := spec.get("submission"):
        os.makedirs(INSIDE, exist_ok=True)
        _link(world, "repository/data")
        os.chdir(INSIDE)
        shutil.copytree(folder, ".", symlinks=True, dirs_exist_ok=True)
        _own(".")
    _link(world, "data")
    if notes := spec.get("notes"):
        os.makedirs(notes, exist_ok=True)
    if spec.get("device", "cpu") != "cpu":
        return
    programs = Path(__file__).resolve().parent / "bin"
    os.environ["PATH"] = os.pathsep.join([str(programs), os.environ.get("PATH", "")])


def _own(folder: str) -> None:
    """What was frozen is a copy here, and may be written over."""
    for place, _, names in os.walk(folder):
        os.chmod(place, 0o755)
        for name in names:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)


def _link(world: str, place: str) -> None:
    if not os.path.lexists(place):
        os.symlink(world, place)
