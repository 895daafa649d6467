"""Which boxes can be made here, and what is the engine that makes the strongest of them?"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from verifier.errors import MachineFault
from verifier.pipeline.doctor.capacity import room
from verifier.pipeline.doctor.findings import Check, State, checked
from verifier.pipeline.doctor.reading import first_line
from verifier.records import Assurance
from verifier.sandbox import BACKENDS, CHOICES
from verifier.sandbox.docker import Docker

ENGINE_WITH_CDI = 25
"""The first major version that brings GPUs by the names of the CDI specification, unasked."""


def backends() -> tuple[list[Check], Assurance, str]:
    """Each backend from the strongest on: what it is worth here, or why it cannot be had.

    And the level and the name of the one that `auto` takes.
    """
    checks: list[Check] = []
    level, best = Assurance.NONE, ""
    for name, opened in BACKENDS.items():
        try:
            sandbox = opened()
        except MachineFault as fault:
            checks.append(Check(f"{name} boxes", State.WEAKER, fault.message, fault.remedy))
            continue
        if not best and name in CHOICES["auto"]:
            level, best = sandbox.level, name
        lacking = sandbox.lacking()
        said = f"{sandbox.level.name}, lacking:" if lacking else sandbox.level.name
        checks.append(Check(f"{name} boxes", State.WELL, said, lacking=lacking))
    if level < Assurance.L1:
        checks.append(
            Check(
                "isolation",
                State.MISSING,
                f"the strongest box reaches {level.name}: scripts cannot run, walls are thin",
                "install Docker, or bubblewrap and allow user namespaces",
            )
        )
    return checks, level, best


def engine(gpus: int) -> Iterator[Check]:
    """The engine that answers, if one does; `gpus` are how many this machine has."""
    try:
        found = Docker()
    except MachineFault:
        return  # its boxes have said so
    with contextlib.closing(found):
        yield from described(found.described(), gpus)


def described(info: Mapping[str, Any], gpus: int) -> Iterator[Check]:
    """What follows from what an engine says of itself."""
    version = str(info.get("ServerVersion") or "unknown")
    major = re.match(r"\d+", version)
    cdi = bool(info.get("CDISpecDirs"))
    said = f"{version}, {info.get('Driver') or 'unknown'} storage, "
    said += "CDI" if cdi else f"no CDI ({ENGINE_WITH_CDI} or newer has it)"
    amiss, remedy = "", ""
    if gpus and not cdi:
        old = major is not None and int(major[0]) < ENGINE_WITH_CDI
        amiss = f"{version} has no CDI: its own hook brings GPUs, and more of the driver than asked"
        remedy = f"Docker {ENGINE_WITH_CDI} or newer, then " if old else ""
        remedy += "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"
    yield checked("engine", said, amiss, remedy)
    yield from _images(Path(str(info.get("DockerRootDir") or "")))


def _images(place: Path) -> Iterator[Check]:
    """The disk where the engine keeps images: each is there once more, beside the store."""
    if not place.is_absolute() or not place.is_dir():
        said = f"images are kept at {place}, whose disk cannot be seen from here"
        yield Check("engine's disk", State.WEAKER, said, "see `docker system df` for yourself")
        return
    remedy = 'free some (`docker image prune`), or set "data-root" in the engine\'s daemon.json'
    yield room("engine's disk", place, remedy)


def second_wall() -> Iterator[Check]:
    """The program that makes boxes with a kernel of their own."""
    found = shutil.which("runsc")
    if found is None:
        yield Check(
            "gVisor",
            State.WEAKER,
            "runsc is not installed: boxes share this machine's kernel",
            "apt-get install runsc, where a second wall is wanted (CPU only)",
        )
    else:
        yield Check("gVisor", State.WELL, first_line(found, "--version"))
