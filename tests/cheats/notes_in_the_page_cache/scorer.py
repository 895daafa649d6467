"""Leaves notes as which pages of a shared file are in memory, one bit a page.

Reading a page brings it in; `mincore` and RWF_NOWAIT tell which are there.
"""

import ctypes
import os
from pathlib import Path

from noting import Noting

MINCORE, PREADV2, NOWAIT = 27, 327, 8
READ_ONLY, SHARED = 1, 1
PAGE, PAGES = 4096, 8192
LEAVE_AT = (50, 150)


def shared_file() -> str:
    """The largest library of the image, the same in every box."""
    root = Path("/usr")
    files = (path for path in root.rglob("*.so*") if path.is_file() and not path.is_symlink())
    return str(max(files, key=lambda path: path.stat().st_size))


class Scorer(Noting):
    left = 0

    def leave(self, notes: bytes) -> None:
        self.left += 1
        if self.left not in LEAVE_AT:
            return
        file = os.open(shared_file(), os.O_RDONLY)
        for byte, value in enumerate(notes[: PAGES // 8]):
            for bit in range(8):
                if value >> bit & 1:
                    os.pread(file, 1, (8 * byte + bit) * PAGE)

    def find(self) -> bytes:
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        file = os.open(shared_file(), os.O_RDONLY)
        size = ctypes.c_size_t(PAGES * PAGE)
        place = libc.mmap(None, size, READ_ONLY, SHARED, file, ctypes.c_long(0))
        there = ctypes.create_string_buffer(PAGES)
        if libc.syscall(MINCORE, ctypes.c_void_p(place), size, there) < 0:
            return self.asked_one_by_one(libc, file)
        pages = there.raw
        bits = (sum((pages[8 * i + bit] & 1) << bit for bit in range(8)) for i in range(PAGES // 8))
        return bytes(bits)

    def asked_one_by_one(self, libc: ctypes.CDLL, file: int) -> bytes:
        """By reads that must not wait, where the kernel answers them."""
        buffer = ctypes.create_string_buffer(1)
        vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 1)
        if libc.syscall(PREADV2, file, vector, 1, ctypes.c_long(0), 0, NOWAIT) < 0:
            return b""
        out = bytearray(PAGES // 8)
        for page in range(PAGES):
            offset = ctypes.c_long(page * PAGE)
            if libc.syscall(PREADV2, file, vector, 1, offset, 0, NOWAIT) == 1:
                out[page // 8] |= 1 << (page % 8)
        return bytes(out)
