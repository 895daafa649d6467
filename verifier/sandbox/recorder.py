"""What did a box try at its walls? A record, made by its keeper; standard library only.

`attempts` says which calls reach this and why. Each stops its caller until it is answered, so a box
waits for the recorder and never the other way round; the recorder has a thread of its own, and the
keeper watches on beside it. Of each call: take it, read what it points to, see that its caller
still waits (else what was read may be another's), note it, answer it.

All that is read was written by the box, and may change under our eyes. Must never decide by it: a
call is let go or refused by its number alone, as the plan says. Must never grow with what it sees.

Structures and numbers as in linux/seccomp.h and asm-generic/ioctl.h.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import fcntl
import os
import posixpath
import select
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any

RECEIVE, SEND, STILL_WAITS, SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40082104
WAKE_AT_ONCE, LET_GO = 1, 1
NOTICE = struct.Struct("=QIIiIQ6Q")
ANSWER = struct.Struct("=QqiI")

DISTINCT, DISTINCT_OF_A_CALL = 256, 16
SHOWN_BYTES = 120
ADDRESS_BYTES, PATH_BYTES, MESSAGES, MESSAGE_BYTES = 128, 4096, 16, 64
END_SECONDS = 2.0
FAMILIES = {2: "AF_INET", 10: "AF_INET6", 15: "AF_KEY", 17: "AF_PACKET", 38: "AF_ALG"}
FAMILIES |= {29: "AF_CAN", 31: "AF_BLUETOOTH", 40: "AF_VSOCK", 44: "AF_XDP"}
HERE = -100
NO_ADDRESS, NO_NAME = "an address that cannot be read", "a name that cannot be read"


class Recorder:
    """Answers the calls that arrive at a listener, and remembers what they tried."""

    def __init__(self, listener: int, plan: Mapping[str, Any]) -> None:
        """Answer from now on, in a thread. `listener` is closed when nobody is left to ask."""
        self._listener = listener
        self._calls = {int(number): call for number, call in plan["calls"].items()}
        self._own = tuple(os.fsencode(own).rstrip(b"/") for own in plan["own"])
        self._seen: dict[str, int] = {}
        self._of_call: dict[str, int] = {}
        self._more = 0
        self._could_read = False
        self._done = _thread.allocate_lock()
        self._done.acquire()
        with contextlib.suppress(OSError):
            # Without it (before Linux 6.6) an answer takes three times as long.
            fcntl.ioctl(listener, SET_FLAGS, WAKE_AT_ONCE)
        _thread.start_new_thread(self._serve, ())

    def attempts(self) -> list[str]:
        """What was tried, each once, with how often. Called when every process is gone."""
        self._done.acquire(timeout=END_SECONDS)
        seen = list(self._seen.items())
        said = [what if times == 1 else f"{what} ({times} times)" for what, times in seen]
        return said if self._more == 0 else [*said, f"others ({self._more} times)"]

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while poll.poll()[0][1] & select.POLLIN:
                if not self._next():
                    break
        finally:
            # From here on the kernel refuses what it would have shown.
            os.close(self._listener)
            self._done.release()

    def _next(self) -> bool:
        """Answer one call; False when the listener is of no use any more."""
        notice = bytearray(NOTICE.size)
        try:
            fcntl.ioctl(self._listener, RECEIVE, notice)
        except OSError as fault:
            # Its caller died before it was taken, or a signal came.
            return fault.errno in {errno.ENOENT, errno.EINTR}
        ticket, pid, _, number, _, _, *arguments = NOTICE.unpack(notice)
        call = self._calls.get(number, {"name": f"call {number:#x}", "errno": errno.ENOSYS})
        try:
            tried = [*self._tried(call, pid, arguments)]
            fcntl.ioctl(self._listener, STILL_WAITS, struct.pack("=Q", ticket))
            for what in tried:
                self._note(what)
        except (OSError, ValueError):
            pass
        refusal = -call["errno"]
        answer = ANSWER.pack(ticket, 0, refusal, 0 if refusal else LET_GO)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._listener, SEND, answer)
        return True

    def _note(self, what: str) -> None:
        call = what.partition(" ")[0]
        if what in self._seen:
            self._seen[what] += 1
        elif len(self._seen) < DISTINCT and self._of_call.get(call, 0) < DISTINCT_OF_A_CALL:
            # A share for each call: many attempts of one kind hide none of another.
            self._seen[what] = 1
            self._of_call[call] = self._of_call.get(call, 0) + 1
        else:
            self._more += 1

    def _tried(self, call: Mapping[str, Any], pid: int, arguments: list[int]) -> Iterator[str]:
        """What a call tries, in words; nothing when it stays within the walls."""
        name = call["name"]
        match name:
            case "connect":
                yield from self._sent(name, pid, arguments[1])
            case "sendto":
                yield from self._sent(name, pid, arguments[4])
            case "sendmsg":
                yield from self._addressed(name, pid, arguments[1], 1)
            case "sendmmsg":
                yield from self._addressed(name, pid, arguments[1], arguments[2] & 0xFFFFFFFF)
            case "open" | "creat":
                yield from self._opened(pid, HERE, arguments[0])
            case "openat" | "openat2":
                yield from self._opened(pid, arguments[0] & 0xFFFFFFFF, arguments[1])
            case "socket" | "socketpair":
                family = arguments[0] & 0xFFFFFFFF
                yield f"{name} {FAMILIES.get(family, f'of family {family}')}"
            case _ if "argument" in call:
                yield f"{name} {arguments[call['argument']] & call['mask']:#x}"
            case _:
                yield name

    def _opened(self, pid: int, folder: int, place: int) -> Iterator[str]:
        """A file that lies outside of what the box may open."""
        raw = self._memory(pid, place, PATH_BYTES)
        path = raw.split(b"\0")[0]
        if not path:
            if not raw and self._could_read:
                yield f"open {NO_NAME}"
            return
        if not path.startswith(b"/"):
            here = b"cwd" if folder in {HERE, HERE & 0xFFFFFFFF} else b"fd/%d" % folder
            path = os.readlink(b"/proc/%d/%s" % (pid, here)) + b"/" + path
        path = b"/" + posixpath.normpath(path).lstrip(b"/")
        if not any(path == own or path.startswith(own + b"/") for own in self._own):
            yield f"open {printable(path)}"

    def _addressed(self, name: str, pid: int, place: int, count: int) -> Iterator[str]:
        """The addresses in an array of messages (`struct mmsghdr`, or one `struct msghdr`)."""
        for index in range(min(count, MESSAGES)):
            head = self._memory(pid, place + index * MESSAGE_BYTES, 8)
            if len(head) < 8:
                return
            (address,) = struct.unpack("=Q", head)
            if address:
                yield from self._sent(name, pid, address)

    def _sent(self, name: str, pid: int, place: int) -> Iterator[str]:
        """An address outside of the box."""
        raw = self._memory(pid, place, ADDRESS_BYTES)
        if len(raw) >= 2:
            yield from _outside(name, raw)
        elif self._could_read:
            yield f"{name} to {NO_ADDRESS}"

    def _memory(self, pid: int, place: int, size: int) -> bytes:
        """What lies there. Only where some could be read before is nothing a way to hide."""
        raw = _memory(pid, place, size)
        self._could_read = self._could_read or bool(raw)
        return raw


def _outside(name: str, raw: bytes) -> Iterator[str]:
    """An internet address other than the box's own loopback (`struct sockaddr`)."""
    (family,) = struct.unpack_from("=H", raw)
    if family == socket.AF_INET and len(raw) >= 8:
        where, own = socket.inet_ntop(family, raw[4:8]), raw[4] == 127 or not any(raw[4:8])
    elif family == socket.AF_INET6 and len(raw) >= 24:
        bare, last = socket.inet_ntop(family, raw[8:24]), raw[20:24]
        where = f"[{bare}]"
        own = not any(raw[8:23]) and raw[23] <= 1
        own = own or (raw[8:20] == bytes(10) + b"\xff\xff" and (last[0] == 127 or not any(last)))
    else:
        return
    if not own:
        yield f"{name} {where}:{int.from_bytes(raw[2:4], 'big')}"


def _memory(pid: int, place: int, size: int) -> bytes:
    """At most so many bytes of a process's memory; fewer where there are not as many."""
    if not 0 < place < 1 << 62:
        return b""
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(memory, size, place)
    except OSError:
        return b""
    finally:
        os.close(memory)


def printable(raw: bytes) -> str:
    """Bytes as printable ASCII, cut to a bounded length."""
    cut = raw[:SHOWN_BYTES]
    shown = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in cut)
    return shown if cut == raw else f"{shown}..."
