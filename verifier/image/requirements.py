"""What does a submission require beside an image? Its requirements.txt, resolved once, then locked.

Names with versions only: what lies at an address, in a folder or must be built would run code of
strangers outside a box, and is refused. `STORE/requirements/<key>.lock` keeps what they led to, so
that the same file leads to the same image. Must never change what the image itself has locked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from verifier.errors import BadSubmission, ImageFault
from verifier.image import recipe
from verifier.image.locks import LockedWheel, read_wheels, write_debs, write_wheels
from verifier.image.recipe import Recipe
from verifier.image.wheels import EXTRA_INDEX_VARIABLE, pip, platform_options, stored
from verifier.scratch import beside_of, temporary
from verifier.watch import Watch

FILE = "requirements.txt"
LINES = 200
_NOWHERE = re.compile(r"No matching distribution found for ([A-Za-z0-9][A-Za-z0-9._,<>=!~-]{0,80})")
_INDEXES = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "-i ", "-f ")
"""Where else to look: what is locked comes from the indexes of whoever verifies."""


def extended(
    base: Recipe, content: bytes, packages: Iterable[str], store: Path, watch: Watch
) -> Recipe:
    """`base` with what `content` (a requirements.txt) and Debian `packages` ask for beside it.

    `base` itself where it has all of that. Raises BadSubmission with the line of what cannot be
    required, ImageFault where something cannot be had as a wheel for this Python.
    """
    lacking = _lacking(base, content)
    more = sorted(set(packages) - set(base.text.packages))
    if not lacking and not more:
        return base
    wheels = _locked(base, lacking, store, watch) if lacking else ()
    text = base.text.model_copy(update={"packages": [*base.text.packages, *more]})
    merged = tuple(sorted({*base.wheels, *wheels}))
    asked = (text.model_dump_json().encode(), write_wheels(merged).encode())
    debs = None if more else base.debs
    whole = recipe.digest(*asked, write_debs(debs or ()).encode())
    return replace(
        base,
        name=f"{base.name}+{whole[:12]}",
        text=text,
        wheels=merged,
        debs=debs,
        digest=whole,
        unrecorded_digest=recipe.digest(*asked),
        wheels_digest=recipe.digest(asked[1]),
    )


def _lacking(base: Recipe, content: bytes) -> dict[Requirement, int]:
    """What is required and not there, each with its line. Raises BadSubmission with its line."""
    there = {wheel.name: wheel.version for wheel in base.wheels}
    lacking: dict[Requirement, int] = {}
    lines = content.decode("utf-8", "replace").splitlines()
    if len(lines) > LINES:
        raise BadSubmission(f"has more than {LINES} lines", file=FILE)
    for number, line in enumerate(lines, start=1):
        said = line.partition(" #")[0].strip()
        if not said or said.startswith(("#", *_INDEXES)):
            continue
        wanted = _parsed(said, number)
        if not _applies(wanted, base, number):
            continue
        has = there.get(canonicalize_name(wanted.name))
        if has is None:
            lacking[wanted] = number
        elif not wanted.specifier.contains(has, prereleases=True):
            raise BadSubmission(
                f"{said}: image {base.name} has {wanted.name} {has}",
                file=FILE,
                place=number,
                remedy="require a version that fits, or none",
            )
    return lacking


def _parsed(said: str, number: int) -> Requirement:
    try:
        wanted = Requirement(said)
    except (InvalidRequirement, RecursionError) as fault:
        raise BadSubmission(
            f"cannot be required: {said[:80]!r}",
            file=FILE,
            place=number,
            remedy="a line is a name with versions, such as `einops>=0.8`",
        ) from fault
    if wanted.url is not None:
        raise BadSubmission(
            f"{wanted.name} is required from an address",
            file=FILE,
            place=number,
            remedy="name a version of a published wheel: what is built runs outside a box",
        )
    return wanted


def _applies(wanted: Requirement, base: Recipe, number: int) -> bool:
    """Whether it is required in the image. Raises BadSubmission for a marker that says nothing."""
    if wanted.marker is None:
        return True
    try:
        return wanted.marker.evaluate(_here(base))
    except (UndefinedComparison, UndefinedEnvironmentName, RecursionError) as fault:
        raise BadSubmission(
            f"cannot tell when {wanted.name} is required",
            file=FILE,
            place=number,
            remedy='a marker compares what is known, such as `; python_version < "3.12"`',
        ) from fault


def _here(base: Recipe) -> dict[str, str]:
    """The environment that markers are about: the image's, not this machine's."""
    return {
        "python_version": base.text.python,
        "python_full_version": f"{base.text.python}.0",
        "platform_system": "Linux",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def _locked(
    base: Recipe, lacking: Mapping[Requirement, int], store: Path, watch: Watch
) -> tuple[LockedWheel, ...]:
    """What they lead to: as locked before, else resolved now and kept."""
    asked = "\n".join(sorted(str(each) for each in lacking))
    key = recipe.digest(base.wheels_digest.encode(), asked.encode())
    lock = store / "requirements" / f"{key}.lock"
    if not lock.exists():
        with watch.phase(f"resolve {len(lacking)} requirements", None):
            try:
                wheels = _resolved(base, asked, store)
            except ImageFault as fault:
                raise _not_to_be_had(base, lacking, fault) from fault
        lock.parent.mkdir(parents=True, exist_ok=True)
        beside = beside_of(lock)
        beside.write_text(write_wheels(wheels), encoding="utf-8")
        beside.replace(lock)
    return read_wheels(lock)


def _resolved(base: Recipe, asked: str, store: Path) -> tuple[LockedWheel, ...]:
    """Names, versions and hashes that pip would install beside the image's own wheels."""
    options = [each for each in platform_options(base.text) if each != "--no-deps"]
    found = [str(path.parent) for wheel in base.wheels if (path := stored(store, wheel))]
    with temporary("requirements") as scratch:
        wanted, pins = scratch / FILE, scratch / "pins.txt"
        report = scratch / "report.json"
        wanted.write_text(asked, encoding="utf-8")
        pins.write_text(
            "".join(f"{wheel.name}=={wheel.version}\n" for wheel in base.wheels), encoding="utf-8"
        )
        command = ["install", "--dry-run", "--ignore-installed", "--quiet", f"--report={report}"]
        command += [*options, f"--target={scratch}/target", f"--constraint={pins}"]
        command += [*(f"--find-links={each}" for each in found), f"--requirement={wanted}"]
        extra = os.environ.get(EXTRA_INDEX_VARIABLE)
        pip([*command, *([f"--extra-index-url={extra}"] if extra else [])])
        said = json.loads(report.read_text(encoding="utf-8"))
    own = {wheel.name for wheel in base.wheels}
    wheels = (_wheel(each) for each in said["install"])
    return tuple(sorted(wheel for wheel in wheels if wheel.name not in own))


def _not_to_be_had(
    base: Recipe, lacking: Mapping[Requirement, int], fault: ImageFault
) -> BadSubmission | ImageFault:
    """The submission's mistake where pip found the indexes and nothing fitting there."""
    names = list(dict.fromkeys(_NOWHERE.findall(str(fault))))
    if not names and "ResolutionImpossible" not in str(fault):
        return fault
    what = ", ".join(names) or "all of it together"
    lines = [line for wanted, line in lacking.items() if str(wanted) in names]
    return BadSubmission(
        f"{what} cannot be had as wheels for Python {base.text.python} beside image {base.name}",
        file=FILE,
        place=lines[0] if lines else "",
        remedy="require what is published as a wheel, in versions that fit each other",
    )


def _wheel(said: Mapping[str, Any]) -> LockedWheel:
    """One entry of pip's report."""
    name, info = canonicalize_name(said["metadata"]["name"]), said["download_info"]
    hashes = info.get("archive_info", {}).get("hashes", {})
    if "sha256" not in hashes:
        raise ImageFault(f"{name}: its index tells no sha256, so that it cannot be locked")
    return LockedWheel(name, said["metadata"]["version"], hashes["sha256"])
