"""How long is one answer of a box waited for, and whose fault is it when it does not come?

Must never decide whether a late answer is excused: `audits/` does.
"""

from __future__ import annotations

import time

from verifier.sandbox.interface import Box

LOOK_SHARE = 0.25
STARVED_SHARE = 0.5


class Patience:
    """How long one answer is waited for, and whether the box lacked a processor meanwhile.

    The box is looked at when a quarter of the time is over and again at the end, so that a prompt
    answer costs nothing.
    """

    def __init__(self, box: Box, seconds: float) -> None:
        """Begin now; `seconds` is the most that the answer may take."""
        self._box = box
        self.began = time.monotonic()
        self._look = self.began + LOOK_SHARE * seconds
        self._deadline = self.began + seconds
        self._seen: tuple[float, float] | None = None

    def left(self) -> float:
        """Seconds until the next look or the end. Raises TimeoutError when it is over."""
        now = time.monotonic()
        if now >= self._deadline:
            raise TimeoutError
        if now < self._look:
            return self._look - now
        if self._seen is None:
            self._seen = now, self._box.waited_seconds()
        return self._deadline - now

    def starved(self) -> bool:
        """Whether since the first look the box mostly waited for a processor."""
        if self._seen is None:
            return False
        since, waited = self._seen
        lacked = self._box.waited_seconds() - waited
        return lacked > STARVED_SHARE * (time.monotonic() - since)
