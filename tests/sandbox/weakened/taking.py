"""How is a wall taken away? What is patched for all backends, and what is put back."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from verifier.records import Limits
from verifier.sandbox import (
    bubblewrap,
    cgroup,
    docker,
    local,
    output,
    plain,
    seccomp,
    supervise,
)
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.selfcheck import judging, running, scene

Weaken = Callable[[ExitStack], None]
# Load the architecture, allow: what a filter is when there is none.
ALL_ANSWERED = struct.pack("=HBBI", seccomp.RETURN, 0, 0, seccomp.ANSWER_ALLOW)
ROOT_USER = "0:0"
TWICE = ("memory_bytes", "pids", "threads", "output_bytes", "output_files")


def patch(target: Any, name: str, value: Any) -> Weaken:
    """A weakness that is one name with another value."""
    return lambda stack: stack.enter_context(mock.patch.object(target, name, value))


def unrecorded(backend: type[Any]) -> Weaken:
    """No second filter, which notes what is refused and refuses it too."""
    nobody = property(lambda _: None)
    return lambda stack: stack.enter_context(
        mock.patch.object(backend, "_recording", nobody, create=True)
    )


def together(*weaken: Weaken) -> Weaken:
    """Several at once: walls stand behind walls."""

    def all_of_them(stack: ExitStack) -> None:
        for each in weaken:
            each(stack)

    return all_of_them


def nothing(*_: Any, **__: Any) -> None:
    """What does nothing."""


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


def doubled(stack: ExitStack) -> None:
    """Twice as much of everything that is counted for all backends alike."""
    limit, opened = cgroup._limit, output.open_output

    def twice(limits: Limits) -> Limits:
        more = {name: 2 * getattr(limits, name) for name in TWICE}
        return replace(limits, **more)

    together(
        patch(cgroup, "_limit", lambda group, limits: limit(group, twice(limits))),
        patch(output, "open_output", lambda o, limits, uid: opened(o, twice(limits), uid)),
        *(patch(m, "BoxLog", lambda b, most: BoxLog(b, 2 * most)) for m in (docker, local)),
    )(stack)


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


def forget_ipc(stack: ExitStack) -> None:
    """Remove afterwards what is left in the host's IPC."""
    stack.callback(_remove_ipc, _ipc())


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
