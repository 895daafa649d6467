"""A frame arrives whole and as it was sent, or the stream was closed."""

from __future__ import annotations

import ast
import inspect
import socket
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier import wire
from verifier.wire import Kind, WireClosed

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Host's end and box's end of one stream."""
    host, box = socket.socketpair()
    with host, box:
        host.settimeout(10)
        box.settimeout(10)
        yield host, box


def received(stream: socket.socket) -> tuple[int, bytes]:
    kind, size = wire.receive_header(stream)
    return kind, bytes(wire.receive_exactly(stream, size))


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.sampled_from(Kind), st.lists(st.binary(max_size=300), max_size=4))))
def test_frames_arrive_in_order_and_as_they_were_sent(pair: Pair, frames) -> None:
    """§2: one request, one answer; a frame's parts are one payload."""
    host, box = pair
    for kind, parts in frames:
        wire.send(host, kind, *parts)
        assert received(box) == (kind, b"".join(parts))


def test_the_header_is_what_both_sides_of_the_wall_agree_on(pair: Pair) -> None:
    """kind u8, three zero bytes, payload length u32, little-endian."""
    host, box = pair
    wire.send(host, Kind.BEGIN, wire.COUNT.pack(258))
    assert wire.receive_exactly(box, 12) == b"\x03\0\0\0\x04\0\0\0\x02\x01\0\0"
    assert wire.PROTOCOL_VERSION == 1


@pytest.mark.parametrize("dtype", ["<f4", "<i4", "u1"])
def test_a_memoryview_counts_its_bytes_and_not_its_items(pair: Pair, dtype: str) -> None:
    """A length in items would leave the rest of the array to be read as the next frame."""
    host, box = pair
    array = np.arange(12, dtype=dtype).reshape(3, 4)
    wire.send(host, Kind.COSTS, array.data, b"end")
    assert received(box) == (Kind.COSTS, array.tobytes() + b"end")


def test_a_frame_larger_than_any_buffer_arrives_in_pieces(pair: Pair) -> None:
    """Logs of many rows are megabytes; a socket takes some kilobytes at a time."""
    host, box = pair
    payload = np.arange(1 << 20, dtype="<i4").tobytes()
    sender = threading.Thread(target=wire.send, args=(host, Kind.LOGS, payload))
    sender.start()
    assert received(box) == (Kind.LOGS, payload)
    sender.join()


@pytest.mark.parametrize("sent", [b"", b"\x41\0\0", b"\x41\0\0\0\x05\0\0\0abc"])
def test_a_stream_that_ends_inside_or_before_a_frame_is_closed(pair: Pair, sent: bytes) -> None:
    """A box that died said nothing: no zeros are read in its place."""
    host, box = pair
    box.sendall(sent)
    box.shutdown(socket.SHUT_WR)
    with pytest.raises(WireClosed, match="bytes missing"):
        received(host)


def test_an_empty_payload_needs_no_byte(pair: Pair) -> None:
    """RESET, OK and CLOSE are headers alone."""
    host, box = pair
    wire.send(host, Kind.RESET)
    box.shutdown(socket.SHUT_WR)
    assert received(box) == (Kind.RESET, b"")


def test_requests_lie_below_64_and_answers_from_there_on() -> None:
    """A request can never be taken for an answer; the numbers are what boxes were built with."""
    requests = ["HELLO", "RESET", "BEGIN", "SCORE", "PREDICT", "OBSERVE", "CLOSE"]
    answers = ["READY", "OK", "COSTS", "LOGS", "ERROR"]
    assert [(kind.name, kind.value) for kind in Kind] == [
        *((name, number) for number, name in enumerate(requests, 1)),
        *((name, number) for number, name in enumerate(answers, 64)),
    ]
    assert wire.ERROR_BYTES == 65_536


def test_the_guest_needs_nothing_but_the_standard_library() -> None:
    """This module is copied into boxes that may have no other package."""
    tree = ast.parse(inspect.getsource(wire))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    assert {str(name).partition(".")[0] for name in modules} <= sys.stdlib_module_names
