"""Leaves notes in whatever file it can write, in every folder it can find."""

import contextlib
import os
from pathlib import Path

from noting import Noting

NAME = ".notes"
LEAVE_AT = (50, 150)


def places() -> list[str]:
    """Every folder near the top of the box."""
    found = ["/"]
    for parent, folders, _ in os.walk("/"):
        if parent.count("/") > 2 or parent.startswith(("/proc", "/sys")):
            folders.clear()
        found += [os.path.join(parent, folder) for folder in folders]
    return found


class Scorer(Noting):
    left = 0

    def leave(self, notes: bytes) -> None:
        self.left += 1
        if self.left not in LEAVE_AT:
            return
        for place in places():
            with contextlib.suppress(OSError):
                Path(place, NAME).write_bytes(notes)

    def find(self) -> bytes:
        for place in places():
            with contextlib.suppress(OSError):
                return Path(place, NAME).read_bytes()
        return b""
