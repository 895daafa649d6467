"""Who stands between the verifier and a local box? A script of its own, standard library only.

Run as `python -I -S keeper.py`. It reads one plan (a line of JSON) from stdin, forks, puts the
child behind its limits and walls, and execs the command there. It stays outside the walls as the
subreaper of everything the command may start: when the command ends, when stdin closes (the
verifier is gone) or on "kill", it kills all descendants and waits until none is left. On stdout it
says `pid`, `gate` (walls are up, waiting for "go") and `exit`, with what the command tried where
that is recorded (`recorder`). Must never import the verifier: it starts in some 15 ms because it
does not.
"""

from __future__ import annotations

import _thread
import base64
import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __name__ != "__main__":
    from verifier.sandbox import kernel, recorder
else:
    sys.dont_write_bytecode = True
    # A script in isolated mode finds its neighbours only when told where they are.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    import kernel
    import recorder

PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE = 36, 4
PR_SET_PDEATHSIG = 1
LISTENER, TAKEN, GO = b"L", b"T", b"1"
PR_CAPBSET_DROP, LAST_CAPABILITY = 24, 63
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
FAILED = 125
PLAN_BYTES = 1 << 16


# ---------------------------------------------------------------- the child


def become(plan: dict[str, Any], gate: int) -> NoReturn:
    """In the child: take on limits and walls, then the command. Never returns."""
    try:
        os.setsid()
        for entry in plan["cgroup"]:
            write(entry, "0")
        if plan["stage"] is not None:
            stage(plan["stage"]["at"], plan["stage"]["binds"])
        for name, value in plan["rlimits"].items():
            limit(getattr(resource, name), value)
        guard = plan["guard"]
        ruleset = -1
        if guard is not None and guard["landlock"]:
            ruleset = kernel.landlock_ruleset(guard["readable"], guard["writable"])
        if plan["uid"] is not None or guard is not None:
            drop(plan["uid"])
        # Becoming another user clears it. Nobody else would end the command if we were killed.
        kernel.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            # Python ignores them, and what is ignored stays so in the command.
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        os.chdir(plan["folder"])
        arrange(plan["log"], plan["keep"], (ruleset, gate))
        if plan["recorder"] is not None:
            be_seen(base64.b64decode(plan["recorder"]["filter"]), gate)
        if guard is not None:
            restrict(ruleset, base64.b64decode(guard["filter"]))
            os.write(gate, GO)
            if os.read(gate, 1) != GO:
                os._exit(FAILED)
            os.close(gate)
        os.execve(plan["argv"][0], plan["argv"], plan["environment"])
    except (OSError, ValueError, RuntimeError) as fault:
        os.write(2, f"the box could not be entered: {fault}\n".encode())
    os._exit(FAILED)


def limit(kind: int, value: int) -> None:
    """Hold this process and what it starts to `value`, or to less where we are held to less."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def stage(place: str, binds: list[list[str]]) -> None:
    """In a mount namespace of our own, gather sources where an unprivileged user can reach them."""
    kernel.check(kernel.libc.unshare(CLONE_NEWNS), "unshare")
    kernel.check(kernel.libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    kernel.check(
        kernel.libc.mount(b"none", place.encode(), b"tmpfs", 0, b"mode=0755"), "staging folder"
    )
    for source, name in binds:
        target = f"{place}/{name}"
        if os.path.isdir(source):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        kernel.check(
            kernel.libc.mount(
                os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC, None
            ),
            f"bind {source}",
        )


def drop(uid: int | None) -> None:
    """Become `uid` (None: stay) without any capability to be had again."""
    if os.geteuid() == 0:
        for capability in range(LAST_CAPABILITY):
            kernel.libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = struct.pack("=Ii", 0x20080522, 0)
    kernel.check(kernel.libc.capset(header, bytes(24)), "capset")


def arrange(log: int, keep: list[int], ours: tuple[int, ...]) -> None:
    """Stdin is empty, stdout and stderr are the log; nothing else is open but `keep`."""
    empty = os.open("/dev/null", os.O_RDONLY)
    os.dup2(empty, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    wanted = {0, 1, 2, *keep, *ours}
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor not in wanted:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    for descriptor in keep:
        os.set_inheritable(descriptor, True)


def restrict(ruleset: int, program: bytes) -> None:
    """No new privileges, Landlock, then the system call filter."""
    kernel.forswear()
    if ruleset >= 0:
        kernel.confine(ruleset)
    if program:
        kernel.filter_calls(program)


def be_seen(program: bytes, gate: int) -> None:
    """Lay the recording filter on, and give its listener away through `gate`.

    The filter may hold up `sendmsg`, which alone can give it away; a thread that was there before
    is not behind it, and shares our descriptors.
    """
    listeners: list[int] = []
    laid_on = _thread.allocate_lock()
    laid_on.acquire()

    def give() -> None:
        with laid_on, socket.socket(fileno=os.dup(gate)) as way:
            socket.send_fds(way, [LISTENER], listeners)

    _thread.start_new_thread(give, ())
    listeners.append(kernel.listen(program))
    laid_on.release()
    if os.read(gate, 1) != TAKEN:
        raise OSError("nobody takes the recorder's listener")
    os.close(listeners[0])


# ---------------------------------------------------------------- the keeper


def say(**words: Any) -> None:
    """One line to the verifier; it may be gone."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(words).encode() + b"\n")


