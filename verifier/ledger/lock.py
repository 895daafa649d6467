"""Is another verifier at work on this ledger? Must never wait for it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from verifier.errors import RequestError, StorageFault

_LOCK_FILE = "ledger.lock"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def locked(folder: Path) -> IO[bytes]:
    """The folder's lock file, held until it is closed.

    Raises RequestError while another process holds it, StorageFault when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.fdopen(os.open(folder / _LOCK_FILE, _FLAGS, 0o644), "wb")
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        lock.close()
        if not isinstance(fault, BlockingIOError):
            raise StorageFault(f"{folder} cannot be locked: {fault.strerror}") from fault
        raise RequestError(
            f"another verifier is at work in {folder}",
            remedy="wait for it, or choose another folder with --out",
        ) from fault
    return lock
