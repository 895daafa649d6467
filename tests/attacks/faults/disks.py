"""A full disk: under the output, the store, or the temporary folder, at several moments."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import Broken, Stage, fault_row, mended, met
from tests.attacks.faults.scene import Scene, mount_small, remount
from tests.attacks.rows import Row
from tests.cheats.running import furnish

ENOUGH = "size=256m,nr_inodes=100k"
KIND = "StorageFault"
BLOCK_BYTES = 4096


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    for what, room in (
        ("output", "size=12k"),
        ("store", "size=12k"),
        ("store", "size=100k"),
        ("temporary folder", "nr_inodes=2"),
    ):
        play = functools.partial(full, what, room)
        row = functools.partial(fault_row, stage, play, code=70, whose="the machine's", says=KIND)
        yield f"a full disk under the {what} ({room})", row
    for phase in ("warm-up", "train", "score", "replay", "decide"):
        play = functools.partial(filled, phase)
        row = functools.partial(fault_row, stage, play, code=70, whose="the machine's", says=KIND)
        yield f"a disk under the output that fills up in {phase}", row


def place_of(made: Scene, what: str) -> Path:
    """The folder that is meant."""
    return {"output": made.out, "store": made.store, "temporary folder": made.temporary}[what]


def full(what: str, room: str, made: Scene) -> Broken:
    """Too small a file system, which is made larger afterwards."""
    place = place_of(made, what)
    mount_small(made, place, room)
    if what == "store":
        furnish(place)
    return met(made, lambda: remount(place, ENOUGH))


def filled(phase: str, made: Scene) -> Broken:
    """A file system that somebody else fills in that phase, and clears afterwards."""
    mount_small(made, made.out, "size=96m")
    process = made.start()
    first = seeing.mark_of(process)
    seeing.until(made, phase, process)
    filler = made.out / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(BLOCK_BYTES))
            file.flush()
    return mended(made, made.ended(process), first, filler.unlink)
