"""Which walls does bubblewrap put up? One is taken at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.sandbox.weakened.taking import (
    ALL_ANSWERED,
    ENDLESS_LOG,
    ENDLESS_OUTPUT,
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
    unrecorded,
)
from verifier.records import BoxSpec
from verifier.sandbox import (
    bubblewrap,
    local,
    seccomp,
)
from verifier.sandbox.cgroup import Cgroup


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


def box_sees_more(box: bubblewrap.Layout, said: list[str]) -> list[str]:
    """A folder of the host that holds no secret, read-only."""
    place = said.index("--remount-ro")
    return [*said[:place], "--ro-bind", box._source(Path("/usr/share")), "/more", *said[place:]]


def twice_as_much(stack: ExitStack) -> None:
    """Twice what was asked for."""
    limits = local.resource_limits

    def sizes(_: bubblewrap.Layout, said: list[str]) -> list[str]:
        sized = [index + 1 for index, word in enumerate(said) if word == "--size"]
        return [str(2 * int(w)) if i in sized else w for i, w in enumerate(said)]

    def more(spec: BoxSpec, group: Cgroup | None) -> dict[str, int]:
        return {name: 2 * value for name, value in limits(spec, group).items()}

    together(doubled, layout(sizes), patch(local, "resource_limits", more))(stack)


def box_shares(stack: ExitStack) -> None:
    """All boxes have the same /tmp."""
    folder = shared_folder(stack)

    def change(box: bubblewrap.Layout, said: list[str]) -> list[str]:
        place = said.index("--remount-ro")
        return [*said[:place], "--bind", box._source(folder), "/tmp", *said[place:]]

    layout(change)(stack)


def box_ipc(stack: ExitStack) -> None:
    """The host's IPC, with calls answered; what is left in it is removed."""
    forget_ipc(stack)
    together(shares("ipc"), ANSWERED)(stack)


ANSWERED = together(
    patch(seccomp, "program", lambda *_, **__: ALL_ANSWERED), unrecorded(bubblewrap.Bubblewrap)
)
BUBBLEWRAP: dict[str, tuple[tuple[str, ...], Weaken]] = {
    "network": (("network", "unix-abstract"), shares("net")),
    "read-only root": (("write-root",), without("--remount-ro", 1)),
    "read-only inputs": (("write-inputs", "write-times"), writable_inputs),
    "own mounts": (("reading",), layout(box_sees_host)),
    "no mounts besides": (("read-mounts",), layout(box_sees_more)),
    "limits as asked": (
        ("bomb-processes", "bomb-memory", "bomb-tmp", "bomb-output", "bomb-descriptors"),
        twice_as_much,
    ),
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
