"""Which walls does an engine put up, with its own runtime or gVisor's? One is taken at a time."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from docker import APIClient
from docker.types import Mount, Ulimit

from tests.sandbox.weakened.taking import (
    ENDLESS_LOG,
    ENDLESS_OUTPUT,
    ROOT_USER,
    UNLIMITED,
    Weaken,
    doubled,
    endless_time,
    forget_ipc,
    nothing,
    open_inputs,
    patch,
    shared_folder,
    together,
)
from verifier.sandbox import (
    docker,
    seccomp,
)
from verifier.sandbox.container import ContainerRun

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


def sees_more(config: dict[str, Any]) -> None:
    """A folder of the host that holds no secret is mounted, read-only."""
    config["mounts"].append(Mount("/opt/more", "/usr/share", type="bind", read_only=True))


def twice_as_much(config: dict[str, Any]) -> None:
    """Twice what was asked for."""
    for name in ("pids_limit", "mem_limit", "memswap_limit", "nano_cpus", "shm_size"):
        config[name] *= 2
    config["ulimits"] = [
        Ulimit(name=u["Name"], soft=2 * u["Soft"], hard=2 * u["Hard"]) for u in config["ulimits"]
    ]
    config["tmpfs"] = {
        place: re.sub(r"size=(\d+)", lambda found: f"size={2 * int(found[1])}", options)
        for place, options in config["tmpfs"].items()
    }


def container_writes_inputs(stack: ExitStack) -> None:
    """Inputs are mounted for writing."""
    open_inputs(stack)

    def change(config: dict[str, Any]) -> None:
        for mount in config["mounts"]:
            mount["ReadOnly"] = False

    changed_container(change)(stack)


def no_ipc(stack: ExitStack) -> None:
    """The host's IPC, with calls answered; what is left in it is removed."""
    forget_ipc(stack)
    container(ipc_mode="host", security_opt=options(calls="unconfined"))(stack)


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


# Of every kind of limit one.
TWICE_IS_NOTICED = ("bomb-processes", "bomb-memory", "bomb-tmp", "bomb-output", "bomb-descriptors")
LOOSE = "rw,exec,nosuid,nodev,mode=0777"
DOCKER: dict[str, tuple[tuple[str, ...], Weaken]] = {
    "network": (("network",), container(network_mode="host")),
    "read-only root": (("write-root",), container(user=ROOT_USER, read_only=False)),
    "read-only inputs": (("write-inputs", "write-times"), container_writes_inputs),
    "own mounts": (("reading",), changed_container(sees_host)),
    "no mounts besides": (("read-mounts",), changed_container(sees_more)),
    "rights of mounts": (
        ("read-mount-rights",),
        container(
            tmpfs=dict.fromkeys(("/tmp", "/cache"), LOOSE.replace("nosuid,nodev", "suid,dev"))
        ),
    ),
    "groups": (("rights-user",), container(group_add=["6"])),
    "limits as asked": (TWICE_IS_NOTICED, together(doubled, changed_container(twice_as_much))),
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
        # It says nothing of them.
        "rights of mounts",
    }
)
GVISOR: dict[str, tuple[tuple[str, ...], Weaken]] = {
    **{wall: row for wall, row in DOCKER.items() if wall not in NOT_THE_ENGINES},
    "kernel of its own": (("call-kernel",), container(runtime="runc")),
}
