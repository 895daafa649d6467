"""Asks the kernel which pages of the image and of its inputs are in memory."""

import ctypes
import os

from seeking import Seeking

MINCORE, CACHESTAT, PREADV2, NOWAIT = 27, 451, 327, 8


class Scorer(Seeking):
    def seek(self) -> list[str]:
        libc = ctypes.CDLL(None)
        page = ctypes.create_string_buffer(8192)
        aligned = (ctypes.addressof(page) + 4095) // 4096 * 4096
        vector = ctypes.create_string_buffer(1)
        file = os.open(__file__, os.O_RDONLY)
        ours = (ctypes.c_size_t * 2)(ctypes.addressof(vector), 1)
        tried = {
            "mincore": libc.syscall(MINCORE, ctypes.c_void_p(aligned), 4096, vector),
            "cachestat": libc.syscall(CACHESTAT, file, page, page, 0),
            "a read that does not wait": libc.syscall(PREADV2, file, ours, 1, 0, 0, NOWAIT),
        }
        return [what for what, answer in tried.items() if answer >= 0]
