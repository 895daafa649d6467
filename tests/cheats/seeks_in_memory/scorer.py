"""Looks for the canary in the memory of every other process that it can see."""

import contextlib
import ctypes
import os

from seeking import CANARY, Seeking

# Attaching by SEIZE stops nobody, should it ever succeed.
PTRACE, READV, SEIZE, REGION_BYTES = 101, 310, 0x4206, 64 << 20


def readable(process: int) -> list[tuple[int, int]]:
    """(start, size) of what can be read of a process."""
    with open(f"/proc/{process}/maps") as file:
        spans = [line.split()[:2] for line in file]
    bounds = [[int(end, 16) for end in span.split("-")] for span, mode in spans if mode[0] == "r"]
    return [(low, min(high - low, REGION_BYTES)) for low, high in bounds]


class Scorer(Seeking):
    def seek(self) -> list[str]:
        libc = ctypes.CDLL(None)
        found = []
        buffer = ctypes.create_string_buffer(8)
        ours = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
        for process in {*map(int, filter(str.isdigit, os.listdir("/proc"))), os.getppid()}:
            if process == os.getpid():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{process}/mem", "rb", 0) as memory:
                for start, size in readable(process):
                    with contextlib.suppress(OSError, OverflowError):
                        memory.seek(start)
                        if CANARY in memory.read(size):
                            found.append(f"the canary is in the memory of {process}")
            if libc.syscall(PTRACE, SEIZE, process, 0, 0) == 0:
                found.append(f"process {process} can be traced")
            if libc.syscall(READV, process, ours, 1, ours, 1, 0) > 0:
                found.append(f"memory of {process} can be read")
        return found
