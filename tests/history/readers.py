"""Readers that the pool's tests put at its desks: a spawned process finds them by their names."""

from __future__ import annotations

import os
import signal
import time

from verifier.history.reader import open_reader
from verifier.history.workers import Read


def open_plain(shared: str) -> Read:
    """Answers with the job and what is shared; a job can ask for every way to die."""

    def read(job: bytes) -> bytes:
        match job:
            case b"die":
                os._exit(3)
            case b"killed":
                os.kill(os.getpid(), signal.SIGSEGV)
            case b"raise":
                raise ValueError("this input\nis too much")
            case b"deep":
                return _down(0)
            case b"memory":
                return b"x" * 8_000_000_000
            case b"grow":
                return str(len(b"x" * 400_000_000)).encode()
            case b"much":
                return b"x" * 70_000_000
            case b"slow":
                time.sleep(60)
            case b"who":
                return str(os.getpid()).encode()
        return shared.encode() + b":" + job

    return read


def open_dying(shared: str) -> Read:
    """The real reader of submissions, but for one whose folder ends in Worse: there it dies."""
    really = open_reader(shared)

    def read(job: bytes) -> bytes:
        if b"_Worse" in job:
            os._exit(9)
        return really(job)

    return read


def open_broken(shared: str) -> Read:
    """A reader that never comes to its desk."""
    raise OSError(f"{shared} is not there")


def _down(depth: int) -> bytes:
    return _down(depth + 1)
