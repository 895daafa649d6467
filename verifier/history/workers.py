"""How are thousands of hostile inputs read on all cores, when any of them may kill its reader?

One process per core, each with one job at a time over a pipe of bytes. A reader that dies, or takes
longer than its limit, loses that one job and is replaced; the rest goes on. What comes back is
bytes, never an object: nothing that a reader sends is unpickled.

A reader looks for no garbage. What it reads are rings of millions of objects, and finding them
takes a fifth of its time; instead it retires when it has grown, and another is forked from a
process that has everything loaded and has read nothing.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from verifier.scratch import temporary

LIMIT_SECONDS = 20.0
RETIRE_BYTES = 260_000_000
GROWTH_BYTES = 1_500_000_000
LONGEST_ANSWER = 64_000_000
_SAID = 300
_STAYS, _RETIRES = b"+", b"-"

Read = Callable[[bytes], bytes]
Open = Callable[[str], Read]
"""Called once in each reader with what all jobs share; a module's function, found by its name."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a reader sent back for job number `job`, in the order of jobs given."""

    job: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Job number `job` has no answer; `why` is one sentence."""

    job: int
    why: str
    late: bool = False
    """Whether it took longer than its limit."""


class Begins(Enum):
    """Where a reader comes from."""

    SERVED = "served"
    """A process that has everything loaded and has read nothing: what thousands of jobs want."""
    FORKED = "forked"
    """This process as it stands, with all that it holds: one reader, at once."""


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def read_all(
    jobs: Iterable[bytes],
    open_reader: Open,
    shared: str,
    *,
    readers: int,
    limit_seconds: float = LIMIT_SECONDS,
    begins: Begins = Begins.SERVED,
) -> Iterator[Answered | Lost]:
    """Each job's answer, in the order in which they come.

    Closing the iterator, or an exception in the loop around it, ends every reader.
    """
    waiting = enumerate(jobs)
    with temporary("reading") as scratch:
        desks = [
            _Desk(open_reader, shared, scratch / f"{number}", begins) for number in range(readers)
        ]
        try:
            busy = [desk for desk in desks if desk.give(waiting)]
            while busy:
                for desk in _ready(busy, limit_seconds):
                    yield desk.take(limit_seconds)
                    if not desk.give(waiting):
                        busy.remove(desk)
        finally:
            for desk in desks:
                desk.end()


def _ready(busy: list[_Desk], limit_seconds: float) -> list[_Desk]:
    """Desks that have something to say: an answer, an end, or too long a silence."""
    left = min(desk.deadline(limit_seconds) for desk in busy) - time.monotonic()
    heard = set(wait([desk.pipe for desk in busy], timeout=max(0.0, left)))
    now = time.monotonic()
    return [desk for desk in busy if desk.pipe in heard or desk.deadline(limit_seconds) <= now]


class _Desk:
    """A place where one reader after another sits."""

    def __init__(
        self, open_reader: Open, shared: str, complaints: Path, begins: Begins = Begins.SERVED
    ) -> None:
        self._open, self._shared, self._complaints = open_reader, shared, complaints
        self._begins = begins
        self._reader: BaseProcess | None = None
        self._job = -1
        self._given = 0.0
        self.pipe: Connection

    def give(self, waiting: Iterator[tuple[int, bytes]]) -> bool:
        """Hand out the next job; False when there is none."""
        job = next(waiting, None)
        if job is None:
            return False
        if self._reader is None:
            self._sit()
        self._job = job[0]
        self._given = time.monotonic()
        # Whoever is gone by now is heard of when the answer is taken.
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(job[1])
        return True

    def deadline(self, limit_seconds: float) -> float:
        """When the job under way has taken too long, on the monotonic clock."""
        return self._given + limit_seconds

    def take(self, limit_seconds: float) -> Answered | Lost:
        """The answer to the job under way, or why there is none."""
        if not self.pipe.poll():
            self.end()
            return Lost(self._job, f"reading took longer than {limit_seconds:g} s", late=True)
        try:
            said = self.pipe.recv_bytes(LONGEST_ANSWER)
        except (EOFError, OSError):
            why = self._why()
            self.end()
            return Lost(self._job, why)
        if said[:1] == _RETIRES:
            self.end()
        return Answered(self._job, said[1:])

    def end(self) -> None:
        """Nobody sits here any more."""
        if self._reader is None:
            return
        self._reader.kill()
        self._reader.join()
        self._reader.close()
        self.pipe.close()
        self._reader = None

    def _sit(self) -> None:
        self.end()
        where: ForkContext | ForkServerContext
        if self._begins is Begins.FORKED:
            where = multiprocessing.get_context("fork")
        else:
            where = multiprocessing.get_context("forkserver")
            where.set_forkserver_preload(["__main__", self._open.__module__])
        self.pipe, theirs = where.Pipe()
        reader = where.Process(
            target=_sit_down,
            args=(theirs, self._open, self._shared, str(self._complaints)),
            daemon=True,
        )
        with warnings.catch_warnings():
            # Of threads that hold a lock while this forks: ours are a number library's, asleep.
            warnings.simplefilter("ignore", DeprecationWarning)
            reader.start()
        self._reader = reader
        theirs.close()

    def _why(self) -> str:
        """The last line of what the reader complained of, or how it ended."""
        reader = self._reader
        assert reader is not None
        reader.join(1.0)
        ended = reader.exitcode
        if ended is not None and ended < 0:
            return f"the reader was ended by signal {signal.Signals(-ended).name}"
        try:
            said = self._complaints.read_bytes()[-4_000:].decode("utf-8", "replace").strip()
        except OSError:
            said = ""
        if ended is None:
            return f"the reader answered with more than {LONGEST_ANSWER} bytes"
        last = said.rpartition("\n")[2][:_SAID]
        return f"the reader failed: {last}" if last else f"the reader ended with {ended}"


def _sit_down(pipe: Connection, open_reader: Open, shared: str, complaints: str) -> None:
    """The life of one reader."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log = os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stderr = os.fdopen(log, "w", errors="backslashreplace")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()
    read = open_reader(shared)
    _forbid_growth()
    while True:
        try:
            job = pipe.recv_bytes()
        except EOFError:
            return
        answer = read(job)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > RETIRE_BYTES
        pipe.send_bytes((_RETIRES if grown else _STAYS) + answer)
        if grown:
            return


def _forbid_growth() -> None:
    """A reader may grow by so much past its libraries; then it fails, and not the machine."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    most = pages * resource.getpagesize() + GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
