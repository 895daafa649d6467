"""What did a box print? The tail of stdout and stderr together, and how much there was.

Reads as fast as it is written, so that a box never waits for its log, and keeps a bounded tail.
Must never believe a word of it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from typing import BinaryIO

TAIL_BYTES = 64 * 1024
BLOCK_BYTES = 64 * 1024
FRAME_HEADER_BYTES = 8
LEAST_BYTES = 64
"""What a single write counts for at least: an engine works as hard to carry one byte as many."""


class BoxLog:
    """Collects a stream of blocks in a thread of its own."""

    def __init__(self, blocks: Iterable[bytes], limit_bytes: int) -> None:
        """`limit_bytes` bounds what a box may print; beyond it `over` is set.

        Each block counts for `LEAST_BYTES` at least.
        """
        self._blocks = blocks
        self._limit = limit_bytes
        self._tail = bytearray()
        self._seen = 0
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._collect, name="box log", daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        for block in self._blocks:
            self._seen += max(len(block), LEAST_BYTES)
            self._tail += block
            del self._tail[:-TAIL_BYTES]
            if self._seen > self._limit:
                self.over.set()

    def text(self, timeout_seconds: float = 2.0) -> str:
        """The tail as UTF-8, once the stream has ended (or the timeout passed)."""
        self._thread.join(timeout_seconds)
        return bytes(self._tail).decode("utf-8", "replace")


def read_blocks(pipe: BinaryIO) -> Iterator[bytes]:
    """The blocks of a pipe until every writer is gone. `pipe` must be unbuffered."""
    with pipe:
        while block := pipe.read(BLOCK_BYTES):
            yield block


def read_frames(stream: socket.socket) -> Iterator[bytes]:
    """What a container printed, out of the engine's frames, until it ends or the engine does.

    A frame is 8 bytes, the last four its length, big-endian, and then so many bytes; which of the
    two streams it belongs to does not matter here. What is given is no more than one frame, so
    that frames are counted. Closes `stream`.
    """
    with stream:
        waiting = bytearray()
        left = 0
        while True:
            try:
                block = stream.recv(BLOCK_BYTES)
            except OSError:
                return
            if not block:
                return
            waiting += block
            at = 0
            while at < len(waiting) if left else len(waiting) - at >= FRAME_HEADER_BYTES:
                if left:
                    taken = bytes(waiting[at : at + left])
                    left -= len(taken)
                    at += len(taken)
                    yield taken
                else:
                    left = int.from_bytes(waiting[at + 4 : at + FRAME_HEADER_BYTES], "big")
                    at += FRAME_HEADER_BYTES
            del waiting[:at]
