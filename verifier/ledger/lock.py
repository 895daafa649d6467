"""Is another verifier at work on this ledger, and which? Must never wait for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO

from verifier.errors import RequestError, StorageFault

_LOCK_FILE = "ledger.lock"
_NUMBER_BYTES = 20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def locked(folder: Path) -> IO[bytes]:
    """The folder's lock file, held until it is closed.

    Raises RequestError, which names it, while another process holds it, StorageFault when it cannot
    be made. The lock is the kernel's: it ends with the process, however that ends.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.fdopen(os.open(folder / _LOCK_FILE, _FLAGS, 0o644), "wb", buffering=0)
    except OSError as fault:
        raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        holder = _holder(folder / _LOCK_FILE)
        lock.close()
        if not isinstance(fault, BlockingIOError):
            raise StorageFault(f"{folder} cannot be locked: {fault.strerror}") from fault
        raise RequestError(
            f"another verifier is at work in {folder}{holder}",
            remedy="wait for it, or choose another folder with --out",
        ) from fault
    with contextlib.suppress(OSError):  # a full disk: then the next one is told no number
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
    return lock


def _holder(path: Path) -> str:
    """Who wrote into the file that he holds it, in words; "" where there is no number."""
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        return f", as process {int(file.read(_NUMBER_BYTES))}"
    return ""
