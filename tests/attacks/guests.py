"""Hostile guests in real boxes: each ends in time, in words about it, and is gone. One row each.

Every backend that this machine has plays every deed; what is left is frozen as an artifact would
be. Tokenizers come after them: what takes over the box that reads one dies with that box.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.attacks.deeds import DEEDS, Deed
from tests.attacks.readers import READERS, Reader, read, read_file
from tests.attacks.rows import Planned, Row
from tests.fuzz.models import MADE
from tests.sandbox import traces
from tests.sandbox.conftest import LIMITS, SYSTEM_PYTHON, Boxes, open_to_all
from tests.submission.folders import policy, submission_folder
from verifier import image, store
from verifier.errors import MachineFault
from verifier.records import BoxEnd, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.selfcheck.tiny_root import tiny_root
from verifier.scratch import empty
from verifier.submission import Shipment, freeze, pull
from verifier.watch import Unwatched, Watch

SLACK_SECONDS = 20.0
"""What starting and ending a box may take on a machine with neighbours."""
ROOM_BYTES = 64 << 20
"""What the verifier may grow by over one guest, and what it may leave on the disk beyond limits."""
WITH_IMAGE = ("docker", "bubblewrap")
ORDER = ("docker", "bubblewrap", "plain", "gvisor")


def rows(place: Path, watch: Watch) -> Iterator[Planned]:
    """Every deed, then every reader of a tokenizer, in every backend."""
    del watch
    made = _digest()
    stage = functools.cache(lambda name: _stage(place, name))
    for name in ORDER:
        for deed in DEEDS:
            yield Planned(
                name=f"{name} · {deed.name}",
                digest=made,
                run=functools.partial(_row, stage, name, deed),
            )
        for reader in READERS:
            yield Planned(
                name=f"{name} · its tokenizer's reader {reader.name}",
                digest=made,
                run=functools.partial(_row, stage, name, reader),
            )
    for name in WITH_IMAGE:
        for called, made_of in MADE.items():
            yield Planned(
                name=f"{name} · a tokenizer file: {called}",
                digest=made,
                run=functools.partial(_file_row, stage, name, made_of),
            )


def _file_row(stage: Callable[[str], Stage], name: str, content: Callable[[], bytes]) -> Row:
    """The real reader needs the image that submissions run in."""
    found, pinned = stage(name), image.find("cpu", store.root())
    if found.boxes is None or pinned is None:
        why = found.absent or "the store has no image (`verifier image build cpu`)"
        return Row(expected="this machine cannot play it", got=why, wrong="")
    boxes = replace(found.boxes.beside("file"), root=image.extract(pinned[0], Unwatched()))
    open_to_all(boxes.folder)
    boxes.sandbox.prepare(boxes.root)
    try:
        return read_file(boxes, content())
    finally:
        empty(boxes.folder)


def _digest() -> str:
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Stage:
    """One backend and its folders; `absent` why this machine has it not."""

    boxes: Boxes | None
    absent: str = ""


def _stage(place: Path, name: str) -> Stage:
    folder = place / name
    empty(folder)
    folder.mkdir(parents=True)
    open_to_all(folder)
    try:
        sandbox: Sandbox = BACKENDS[name]()
    except MachineFault as fault:
        return Stage(None, str(fault))
    boxes = Boxes(sandbox, _root(place, name), folder)
    # The first box makes what all of them share until the verifier ends.
    boxes.beside("first").run("pass")
    return Stage(boxes)


def _root(place: Path, name: str) -> Root:
    if name == "plain":
        python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
        return Root(digest="host", python=str(python), pinned=False)
    home = place / f"root of {name}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    open_to_all(home)
    return tiny_root(home)


def _row(stage: Callable[[str], Stage], name: str, deed: Deed | Reader) -> Row:
    found = stage(name)
    if found.boxes is None:
        return Row(expected="this machine has no such backend", got=found.absent, wrong="")
    boxes = found.boxes.beside(hashlib.sha256(deed.name.encode()).hexdigest()[:12])
    open_to_all(boxes.folder)
    try:
        return played(boxes, deed) if isinstance(deed, Deed) else read(boxes, deed)
    finally:
        empty(boxes.folder)


# ---------------------------------------------------------------- one deed


def played(boxes: Boxes, deed: Deed) -> Row:
    """Let one guest do its deed; what is not as it must be is said in `wrong`."""
    limits = replace(LIMITS, **deed.limits)
    before, memory = traces.of_boxes(), resident_bytes()
    began = time.monotonic()
    end = boxes.run(deed.source, f"guest-{os.getpid()}", limits=deed.limits)
    seconds = time.monotonic() - began
    shipped = frozen(boxes)
    grown, disk = resident_bytes() - memory, disk_bytes(boxes.folder)
    said = [
        f"ended by {end.ended_by.value}" if end.ended_by not in deed.ends else "",
        f"took {seconds:.0f} s" if seconds > limits.wall_seconds + SLACK_SECONDS else "",
        f"the verifier grew by {grown:,} bytes" if grown > ROOM_BYTES else "",
        f"{disk:,} bytes on the disk" if disk > 3 * limits.output_bytes + ROOM_BYTES else "",
        "" if traces.soon_gone(f"guest-{os.getpid()}") else "its processes live on",
        *(f"left {what}" for what in traces.of_boxes() - before),
        *_ill(boxes, end, shipped, deed),
    ]
    return Row(
        expected=" or ".join(kind.value for kind in deed.ends) + (deed.says and f"; {deed.says}"),
        got=_told(end, shipped),
        wrong="; ".join(filter(None, said)),
        figures={"seconds": round(seconds, 1), "grown_bytes": grown, "disk_bytes": disk},
    )


def _ill(boxes: Boxes, end: BoxEnd, shipped: Shipment, deed: Deed) -> Iterator[str]:
    """What is wrong with what is said of what it left, and with what of it ships."""
    spoken = (*shipped.objections, end.log)
    if deed.says and not any(deed.says in said for said in spoken):
        yield f"nothing says {deed.says!r}: {shipped.objections[:3]}"
    if not all(objection.isprintable() for objection in shipped.objections):
        yield "an objection cannot be printed"
    for item in shipped.artifact:
        found = os.lstat(boxes.out / item.path)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            yield f"{item.path} ships, and is no file of its own"
    if b"root:" in shipped.tar.read_bytes():
        yield "a file of the host ships"


def _told(end: BoxEnd, shipped: Shipment) -> str:
    told = f"{end.ended_by.value}, {len(shipped.artifact)} files ship"
    if shipped.objections:
        told += f", {len(shipped.objections)} objections: {shipped.objections[0][:60]}"
    return told


def frozen(boxes: Boxes) -> Shipment:
    """What was left, as an artifact."""
    submission = pull(str(submission_folder(boxes.folder / "given")), boxes.folder / "store")
    return freeze(boxes.out, submission, boxes.folder / "shelf", policy())


def disk_bytes(folder: Path) -> int:
    """What lies below `folder` on the disk, holes not counted."""
    total = 0
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            with contextlib.suppress(OSError):
                found = os.lstat(os.path.join(place, name))
                total += 512 * found.st_blocks if not stat.S_ISDIR(found.st_mode) else 0
    return total


def resident_bytes() -> int:
    """This process's memory."""
    said = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(said[1]) * os.sysconf("SC_PAGESIZE")
