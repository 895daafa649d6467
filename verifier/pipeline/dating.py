"""When did the files that a box leaves get their last content? Seen from outside while it runs.

The kernel dates every change, which no box can set. But writing the same bytes once more is a
change too, so the host looks while the box runs: a file is as old as the first look that found it
with the content that it has at the end, if that is before its date. Must never trust a name or a
kind that it finds there, nor wait for what it opens.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from verifier.shadow import left

STEP_SECONDS = 1.0
"""By which the wall clock may drift from the steady one in a run."""
HASHED_BYTES = 256_000_000
"""Of one file, at a look; a larger one has its date alone."""
_BLOCK = 1 << 20

Interval = tuple[float, float]


class Dating:
    """The dates of files below `out`, in seconds after the start of a box.

    Dates are by the wall clock, which may be set: then this machine's word is worthless.
    """

    def __init__(self, out: Path) -> None:
        """Before the box is started."""
        self._out = out
        self._before = self._started = _wall()
        self._steady = time.monotonic()
        self._looked = self._before
        self._states: dict[str, tuple[int, int]] = {}
        self._first: dict[tuple[str, str], Interval] = {}

    def box_started(self) -> None:
        """The box has been started by now."""
        self._started = self._looked = _wall()

    def look(self) -> None:
        """Find files whose content is new, and note when that was seen first."""
        now = _wall()
        for name, path in left.files(self._out):
            try:
                found = path.lstat()
                state = found.st_ctime_ns, found.st_size
                if self._states.get(name) == state or not left.is_artifact(name):
                    continue
                digest = _digest(path)
            except OSError:
                continue  # it moved meanwhile: the next look is soon
            self._states[name] = state
            if digest:
                self._first.setdefault((name, digest), (self._looked, now))
        self._looked = now

    def since(self, artifact: Iterable[tuple[str, Path]]) -> Interval | None:
        """[lo, hi] of when the last of these files (name, path) got its content; None for none.

        To be asked once the box has ended and the sandbox has dated what it left.
        """
        dates = list(self._dates(artifact))
        if not dates:
            return None
        low, high = (max(each) for each in zip(*dates, strict=True))
        return max(0.0, low - self._started), max(0.0, high - self._before)

    def _dates(self, artifact: Iterable[tuple[str, Path]]) -> Iterator[Interval]:
        for name, path in artifact:
            changed = path.lstat().st_mtime
            seen = self._first.get((name, _digest(path)), (changed, changed))
            yield seen if seen[1] < changed else (changed, changed)

    def unfair(self) -> str:
        """Why dates are not to be trusted, or ""."""
        passed = _wall() - self._before
        apart = passed - (time.monotonic() - self._steady)
        return f"its clock was set by {apart:+.1f} s meanwhile" if abs(apart) > STEP_SECONDS else ""


def _digest(path: Path) -> str:
    """sha256 of a regular file that is not too large, else ""."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ""
        digest, left_over = hashlib.sha256(), HASHED_BYTES
        while left_over > 0 and (block := file.read(min(_BLOCK, left_over))):
            digest.update(block)
            left_over -= len(block)
        return digest.hexdigest() if left_over > 0 else ""


def _wall() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)
