"""Which probes notice when one wall is taken away? Boxes weakened on purpose, here and only here.

Production has no switch that weakens a box: what a backend asks for is patched, and so is the
reading back that would refuse to start it. `python -m tests.sandbox.weakened` prints the table.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from docker import APIClient
from docker.types import Mount

from verifier.errors import MachineFault, VerifierError
from verifier.sandbox import (
    BACKENDS,
    bubblewrap,
    cgroup,
    docker,
    kept,
    local,
    output,
    plain,
    seccomp,
    supervise,
)
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.container import ContainerRun
from verifier.sandbox.selfcheck import Checked, Outcome, check, judging, running, scene
from verifier.watch import Unwatched

# A box whose calls are answered leaves keys with its user.
FORGET_KEYS = f"""
import ctypes, os
if os.geteuid() == 0:
    os.setresgid(*[{local.NOBODY}] * 3)
    os.setresuid(*[{local.NOBODY}] * 3)
for line in open("/proc/keys"):
    if "user" in line and "golf-verifier" in line:
        ctypes.CDLL(None).syscall({running._numbers()["keyctl"]}, 9, int(line.split()[0], 16), -4)
"""
Weaken = Callable[[ExitStack], None]
# Load the architecture, allow: what a filter is when there is none.
ALL_ANSWERED = struct.pack("=HBBI", seccomp.RETURN, 0, 0, seccomp.ANSWER_ALLOW)
ROOT_USER = "0:0"


@dataclass(frozen=True)
class Weakness:
    """One wall taken away from one backend. `probes` are those that are tried on it."""

    wall: str
    backend: str
    probes: tuple[str, ...]
    weaken: Weaken


def broken(weakness: Weakness) -> tuple[str, ...]:
    """The probes that broke out of the weakened box. Raises MachineFault where there is none."""
    return tuple(a.probe for a in tried(weakness).answers if a.outcome is Outcome.BROKE)


def tried(weakness: Weakness) -> Checked:
    """What became of the probes of the weakened wall. Raises MachineFault where there is no box."""
    with ExitStack() as stack:
        sandbox = BACKENDS[weakness.backend]()
        stack.enter_context(_marks_ended())
        weakness.weaken(stack)
        return check(sandbox, Unwatched(), weakness.probes)


def patch(target: Any, name: str, value: Any) -> Weaken:
    """A weakness that is one name with another value."""
    return lambda stack: stack.enter_context(mock.patch.object(target, name, value))


def together(*weaken: Weaken) -> Weaken:
    """Several at once: walls stand behind walls."""

    def all_of_them(stack: ExitStack) -> None:
        for each in weaken:
            each(stack)

    return all_of_them


def nothing(*_: Any, **__: Any) -> None:
    """What does nothing."""


@contextlib.contextmanager
def _marks_ended() -> Iterator[None]:
    """Whatever outlives a weakened box is ended here, by the mark that it alone carries."""
    marks: list[str] = []
    real = running._mark

    def remembered() -> str:
        marks.append(real())
        return marks[-1]

    with mock.patch.object(running, "_mark", remembered):
        yield
    subprocess.run([sys.executable, "-c", FORGET_KEYS], check=False)
    for mark in marks:
        while alive := scene.running(mark):
            for number in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


# ---------------------------------------------------------------- what backends share

UNLIMITED = together(
    patch(cgroup, "_limit", nothing),
    *(patch(module, "require_same", nothing) for module in (docker, bubblewrap, plain)),
)
# Nobody counts what is printed, or looks whether the output is full.
ENDLESS_LOG = together(
    *(patch(m, "BoxLog", lambda blocks, _: BoxLog(blocks, 1 << 60)) for m in (docker, local))
)
ENDLESS_OUTPUT = patch(output.Output, "full", lambda _: False)


def endless_time(stack: ExitStack) -> None:
    """The host's clock gives three seconds more than it should."""
    real = supervise.WatchedBox._until_ended

    def later(box: supervise.WatchedBox) -> Any:
        limits = running.limited(
            box._started.limits, {"wall_seconds": box._started.limits.wall_seconds + 3}
        )
        box._started = replace(box._started, limits=limits)
        return real(box)

    patch(supervise.WatchedBox, "_until_ended", later)(stack)
    patch(judging, "SLOW_SECONDS", 2.0)(stack)


