"""Which names have boxes looked up? The kernel remembers them for all; here it is made to forget.

A look-up of a name that is not there leaves that answer in the kernel's memory, below every mount
of the same folder, in every container of the same image. It outlives the box, and the next look-up
takes half the time: a bit a name. Only the machine's owner can drop what is remembered.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LACKS = "the kernel remembers which names boxes looked up, and this user cannot make it forget"

# Linux: Documentation/admin-guide/sysctl/vm.rst; 2 drops names and inodes that nobody uses.
_DROP = Path("/proc/sys/vm/drop_caches")
_NAMES = "2\n"
# A name looked up twice is spared once.
_TIMES = 2


@cache
def forgettable() -> bool:
    """Whether this user may make the kernel forget; tried, since rights alone do not tell."""
    try:
        _DROP.write_text(_NAMES, encoding="ascii")
    except OSError:
        return False
    return True


def lacks() -> tuple[str, ...]:
    """What every backend lacks where nobody can."""
    return () if forgettable() else (LACKS,)


def forget() -> None:
    """Drop every name that no process uses, where this user may; see `LACKS` where not."""
    if not forgettable():
        return
    for _ in range(_TIMES):
        _DROP.write_text(_NAMES, encoding="ascii")
