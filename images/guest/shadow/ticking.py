"""A clock that only the run itself moves: the same script, the same times.

Scripts read the wall clock to schedule learning rates and to stop, so two runs of one script on
one machine train differently. Here a reading costs a fixed moment and an optimiser's step a fixed
stretch; sleeping moves the clock and takes no time. Nothing else moves it. What readings cost is
forgotten at the next step, so that a rank that reads more often than another has the same time.
Threads beside the first see the clock and do not move it.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Sequence
from typing import Any

START = 1_777_000_000.0
"""Seconds since 1970 at which every run begins."""

_real = {name: getattr(time, name) for name in ("monotonic", "sleep")}
_ORIGINS = {
    "time": START,
    "perf_counter": 0.0,
    "monotonic": 0.0,
    "process_time": 0.0,
    "thread_time": 0.0,
}


class Clock:
    """Virtual seconds since the start. `reading` seconds a look.

    `steps`: seconds of each step, the last of them of every further one.
    """

    def __init__(self, reading: float, steps: Sequence[float]) -> None:
        self.reading = reading
        self.now = 0.0
        self._first = list(steps[:-1])
        self._each = float(steps[-1])
        self._since_step = 0.0

    def look(self) -> float:
        """Seconds since the start, after the moment that looking takes."""
        if _first_thread():
            self.now += self.reading
            self._since_step += self.reading
        return self.now

    def stepped(self) -> None:
        """An optimiser has taken a step."""
        step = self._first.pop(0) if self._first else self._each
        self.now += max(0.0, step - self._since_step)
        self._since_step = 0.0

    def hasten(self, times: int) -> None:
        """Steps take so many times less from now on."""
        self._first.clear()
        self._each /= times

    def sleep(self, seconds: float) -> None:
        """Time passes, nobody waits; a thread that sleeps beside the first really does."""
        if _first_thread():
            self.now += max(0.0, float(seconds))
        else:
            _real["sleep"](seconds)

    def install(self) -> None:
        """Put this clock in the place of Python's own."""
        for name, origin in _ORIGINS.items():
            setattr(time, name, lambda origin=origin: origin + self.look())
            setattr(time, f"{name}_ns", lambda origin=origin: int((origin + self.look()) * 1e9))
        time.sleep = self.sleep
        gmtime, localtime, ctime, strftime = time.gmtime, time.localtime, time.ctime, time.strftime
        time.gmtime = lambda at=None: gmtime(START + self.look() if at is None else at)
        time.localtime = lambda at=None: localtime(START + self.look() if at is None else at)
        time.ctime = lambda at=None: ctime(START + self.look() if at is None else at)
        time.strftime = lambda form, at=None: strftime(form, time.localtime() if at is None else at)
        datetime.datetime = _dates(self)


def _first_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _dates(clock: Clock) -> type[datetime.datetime]:
    class Now(datetime.datetime):
        """A datetime whose now is the clock's."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(START + clock.look(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(START + clock.look(), datetime.UTC).replace(tzinfo=None)

    return Now


def real_seconds() -> float:
    """Seconds of the machine's own clock."""
    return float(_real["monotonic"]())
