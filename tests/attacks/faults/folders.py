"""An output folder that cannot be written, and one that another verifier is at work in.

A disk that fails while it is written is a file with ext4 on it, whose kernel is told to give it up;
afterwards it is repaired as anybody would.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import Broken, NotPlayed, Stage, fault_row, mended, met, shell
from tests.attacks.faults.kills import recorded
from tests.attacks.faults.scene import Scene, mount_small, remount
from tests.attacks.rows import Row

ROOM = "size=256m"
DISK_BYTES = 128 << 20


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    machine = functools.partial(fault_row, stage, code=70, whose="the machine's")
    asker = functools.partial(fault_row, stage, code=64, whose="the asker's")
    yield "a read-only output folder", functools.partial(machine, closed, says="Read-only")
    for name in ("train", "score", "replay"):
        play = functools.partial(closing, name)
        yield (
            f"a disk that the kernel gives up in {name}",
            functools.partial(machine, play, says="StorageFault"),
        )
    yield (
        "an output folder that nobody may write",
        functools.partial(asker, immutable, says="not permitted"),
    )
    yield "two verifiers on one output folder", functools.partial(asker, two, says="as process")


def closed(made: Scene) -> Broken:
    """Mounted read-only from the start."""
    mount_small(made, made.out, f"{ROOM},ro")
    return met(made, lambda: remount(made.out, "rw"))


def closing(phase: str, made: Scene) -> Broken:
    """The output's disk fails while a phase runs: from then on it takes nothing."""
    disk = made.folder / "disk"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    shell("mkfs.ext4", "-q", str(disk))
    mount_disk(made, disk)
    made.mounted.append(made.out)
    process = made.start()
    first = seeing.mark_of(process)
    seeing.until(made, phase, process)
    remount(made.out, "abort")
    return mended(made, made.ended(process), first, lambda: repair(made, disk))


def mount_disk(made: Scene, disk: Path) -> None:
    """The file system in `disk` as the scene's output."""
    shell("mount", "-o", "loop,errors=remount-ro", str(disk), str(made.out))
    with contextlib.suppress(FileNotFoundError):
        (made.out / "lost+found").rmdir()


def repair(made: Scene, disk: Path) -> None:
    """Take it away, mend it (1: it was mended), and mount it again."""
    shell("umount", str(made.out))
    ended = subprocess.run(["e2fsck", "-fy", str(disk)], check=False, capture_output=True)
    if ended.returncode > 1:
        raise NotPlayed(f"e2fsck: {ended.stdout.decode(errors='replace')[-300:]}")
    mount_disk(made, disk)


def immutable(made: Scene) -> Broken:
    """Not even root may write there; then he may."""
    shell("chattr", "+i", str(made.out))
    try:
        return met(made, lambda: shell("chattr", "-i", str(made.out)))
    finally:
        shell("chattr", "-i", str(made.out))


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
    if refused.fault and not named:
        raise NotPlayed(f"it names nobody, or another: {refused.short}")
    return Broken(ended=refused, held=(first, second), before=before, again=ended)
