"""Which walls stand around an ordinary process? One is taken at a time."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.sandbox.weakened.taking import (
    ALL_ANSWERED,
    ENDLESS_LOG,
    ENDLESS_OUTPUT,
    UNLIMITED,
    Weaken,
    endless_time,
    nothing,
    patch,
    together,
    unrecorded,
)
from verifier.sandbox import (
    cgroup,
    kept,
    output,
    plain,
)


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
    "system call filter": (
        ("calls", "network"),
        together(process(without_filter), unrecorded(plain.Plain)),
    ),
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