def open_inputs(stack: ExitStack) -> None:
    """Inputs that anybody may write to, so that only the mount protects them."""
    real = scene.place

    @contextlib.contextmanager
    def opened() -> Iterator[Path]:
        with real() as place:
            (place / "in").chmod(0o777)
            (place / "in" / "given").chmod(0o666)
            yield place

    patch(scene, "place", opened)(stack)


def shared_folder(stack: ExitStack) -> Path:
    """One folder for all boxes."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    folder.chmod(0o777)
    return folder


# ---------------------------------------------------------------- containers


_Asked = docker.Asked


def container(user: str | None = None, **changes: Any) -> Weaken:
    """Another container than is asked for, and nobody who compares."""

    def change(config: dict[str, Any]) -> None:
        config.update(changes)

    return changed_container(change, user)


def changed_container(change: Callable[[dict[str, Any]], None], user: str | None = None) -> Weaken:
    """A container whose configuration is changed before the engine gets it."""

    def host_config(asked: docker.Asked) -> dict[str, Any]:
        config = _Asked.host_config(asked)
        change(config)
        return config

    members: dict[str, Any] = {"host_config": host_config}
    if user is not None:
        members["user"] = property(lambda _: user)
    weaker = type("Weaker", (_Asked,), members)
    return together(patch(docker, "Asked", weaker), patch(docker, "require_same", nothing))


def options(*, privileges: str = "no-new-privileges", calls: str = "") -> list[str]:
    """Security options; "" for none of the first, the profile of production for the second."""
    chosen = [privileges] if privileges else []
    return [*chosen, f"seccomp={calls or seccomp.docker_profile()}"]


def paths(name: str) -> Weaken:
    """A container whose kernel files are not hidden, or not closed, to a user who could tell."""

    def weaken(stack: ExitStack) -> None:
        real = APIClient.create_host_config

        def more(api: Any, *args: Any, **kwargs: Any) -> Any:
            return {**real(api, *args, **kwargs), name: []}

        patch(APIClient, "create_host_config", more)(stack)
        container(user=ROOT_USER)(stack)

    return weaken


def container_shares(stack: ExitStack) -> None:
    """All containers have the same /tmp."""
    folder = str(shared_folder(stack))

    def change(config: dict[str, Any]) -> None:
        del config["tmpfs"]["/tmp"]
        config["mounts"].append(Mount("/tmp", folder, type="bind"))

    changed_container(change)(stack)


def sees_host(config: dict[str, Any]) -> None:
    """The host's root is mounted, read-only."""
    config["mounts"].append(Mount("/host", "/", type="bind", read_only=True))


def container_writes_inputs(stack: ExitStack) -> None:
    """Inputs are mounted for writing."""
    open_inputs(stack)

    def change(config: dict[str, Any]) -> None:
        for mount in config["mounts"]:
            mount["ReadOnly"] = False

    changed_container(change)(stack)


def no_ipc(stack: ExitStack) -> None:
    """The host's IPC, with calls answered; what is left in it is removed."""
    stack.callback(_remove_ipc, _ipc())
    container(ipc_mode="host", security_opt=options(calls="unconfined"))(stack)


def _ipc() -> set[tuple[str, int]]:
    found = set()
    for kind in ("shm", "sem", "msg"):
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]:
            found.add((kind, int(line.split()[1])))
    return found


def _remove_ipc(before: set[tuple[str, int]]) -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    for kind, number in _ipc() - before:
        if kind == "sem":
            libc.semctl(number, 0, 0)
        else:
            getattr(libc, f"{kind}ctl")(number, 0, None)


