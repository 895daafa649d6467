"""Is another verifier at work on this ledger? Must never wait for it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from verifier.errors import RequestError, StorageFault

_LOCK_FILE = "ledger.lock"


def locked(folder: Path) -> IO[bytes]:
    """The folder's lock file, held. Raises RequestError while another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK_FILE).open("ab")
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        lock.close()
        raise RequestError(
            f"another verifier is at work in {folder}",
            remedy="wait for it, or choose another folder with --out",
        ) from fault
    return lock
