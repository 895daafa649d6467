"""How is the kernel asked for what Python's library has no words for? Landlock and seccomp.

Standard library only: the keeper uses it, which never imports the verifier. Landlock as in
linux/landlock.h, up to ABI 6; classic BPF as `seccomp.program` makes it. Must never go on after a
call that failed.
"""

from __future__ import annotations

import ctypes
import os
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SET_MODE_FILTER, NEW_LISTENER, WAIT_KILLABLE = 1, 8, 32
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
ALLOW_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH, GET_ABI = 1, 1
# Rights by the ABI that brought them: 13 at first, then REFER, TRUNCATE and IOCTL_DEV.
FILE_RIGHTS = (0, 13, 14, 15, 15, 16)
EXECUTE_READ_LIST = 0b1101
ONLY_FILES = 0b1 | 0b10 | 0b100 | 1 << 14 | 1 << 15
NET_BIND_CONNECT, SCOPE_SOCKETS_SIGNALS = 0b11, 0b11

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """Raise OSError for a failed call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def landlock_abi() -> int:
    """The version the kernel speaks; 0: none."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, GET_ABI)))


def landlock_ruleset(readable: list[str], writable: list[str]) -> int:
    """A ruleset: files below `readable` can be read and run, below `writable` everything.

    Opened as the caller, before rights are dropped. Returns its file descriptor.
    """
    abi = landlock_abi()
    handled = (1 << FILE_RIGHTS[min(abi, 5)]) - 1
    net = NET_BIND_CONNECT if abi >= 4 else 0
    scope = SCOPE_SOCKETS_SIGNALS if abi >= 6 else 0
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    attributes = struct.pack("=QQQ", handled, net, scope)[:size]
    ruleset = check(libc.syscall(CREATE_RULESET, attributes, size, 0), "landlock")
    for path in readable:
        allow(ruleset, path, EXECUTE_READ_LIST)
    for path in writable:
        allow(ruleset, path, handled)
    return ruleset


def allow(ruleset: int, path: str, rights: int) -> None:
    """Let `rights` through below `path`; a path that is not there needs no rule."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        rights &= ONLY_FILES
    rule = struct.pack("=Qi", rights, place)
    check(libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0), f"landlock {path}")
    os.close(place)


def confine(ruleset: int) -> None:
    """Hold ourselves to a ruleset, for good."""
    check(libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)


def forswear() -> None:
    """Gain no rights any more, whatever we run."""
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def filter_calls(program: bytes) -> None:
    """Lay a system call filter on ourselves."""
    code, head = _program(program)
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0), "seccomp")
    del code


def listen(program: bytes) -> int:
    """Lay a filter on ourselves; the descriptor where the calls that it hands over arrive."""
    forswear()
    code, head = _program(program)
    call = SECCOMP_CALL[os.uname().machine]
    # An older kernel knows no waiting that only a kill can end; there a signal asks twice.
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER):
        listener = int(libc.syscall(call, SET_MODE_FILTER, flags, head))
        if listener >= 0:
            break
    del code
    return check(listener, "recorder")


def _program(program: bytes) -> tuple[object, bytes]:
    """(the instructions, which must outlive the call; a `struct sock_fprog` that points there)."""
    code = ctypes.create_string_buffer(program, len(program))
    return code, struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