def nobody_kills(stack: ExitStack) -> None:
    """Boxes that are said to be dead; they are taken away when all is over."""
    remove, left = ContainerRun.remove, set[ContainerRun]()

    def leave(run: ContainerRun) -> None:
        left.add(run)
        if run._stream is not None:
            with contextlib.suppress(OSError):
                run._stream.shutdown(socket.SHUT_RDWR)

    stack.callback(lambda: [remove(run) for run in left])
    together(patch(ContainerRun, "kill", nothing), patch(ContainerRun, "remove", leave))(stack)


LOOSE = "rw,exec,nosuid,nodev,mode=0777"
DOCKER: dict[str, tuple[tuple[str, ...], Weaken]] = {
    "network": (("network",), container(network_mode="host")),
    "read-only root": (("write-root",), container(user=ROOT_USER, read_only=False)),
    "read-only inputs": (("write-inputs", "write-times"), container_writes_inputs),
    "own mounts": (("reading",), changed_container(sees_host)),
    "capabilities": (("rights",), container(cap_drop=[], user=ROOT_USER)),
    "no new privileges": (("rights",), container(security_opt=options(privileges=""))),
    "system call filter": (
        ("calls", "net-vsock"),
        container(security_opt=options(calls="unconfined")),
    ),
    "user": (("rights",), container(user=ROOT_USER)),
    "processes": (
        ("bomb-processes", "bomb-threads"),
        together(UNLIMITED, container(pids_limit=-1)),
    ),
    "memory": (
        ("bomb-memory", "bomb-memory-shared", "bomb-memory-files"),
        together(UNLIMITED, container(mem_limit=None, memswap_limit=None)),
    ),
    "processors": (("bomb-processors",), together(UNLIMITED, container(nano_cpus=None))),
    "limits": (("bomb-descriptors", "rights-limits"), container(ulimits=[])),
    "private folders' size": (
        ("bomb-tmp", "bomb-cache"),
        container(tmpfs={"/tmp": LOOSE, "/cache": LOOSE}),
    ),
    "shared memory's size": (("bomb-shm",), container(shm_size=1 << 30)),
    "private folders": (("beside-files", "after-files"), container_shares),
    "IPC namespace": (("beside-memory", "after-memory"), no_ipc),
    "process namespace": (("processes", "beside-seen"), container(pid_mode="host")),
    "hidden kernel files": (("read-kernel",), paths("MaskedPaths")),
    "closed kernel files": (("write-kernel",), paths("ReadonlyPaths")),
    "log limit": (("bomb-log",), ENDLESS_LOG),
    "output limit": (("bomb-output", "bomb-output-files"), ENDLESS_OUTPUT),
    "time limit": (("late-sleep", "late-loop"), endless_time),
    "killed as a whole": (("late-sleep", "late-deaf"), nobody_kills),
}

# ---------------------------------------------------------------- gVisor's containers

# What its own kernel has of its own or gives to nobody, whatever the engine asks it for.
NOT_THE_ENGINES = frozenset(
    {
        *("IPC namespace", "process namespace", "no new privileges"),
        *("hidden kernel files", "closed kernel files"),
        # The runtime's own `--network=none` stands behind the engine's.
        "network",
    }
)
GVISOR: dict[str, tuple[tuple[str, ...], Weaken]] = {
    **{wall: row for wall, row in DOCKER.items() if wall not in NOT_THE_ENGINES},
    "kernel of its own": (("call-kernel",), container(runtime="runc")),
}

# ---------------------------------------------------------------- bubblewrap


def layout(change: Callable[[bubblewrap.Layout, list[str]], list[str]]) -> Weaken:
    """Other arguments than bwrap would get, and nobody who compares."""

    class Weaker(bubblewrap.Layout):
        def arguments(self, descriptors: tuple[int, int, int]) -> list[str]:
            return change(self, super().arguments(descriptors))

    return together(patch(bubblewrap, "Layout", Weaker), patch(bubblewrap, "require_same", nothing))


def shares(kind: str) -> Weaken:
    """One namespace of the host's."""
    own = [f"--unshare-{name}" for name in ("ipc", "pid", "net", "uts", "cgroup") if name != kind]
    return layout(lambda _, said: [*own, *said[1:]])


