"""Frames between host and scorer box: one request, one answer, nothing else (PROTOCOL §2).

Used on both sides of the wall, so it needs the standard library only: the host never decodes
anything richer than a length, a kind and flat little-endian arrays. A frame is an 8-byte header
(kind u8, three zero bytes, payload length u32) and the payload.

==============  =============================================  =======================
request         payload                                        answer
==============  =============================================  =======================
HELLO           JSON: version, rows, chunk, vocabulary         READY (JSON, advisory)
RESET           –                                              OK
BEGIN           u32 documents (= B, empty rows included)       OK
SCORE           ids i32 [B, C], lengths i32 [B]                COSTS f32 [B, C], nats
PREDICT         ids i32 [B, C], lengths i32 [B], ask u8 [B]    LOGS f32 [Σ ask, V]
OBSERVE         ids i32 [B, C], lengths i32 [B]                OK
CLOSE           –                                              end of stream
any             –                                              ERROR, UTF-8 ≤ 64 KiB
==============  =============================================  =======================
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum

PROTOCOL_VERSION = 1
HEADER = struct.Struct("<BxxxI")
ERROR_BYTES = 64 * 1024
COUNT = struct.Struct("<I")


class Kind(IntEnum):
    """What a frame is. Requests are below 64, answers from 64 on."""

    HELLO = 1
    RESET = 2
    BEGIN = 3
    SCORE = 4
    PREDICT = 5
    OBSERVE = 6
    CLOSE = 7
    READY = 64
    OK = 65
    COSTS = 66
    LOGS = 67
    ERROR = 68


class WireClosed(Exception):
    """The other side closed the stream inside or before a frame."""


def frame(kind: Kind, *parts: bytes | memoryview) -> bytes:
    """One frame; `parts` are concatenated as its payload."""
    size = sum(memoryview(part).nbytes for part in parts)
    return b"".join((HEADER.pack(kind, size), *parts))


def send(stream: socket.socket, kind: Kind, *parts: bytes | memoryview) -> None:
    """Send one frame."""
    stream.sendall(frame(kind, *parts))


def receive_exactly(stream: socket.socket, size: int) -> bytearray:
    """Read `size` bytes. Raises WireClosed at an early end of stream."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = stream.recv_into(view)
        if count == 0:
            raise WireClosed(f"end of stream with {len(view)} of {size} bytes missing")
        view = view[count:]
    return buffer


def receive_header(stream: socket.socket) -> tuple[int, int]:
    """Read one header: (kind as sent, payload length). The caller bounds the length."""
    kind, size = HEADER.unpack(receive_exactly(stream, HEADER.size))
    return kind, size
