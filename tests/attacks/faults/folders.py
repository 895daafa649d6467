"""An output folder that cannot be written, and one that another verifier is at work in."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import Broken, Stage, fault_row, mended, met
from tests.attacks.faults.kills import recorded
from tests.attacks.faults.scene import Scene, mount_small, remount
from tests.attacks.rows import Row

ROOM = "size=256m"
NOBODY = "65534"


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    machine = functools.partial(fault_row, stage, code=70, whose="the machine's")
    asker = functools.partial(fault_row, stage, code=64, whose="the asker's")
    yield "a read-only output folder", functools.partial(machine, closed, says="Read-only")
    for name in ("train", "score", "replay"):
        play = functools.partial(closing, name)
        yield (
            f"an output folder that becomes read-only in {name}",
            functools.partial(machine, play, says="Read-only"),
        )
    yield (
        "an output folder of another user's",
        functools.partial(asker, foreign, says="Permission denied", backend="bubblewrap"),
    )
    yield "two verifiers on one output folder", functools.partial(asker, two, says="as process")


def closed(made: Scene) -> Broken:
    """Mounted read-only from the start."""
    mount_small(made, made.out, f"{ROOM},ro")
    return met(made, lambda: remount(made.out, "rw"))


def closing(phase: str, made: Scene) -> Broken:
    """Mounted read-only while a phase runs."""
    mount_small(made, made.out, ROOM)
    process = made.start()
    first = seeing.mark_of(process)
    seeing.until(made, phase, process)
    remount(made.out, "ro")
    return mended(made, made.ended(process), first, lambda: remount(made.out, "rw"))


def foreign(made: Scene) -> Broken:
    """Root's, while somebody else verifies in it; then it is his."""
    for place in (made.folder, made.store, made.temporary):
        place.chmod(0o777)
    made.prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return met(made, lambda: made.out.chmod(0o777))


def two(made: Scene) -> Broken:
    """A second one while the first is scoring: it names the first, which is not disturbed."""
    process = made.start()
    first = seeing.mark_of(process)
    seeing.until(made, "score", process)
    other = Scene(folder=made.folder / "other", cast=made.cast)
    other.folder.mkdir()
    other.out.symlink_to(made.out)
    other.store.symlink_to(made.store)
    other.temporary.mkdir()
    second_process = other.start()
    second = seeing.mark_of(second_process)
    refused = other.ended(second_process)
    before = recorded(made)
    ended = made.ended(process)
    named = f"as process {process.pid}" in str(refused.fault.get("message"))
    assert named or not refused.fault, f"it names nobody, or another: {refused.short}"
    return Broken(ended=refused, held=(first, second), before=before, again=ended)
