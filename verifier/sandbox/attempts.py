"""Which calls of a box are looked at on their way to a wall? Said to the kernel and to the keeper.

Theory of operation. Several filters judge one system call, and the strictest answer counts. A first
one, the recording filter made here, hands the calls of interest to the keeper (`recorder`) and
stops their caller meanwhile. The walls are what they were:

- A call that reaches a wall behind the filters (no network, Landlock) is looked at and let go.
- A call that the filter itself refuses would be refused before anybody could look. For these the
  wall's filter answers "ENOSYS, unless traced", which gives way to the recording filter; the
  recorder then refuses with the errno of old. A box cannot trace: that call is such a one.
- Where the recorder is gone the kernel refuses whatever it would have been shown, with ENOSYS.
- What bwrap itself needs to make a box is refused unseen: nobody could tell the two apart safely.

What is read of a box's memory can be changed before the kernel reads it again, so it is a record
and never a reason. Must never let a call go that the filter without a recorder refuses.
"""

from __future__ import annotations

import base64
import errno
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from verifier.sandbox import keeper, seccomp, syscalls
from verifier.sandbox.seccomp import Instruction
from verifier.sandbox.syscalls import Filter

TRY_SECONDS = 10.0
FILTERS = "system call filters"
REFUSED_CALLS = frozenset({*syscalls.parse(syscalls.REFUSED), *syscalls.parse(syscalls.FILTERED)})
# Let go, and looked at: what would leave a box that has a network of its own, ...
TO_THE_NETWORK = frozenset({"connect", "sendto", "sendmsg", "sendmmsg"})
# ... and what would open files of the host in one that has no root of its own.
TO_FILES = frozenset({"open", "openat", "openat2", "creat"})
# Every program asks for these, and goes on without. A name stands for all that is below it.
CUSTOMARY_FILES = (
    *("/etc/passwd", "/etc/group", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf"),
    *("/etc/ssl", "/etc/os-release", "/etc/mime.types", "/etc/inputrc", "/etc/terminfo"),
    *("/sys", "/dev/shm", "/dev/tty"),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """What a box's keeper looks at. `seen` are refused calls, `let_go` those that a wall meets.

    Files below `own` can be opened, so that is no attempt. `families` as for `seccomp.program`.
    """

    seen: frozenset[str]
    let_go: frozenset[str]
    families: tuple[int, ...]
    own: tuple[str, ...] = ()

    def program(self, architecture: str | None = None) -> bytes:
        """The recording filter: hands over what is looked at, allows all else."""
        name = architecture or seccomp.machine()
        notify = (seccomp.RETURN, 0, 0, seccomp.ANSWER_NOTIFY)
        allow = (seccomp.RETURN, 0, 0, seccomp.ANSWER_ALLOW)
        code: list[Instruction] = [
            (seccomp.LOAD_WORD, 0, 0, seccomp.ARCHITECTURE_OFFSET),
            (seccomp.JUMP_EQUAL, 1, 0, seccomp.AUDIT_ARCHITECTURES[name]),
            # The wall's filter ends whoever speaks for another architecture.
            allow,
            (seccomp.LOAD_WORD, 0, 0, seccomp.NUMBER_OFFSET),
        ]
        allowed = seccomp.numbers_of(syscalls.parse(syscalls.ALLOWED), name)
        whole = {number for call, number in allowed.items() if call in self.let_go - {"sendto"}}
        whole |= seccomp.refused_and_seen(name, self.seen)
        code += seccomp.answer_ranges(whole, seccomp.ANSWER_NOTIFY)
        for _, number, rule in self._filtered(name):
            answers = dict.fromkeys((*rule.values, *rule.customary), seccomp.ANSWER_ALLOW)
            code += seccomp.answer_by_argument(number, rule, answers, seccomp.ANSWER_NOTIFY)
        if "sendto" in self.let_go:
            # Without an address it is what every `send` becomes: seen, it would cost its price.
            low = seccomp.ARGUMENTS_OFFSET + 8 * 4
            code += [
                (seccomp.JUMP_EQUAL, 0, 5, allowed["sendto"]),
                (seccomp.LOAD_WORD, 0, 0, low),
                (seccomp.JUMP_EQUAL, 0, 2, 0),
                (seccomp.LOAD_WORD, 0, 0, low + 4),
                (seccomp.JUMP_EQUAL, 1, 0, 0),
                notify,
            ]
        return seccomp.assembled([*code, allow])

    def _filtered(self, architecture: str) -> Iterable[tuple[str, int, Filter]]:
        numbers = seccomp.numbers_of(syscalls.parse(syscalls.FILTERED), architecture)
        rules = syscalls.filters(self.families)
        return [(call, n, rules[call]) for call, n in numbers.items() if call in self.seen]

    def plan(self) -> dict[str, Any]:
        """What the keeper is told: the filter, and of each call by number how it is answered.

        "errno" 0: let go; it is there for the calls of `let_go` alone.
        """
        name = seccomp.machine()
        calls: dict[int, dict[str, Any]] = {}
        for call, number in seccomp.numbers_of(syscalls.parse(syscalls.ALLOWED), name).items():
            if call in self.let_go:
                calls[number] = {"name": call, "errno": 0}
        for call, number in seccomp.numbers_of(syscalls.parse(syscalls.REFUSED), name).items():
            if call in self.seen:
                calls[number] = {"name": call, "errno": errno.ENOSYS}
        for call, number, rule in self._filtered(name):
            about = {"argument": rule.argument, "mask": rule.mask}
            calls[number] = {"name": call, "errno": errno.EPERM, **about}
        own = [*self.own, *CUSTOMARY_FILES]
        program = base64.b64encode(self.program()).decode()
        return {"filter": program, "calls": calls, "own": own}

    def wall(self) -> bytes:
        """The wall's filter, that lets this one look first."""
        return seccomp.program(self.families, seen=self.seen)


def of_namespaces() -> Recording:
    """What is looked at in a box that has namespaces, and was made of them by bwrap."""
    seen = REFUSED_CALLS - syscalls.TRIED_FIRST - syscalls.BOX_MAKING
    return Recording(seen, TO_THE_NETWORK, syscalls.LOOPBACK_FAMILIES)


def of_process(families: tuple[int, ...], own: tuple[str, ...]) -> Recording:
    """What is looked at in an ordinary process that opens nothing but files below `own`."""
    return Recording(REFUSED_CALLS - syscalls.TRIED_FIRST, TO_FILES, families, own)


@cache
def possible() -> bool:
    """Whether this kernel hands calls over, and says how many filters a process has."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    try:
        if "user_notif" not in actions.read_text(encoding="ascii") or filters_here() is None:
            return False
    except OSError:
        return False
    # Only one listener can be above a process: where we run in a watched box, there is one.
    command = [sys.executable, "-I", "-S", keeper.__file__, "listen"]
    try:
        tried = subprocess.run(
            command, env={}, cwd="/", capture_output=True, timeout=TRY_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def two_filters() -> dict[str, str]:
    """The wall that says that both filters lie on a process, besides those that lie on us."""
    return {FILTERS: str((filters_here() or 0) + 2)}


def filters_here() -> int | None:
    """How many system call filters lie on ourselves, and so on every box; None: not to be seen."""
    with open(f"/proc/{os.getpid()}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Seccomp_filters:"):
                return int(line.split()[1])
    return None
