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
from verifier.pipeline.doctor.reading import first_line, text_of
from verifier.records import Assurance
from verifier.sandbox import BACKENDS, CHOICES
from verifier.sandbox.docker import Docker

ENGINE_WITH_CDI = 25
"""The first major version that takes GPUs by names of the CDI specification, where it is set to."""
SPECIFIED = "nvidia.com/gpu"
SPECIFY = "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"


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
        said = sandbox.level.name
        if name not in CHOICES["auto"]:
            said += f", only by `--backend {name}`"
        if lacking:
            said += ", lacking:"
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
    folders = [Path(folder) for folder in info.get("CDISpecDirs") or ()]
    said = f"{version}, {info.get('Driver') or 'unknown'} storage, "
    said += "CDI" if folders else f"no CDI ({ENGINE_WITH_CDI} or newer has it)"
    amiss, remedy = "", SPECIFY
    if gpus and not folders:
        amiss = f"{version} has no CDI: GPUs come by the container toolkit's hook"
        remedy = f'"features": {{"cdi": true}} in its daemon.json, and {SPECIFY}'
        major = re.match(r"\d+", version)
        if major is not None and int(major[0]) < ENGINE_WITH_CDI:
            remedy = f"Docker {ENGINE_WITH_CDI} or newer, {remedy}"
    elif gpus and not any(_specifies(folder) for folder in folders):
        amiss = f"{version}, CDI without a specification of {SPECIFIED}: boxes get no GPU"
    yield checked("engine", said, amiss, remedy)
    yield _images(str(info.get("DockerRootDir") or ""))


def _specifies(folder: Path) -> bool:
    """Whether a specification that lies there names NVIDIA's GPUs."""
    return any(SPECIFIED in text_of(path) for path in folder.glob("*.[jy]*"))


def _images(kept: str) -> Check:
    """The disk where the engine keeps images: each is there once more, beside the store."""
    about, place = "engine's disk", Path(kept)
    if not place.is_absolute() or not place.is_dir():
        said = f"images are kept at {kept or 'a place not told'}, which cannot be seen from here"
        return Check(about, State.WEAKER, said, "`docker system df` tells what they take")
    remedy = 'free some (`docker image prune`), or set "data-root" in the engine\'s daemon.json'
    return room(about, place, remedy)


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
