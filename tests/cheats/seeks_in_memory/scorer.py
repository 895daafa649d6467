"""Looks into the memory of every other process that it can see."""

import contextlib
import ctypes
import os

from seeking import Seeking

PTRACE, READV, ATTACH = 101, 310, 16


class Scorer(Seeking):
    def seek(self) -> list[str]:
        libc = ctypes.CDLL(None)
        found = []
        buffer = ctypes.create_string_buffer(8)
        ours = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
        for process in {*map(int, filter(str.isdigit, os.listdir("/proc"))), os.getppid()}:
            if process == os.getpid():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{process}/mem", "rb"):
                found.append(f"memory of {process} can be opened")
            if libc.syscall(PTRACE, ATTACH, process, 0, 0) == 0:
                found.append(f"process {process} can be traced")
            if libc.syscall(READV, process, ours, 1, ours, 1, 0) > 0:
                found.append(f"memory of {process} can be read")
        return found
