"""Leaves notes in System V and POSIX shared memory."""

import contextlib
import ctypes
from multiprocessing import resource_tracker, shared_memory

from noting import Noting

KEY, SIZE, CREATE, NAME = 0x60F, 1 << 20, 0o1666, "golf-notes"
LEAVE_AT = (50, 150)


class Scorer(Noting):
    left = 0

    def leave(self, notes: bytes) -> None:
        self.left += 1
        if self.left not in LEAVE_AT:
            return
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        segment = libc.shmget(KEY, SIZE, CREATE)
        place = libc.shmat(segment, None, 0) if segment >= 0 else None
        if place not in (None, ctypes.c_void_p(-1).value):
            ctypes.memmove(place, notes[:SIZE], min(len(notes), SIZE))
        with contextlib.suppress(OSError):
            memory = shared_memory.SharedMemory(NAME, create=True, size=SIZE)
            resource_tracker.unregister(memory._name, "shared_memory")
            memory.buf[: len(notes)] = notes[:SIZE]

    def find(self) -> bytes:
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        segment = libc.shmget(KEY, SIZE, 0)
        place = libc.shmat(segment, None, 0) if segment >= 0 else None
        if place not in (None, ctypes.c_void_p(-1).value):
            return ctypes.string_at(place, SIZE)
        with contextlib.suppress(OSError):
            return bytes(shared_memory.SharedMemory(NAME).buf)
        return b""
