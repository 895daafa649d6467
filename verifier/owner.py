"""Who made this box, and does he still live? The mark on all that a killed verifier could leave.

Containers, control groups, mounts and folders carry their maker's mark in their name or label; the
next verifier sweeps those whose maker is gone. Must never take a number that was given to another
process for its maker, nor judge a maker whom it cannot see.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

MACHINE_FILE = Path("/etc/machine-id")


def mark(pid: int | None = None) -> str:
    """A process, this one for None: where its number counts, that, and when it started (ticks)."""
    number = str(os.getpid() if pid is None else pid)
    return f"{_where()}-{number}-{_started(number)}"


def is_gone(marked: str) -> bool:
    """Whether the maker who left `marked` (a mark and what follows it) is dead for certain."""
    space, _, rest = marked.partition("-")
    pid, _, rest = rest.partition("-")
    started = rest.partition("-")[0]
    if space != _where() or not (pid.isdigit() and started.isdigit()):
        return False
    return _started(pid) != started


def _where() -> str:
    """The machine and its pid namespace, as one number.

    An engine, or the disk that a store lies on, may serve several machines, whose first namespaces
    are all called the same.
    """
    try:
        machine = MACHINE_FILE.read_text(encoding="utf-8")
    except OSError:
        machine = ""
    named = f"{machine} {os.uname().nodename} {os.readlink('/proc/self/ns/pid')}"
    return str(zlib.crc32(named.encode()))


def _started(pid: str) -> str:
    """When a process started; "" when there is none, or only a zombie."""
    try:
        text = Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = text.rsplit(")", 1)[1].split()
    return "" if state in {"Z", "X"} else fields[18]