def without(word: str, values: int) -> Weaken:
    """Every argument of that name left out."""

    def change(_: bubblewrap.Layout, said: list[str]) -> list[str]:
        left = list(said)
        while word in left:
            place = left.index(word)
            del left[place : place + 1 + values]
        return left

    return layout(change)


def writable_inputs(stack: ExitStack) -> None:
    """Inputs are bound for writing."""
    open_inputs(stack)

    def change(_: bubblewrap.Layout, said: list[str]) -> list[str]:
        place = next(
            i for i, word in enumerate(said) if said[i : i + 3 : 2] == ["--ro-bind", "/in"]
        )
        return [*said[:place], "--bind", *said[place + 1 :]]

    layout(change)(stack)


def box_sees_host(box: bubblewrap.Layout, said: list[str]) -> list[str]:
    """The host's root, read-only."""
    place = said.index("--remount-ro")
    return [*said[:place], "--ro-bind", box._source(Path("/")), "/host", *said[place:]]


def box_shares(stack: ExitStack) -> None:
    """All boxes have the same /tmp."""
    folder = shared_folder(stack)

    def change(box: bubblewrap.Layout, said: list[str]) -> list[str]:
        place = said.index("--remount-ro")
        return [*said[:place], "--bind", box._source(folder), "/tmp", *said[place:]]

    layout(change)(stack)


def box_ipc(stack: ExitStack) -> None:
    """The host's IPC, with calls answered; what is left in it is removed."""
    stack.callback(_remove_ipc, _ipc())
    together(shares("ipc"), ANSWERED)(stack)


ANSWERED = patch(seccomp, "program", lambda *_: ALL_ANSWERED)
BUBBLEWRAP: dict[str, tuple[tuple[str, ...], Weaken]] = {
    "network": (("network", "unix-abstract"), shares("net")),
    "read-only root": (("write-root",), without("--remount-ro", 1)),
    "read-only inputs": (("write-inputs", "write-times"), writable_inputs),
    "own mounts": (("reading",), layout(box_sees_host)),
    "capabilities": (("rights",), layout(lambda _, said: [*said, "--cap-add", "ALL"])),
    "system call filter": (("calls", "net-vsock"), ANSWERED),
    "processes": (("bomb-processes", "bomb-threads"), UNLIMITED),
    "memory": (("bomb-memory", "bomb-memory-shared", "bomb-memory-files"), UNLIMITED),
    "processors": (("bomb-processors",), UNLIMITED),
    "limits": (
        ("bomb-descriptors", "rights-limits"),
        patch(local, "resource_limits", lambda *_: {}),
    ),
    "private folders' size": (("bomb-tmp", "bomb-cache", "bomb-shm"), without("--size", 1)),
    "private folders": (("beside-files", "after-files"), box_shares),
    "IPC namespace": (("beside-memory", "after-memory"), box_ipc),
    "process namespace": (("processes", "beside-seen"), shares("pid")),
    "log limit": (("bomb-log",), ENDLESS_LOG),
    "output limit": (("bomb-output", "bomb-output-files"), ENDLESS_OUTPUT),
    "time limit": (("late-sleep", "late-loop"), endless_time),
}

# ---------------------------------------------------------------- ordinary processes


def process(change: Callable[[dict[str, Any]], None], keep: tuple[int, ...] = ()) -> Weaken:
    """Another plan than the keeper would get, and nobody who compares."""

    class Weaker(kept.LocalRun):
        def __init__(self, plan: dict[str, Any], kept_open: tuple[int, ...], group: Any) -> None:
            change(plan)
            super().__init__(plan, (*kept_open, *keep), group)

    return together(patch(plain, "LocalRun", Weaker), patch(plain, "require_same", nothing))


