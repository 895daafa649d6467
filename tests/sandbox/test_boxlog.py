"""The log: bounded, read to its end, whatever pieces it comes in."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.sandbox.boxlog import LEAST_BYTES, TAIL_BYTES, BoxLog, read_blocks, read_frames


def test_only_the_tail_is_kept_and_all_is_counted() -> None:
    """A box cannot fill our memory."""
    log = BoxLog([b"a" * 70_000, b"b" * 10], 80_000)
    assert log.text() == "a" * (TAIL_BYTES - 10) + "b" * 10
    assert not log.over.is_set()
    log = BoxLog([b"a" * 70_000, b"b" * 10], 70_009)
    log.text()
    assert log.over.is_set()


def test_many_small_writes_are_no_cheaper_than_large_ones() -> None:
    """Whoever carries them works as hard for one byte as for many."""
    log = BoxLog([b"a"] * 10, 10 * LEAST_BYTES)
    assert log.text() == "a" * 10 and not log.over.is_set()
    log = BoxLog([b"a"] * 11, 10 * LEAST_BYTES)
    assert log.text() == "a" * 11 and log.over.is_set()


def test_what_is_no_text_is_shown_as_such() -> None:
    """A report must be able to hold it."""
    assert BoxLog([b"ok \xff\xfe"], 100).text() == "ok \ufffd\ufffd"


def test_a_log_that_does_not_end_does_not_hold_its_reader() -> None:
    """The tail so far is told when the time is over."""
    go_on = threading.Event()

    def blocks() -> Iterator[bytes]:
        yield b"so far"
        go_on.wait(10)

    log = BoxLog(blocks(), 100)
    assert log.text(0.2) == "so far"
    go_on.set()
    assert log.text() == "so far"


def test_a_pipe_is_read_until_its_last_writer_is_gone() -> None:
    """Every block, and the pipe is closed."""
    reader, writer = os.pipe()
    os.write(writer, b"one")
    os.close(writer)
    with open(reader, "rb", buffering=0) as pipe:
        assert b"".join(read_blocks(pipe)) == b"one"
        assert pipe.closed


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.booleans(),
)
def test_frames_are_read_whatever_pieces_they_come_in(
    frames: list[tuple[int, bytes]], cuts: list[int], broken: bool
) -> None:
    """Headers and contents may be cut anywhere; a last frame may be missing its end."""
    sent = b"".join(struct.pack(">BxxxL", kind, len(text)) + text for kind, text in frames)
    if broken:
        sent += struct.pack(">BxxxL", 1, 10) + b"cut"
    here, there = socket.socketpair()

    def write() -> None:
        rest, index = sent, 0
        with there:
            while rest:
                size = cuts[index % len(cuts)]
                there.sendall(rest[:size])
                rest, index = rest[size:], index + 1

    thread = threading.Thread(target=write)
    thread.start()
    read = b"".join(read_frames(here))
    thread.join()
    assert read == b"".join(text for _, text in frames) + b"cut" * broken
    assert here.fileno() == -1


def test_a_connection_that_breaks_ends_the_log() -> None:
    """An engine that dies is told of elsewhere."""
    here, there = socket.socketpair()
    here.settimeout(0.05)
    there.sendall(struct.pack(">BxxxL", 1, 100) + b"begun")
    assert b"".join(read_frames(here)) == b"begun"
    there.close()
