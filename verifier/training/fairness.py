"""Was the machine fair to the run it measured? Says why not, in words.

Looks at the host only, never at the box, so that nothing a submission does can excuse it. Must
never decide what an unfair measurement means for a verdict.
"""

from __future__ import annotations

import time

SUSPENDED_SECONDS = 1.0


class HostWitness:
    """Notices a machine that slept: its boot clock went on while the monotonic one stood."""

    def __init__(self) -> None:
        self._asleep = _asleep_seconds()

    def unfair(self) -> str:
        """Why the time since then is not to be trusted, "" when it is."""
        slept = _asleep_seconds() - self._asleep
        if slept > SUSPENDED_SECONDS:
            return f"the machine was suspended for {slept:.0f} s during the run"
        return ""


def _asleep_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
