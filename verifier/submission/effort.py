"""How much reading may one pull request cost, before it is a row that says so?

Whoever walks history or trees spends a step for each thing looked at. Unlimited until `begin` is
called, so that main's own history is read whatever its length. Steps come first, since they are the
same on every machine; seconds are the second wall. Must never end the reading of another request.
"""

from __future__ import annotations

import time

STEPS_AT_MOST = 1_000_000
SECONDS_AT_MOST = 10.0
_LOOKS_AT_THE_CLOCK = 2_000


class Overspent(Exception):
    """The request that is being read costs too much; the text says what of, for people."""


class Effort:
    """What is left of the request that is being read."""

    def __init__(self) -> None:
        """Nothing is limited yet."""
        self._left: float = float("inf")
        self._next_look: float = -float("inf")
        self._deadline = 0.0

    def begin(self, steps: int = STEPS_AT_MOST, seconds: float = SECONDS_AT_MOST) -> None:
        """Another request: it has all its steps and seconds still."""
        self._left = steps
        self._next_look = steps - _LOOKS_AT_THE_CLOCK
        self._deadline = time.monotonic() + seconds

    def end(self) -> None:
        """What follows is no request's: nothing is limited."""
        self.__init__()  # type: ignore[misc]

    def spend(self, steps: int) -> None:
        """Take so many steps. Raises Overspent when there are none left, or no time."""
        self._left -= steps
        if self._left > self._next_look:
            return
        if self._left <= 0:
            raise Overspent(f"reading it takes more than {STEPS_AT_MOST} steps")
        self._next_look = self._left - _LOOKS_AT_THE_CLOCK
        if time.monotonic() > self._deadline:
            raise Overspent(f"reading it takes longer than {SECONDS_AT_MOST:g} s")