def write(path: str, text: str) -> None:
    """Write a control file in one call."""
    place = os.open(path, os.O_WRONLY)
    try:
        os.write(place, text.encode())
    finally:
        os.close(place)


def descendants(above: int) -> set[int]:
    """Every process below `above`, zombies too."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parents[int(name)] = int(file.read().rsplit(b")", 1)[1].split()[1])
    found: set[int] = set()
    layer = {above}
    while layer:
        layer = {pid for pid, parent in parents.items() if parent in layer} - found
        found |= layer
    return found


def end_all() -> None:
    """Stop, then kill, all descendants until there is none. Orphans come to us, the subreaper."""
    seen: set[int] = set()
    while (below := descendants(os.getpid())) - seen:
        for pid in below:
            signal_to(pid, signal.SIGSTOP)
        seen |= below
    while True:
        for pid in descendants(os.getpid()):
            signal_to(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.002)


def signal_to(pid: int, number: int) -> None:
    """Only descendants are signalled and only we reap them, so no pid is taken again meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def watch(child: int, gate: int, plan: dict[str, Any]) -> None:
    """Serve the verifier until the command ends or must end; report how."""
    alive = os.pidfd_open(child)
    waiting = [alive, 0, gate]
    seen: recorder.Recorder | None = None
    while True:
        ready = select.select(waiting, [], [])[0]
        if gate in ready:
            word, given = hear(gate)
            if given:
                seen = recorder.Recorder(given[0], plan["recorder"])
                os.write(gate, TAKEN)
            elif word:
                say(gate=True)
            else:
                waiting.remove(gate)
        if alive in ready:
            break
        if 0 in ready:
            order = os.read(0, 64)
            if order.strip() != b"go":
                end_all_but(child)
                break
            with contextlib.suppress(BrokenPipeError):
                os.write(gate, GO)
    _, status = os.waitpid(child, 0)
    end_all()
    code = os.waitstatus_to_exitcode(status)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(
        exit=code if code >= 0 else 128 - code,
        cpu=used.ru_utime + used.ru_stime,
        peak=used.ru_maxrss * 1024,
        attempts=seen.attempts() if seen is not None else [],
    )


def hear(gate: int) -> tuple[bytes, list[int]]:
    """What the child says, and the descriptors it gives; nothing when it is gone."""
    with socket.socket(fileno=os.dup(gate)) as way:
        try:
            word, given, _, _ = socket.recv_fds(way, 1, 1)
        except OSError:
            return b"", []
    return word, given


def end_all_but(child: int) -> None:
    """Kill the command so that its own status can still be read; the rest follows."""
    signal_to(child, signal.SIGKILL)


def main() -> None:
    """Read the plan, start the command, keep it, end it. "listen": only try whether we could."""
    if sys.argv[1:] == ["listen"]:
        kernel.listen(kernel.ALLOW_ALL)
        return
    line = bytearray()
    while b"\n" not in line:
        block = os.read(0, PLAN_BYTES)
        if not block:
            return
        line += block
    if not line.endswith(b"\n") or line.count(b"\n") > 1:
        # Whatever follows the plan before its gate is told can only be "kill".
        return
    plan = json.loads(line)
    kernel.check(kernel.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
    kernel.libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # A socket pair: the gate is written and read at both ends.
    gate_here, gate_there = (end.detach() for end in socket.socketpair())
    child = os.fork()
    if child == 0:
        os.close(gate_here)
        become(plan, gate_there)
    os.close(gate_there)
    for descriptor in (plan["log"], *plan["keep"]):
        os.close(descriptor)
    say(pid=child)
    watch(child, gate_here, plan)


if __name__ == "__main__":
    main()