def no_keeper(stack: ExitStack) -> None:
    """A keeper that ends nobody, and a control group that is not killed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    source = kept.KEEPER.read_text(encoding="utf-8")
    # It imports what lies beside it.
    for beside in kept.KEEPER.parent.glob("*.py"):
        shutil.copy(beside, folder)
    keeper = folder / kept.KEEPER.name
    keeper.write_text(
        source.replace(
            "def end_all() -> None:", "def end_all() -> None:\n    return\n\n\ndef _() -> None:"
        )
    )
    patch(kept, "KEEPER", keeper)(stack)
    patch(cgroup.Cgroup, "kill", nothing)(stack)


def left_open(stack: ExitStack) -> None:
    """A file of the host's stays open."""
    place = os.open("/etc/passwd", os.O_RDONLY)
    stack.callback(os.close, place)
    process(nothing, (place,))(stack)


def without_landlock(plan: dict[str, Any]) -> None:
    """Files are what their rights say."""
    plan["guard"]["landlock"] = False


def without_filter(plan: dict[str, Any]) -> None:
    """Every call is answered."""
    plan["guard"]["filter"] = base64.b64encode(ALL_ANSWERED).decode()


def as_root(plan: dict[str, Any]) -> None:
    """Root, without capabilities."""
    plan["uid"] = None


def more_environment(plan: dict[str, Any]) -> None:
    """A variable of the host's."""
    plan["environment"]["SECRET"] = "known"


def loose_folders(stack: ExitStack) -> None:
    """Private folders of any size."""
    real = output.mount_limited
    patch(output, "mount_limited", lambda place, _, uid: real(place, 1 << 30, uid))(stack)


PLAIN: dict[str, tuple[tuple[str, ...], Weaken]] = {
    "Landlock": (("reading", "writing", "processes", "unix-abstract"), process(without_landlock)),
    "system call filter": (("calls", "network"), process(without_filter)),
    "user": (("rights",), process(as_root)),
    "environment": (("read-environment",), process(more_environment)),
    "nothing left open": (("read-descriptors",), left_open),
    "killed as a whole": (("outlive-daemon", "outlive-deaf"), no_keeper),
    "processes": (("bomb-processes", "bomb-threads"), UNLIMITED),
    "memory": (("bomb-memory", "bomb-memory-shared", "bomb-memory-files"), UNLIMITED),
    "processors": (("bomb-processors",), UNLIMITED),
    "private folders' size": (("bomb-tmp", "bomb-cache"), loose_folders),
    "log limit": (("bomb-log",), ENDLESS_LOG),
    "output limit": (("bomb-output", "bomb-output-files"), ENDLESS_OUTPUT),
    "time limit": (("late-sleep", "late-loop"), endless_time),
}

WEAKNESSES = tuple(
    Weakness(wall, backend, probes, weaken)
    for backend, walls in (
        ("gvisor", GVISOR),
        ("docker", DOCKER),
        ("bubblewrap", BUBBLEWRAP),
        ("plain", PLAIN),
    )
    for wall, (probes, weaken) in walls.items()
)


def row(weakness: Weakness) -> tuple[bool, str]:
    """Whether a wall can be taken away unnoticed, and what there is to say of it."""
    try:
        answers = tried(weakness).answers
    except VerifierError as fault:
        return True, f"UNNOTICED: no box was made: {fault}"
    noticed = [a.probe for a in answers if a.outcome is Outcome.BROKE]
    if all(a.outcome is Outcome.NOT_TRIED for a in answers):
        return False, f"not tried: {answers[0].said[0]}"
    return not noticed, ", ".join(noticed) or "UNNOTICED"


def main() -> int:
    """Print the table; 1 where a wall can be taken away and no probe notices."""
    unnoticed = 0
    wanted = sys.argv[1:]
    for backend in BACKENDS:
        try:
            BACKENDS[backend]()
        except MachineFault as fault:
            print(f"{backend:<11} not here: {fault}")
            continue
        for weakness in WEAKNESSES:
            if weakness.backend != backend:
                continue
            if wanted and weakness.backend not in wanted and weakness.wall not in wanted:
                continue
            alone, said = row(weakness)
            unnoticed += alone
            print(f"{backend:<11} {weakness.wall:<24} {said}", flush=True)
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
