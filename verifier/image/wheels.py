"""Where do the wheels come from? From the store, by hash; what it lacks, pip downloads once.

`STORE/wheels/<sha256>/NAME.whl`. pip asks the indexes its user configured. Must never accept a
wheel that the lock does not name by its hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from verifier.errors import ImageFault, MissingTool
from verifier.image.locks import LockedWheel, write_wheels
from verifier.image.recipe import Recipe, RecipeText
from verifier.scratch import beside_of, temporary
from verifier.watch import Watch

TAIL_LINES = 4
# Asked when the indexes that pip is configured for lack a wheel: PyTorch's wheels for the CPU.
EXTRA_INDEX_VARIABLE = "VERIFIER_EXTRA_INDEX"


def collect(recipe: Recipe, store: Path, watch: Watch) -> tuple[Path, ...]:
    """The recipe's wheels, in the order of its lock, each with the sha256 the lock says.

    Raises ImageFault when a wheel cannot be had or is another one, MissingTool without pip.
    """
    lacking = [wheel for wheel in recipe.wheels if stored(store, wheel) is None]
    if lacking:
        with watch.phase(f"fetch {len(lacking)} of {len(recipe.wheels)} wheels", None):
            _fetch(lacking, recipe, store)
    return tuple(_checked(wheel, store) for wheel in recipe.wheels)


def stored(store: Path, wheel: LockedWheel) -> Path | None:
    """Where the store has this wheel, if it has it."""
    found = sorted((store / "wheels" / wheel.sha256).glob("*.whl"))
    return found[0] if found else None


def keep(file: Path, store: Path) -> Path:
    """Put `file` into the store under its sha256."""
    sha256 = file_digest(file)
    place = store / "wheels" / sha256 / file.name
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = beside_of(place)
    shutil.move(file, beside)
    beside.replace(place)
    return place


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def platform_options(recipe: RecipeText) -> list[str]:
    """pip's words for "wheels that run on this recipe's Python and C library, nothing else"."""
    versions = range(recipe.glibc, 4, -1)
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in versions]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    options = [f"--platform={platform}" for platform in (*platforms, "linux_x86_64")]
    options += [f"--abi={abi}" for abi in (recipe.python_tag, "abi3", "none")]
    return [
        *options,
        "--implementation=cp",
        f"--python-version={recipe.python}",
        "--only-binary=:all:",
        "--no-deps",
    ]


def pip(arguments: Iterable[str], python: str = sys.executable) -> None:
    """Run pip. Raises ImageFault with its last lines, MissingTool where it is not installed."""
    # -P: what lies where the verifier was started is not to be imported.
    command = [python, "-P", "-m", "pip", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ended.returncode == 0:
        return
    if "No module named pip" in ended.stderr:
        raise MissingTool(f"{python} has no pip", remedy="apt-get install python3-pip")
    tail = " · ".join(ended.stderr.strip().splitlines()[-TAIL_LINES:])
    raise ImageFault(
        f"pip cannot get what the lock names: {tail}",
        remedy=f"set {EXTRA_INDEX_VARIABLE} or PIP_FIND_LINKS to where the wheel can be had",
    )


def _fetch(lacking: list[LockedWheel], recipe: Recipe, store: Path) -> None:
    (store / "wheels").mkdir(parents=True, exist_ok=True)
    with temporary("fetch", store / "wheels") as scratch:
        lock = scratch / "lacking.lock"
        lock.write_text(write_wheels(lacking), encoding="utf-8")
        options = [*platform_options(recipe.text), "--require-hashes", "--quiet"]
        command = ["download", *options, "--dest", str(scratch), "--requirement", str(lock)]
        try:
            pip(command)
        except ImageFault:
            extra = os.environ.get(EXTRA_INDEX_VARIABLE)
            if not extra:
                raise
            pip([*command, f"--extra-index-url={extra}"])
        for file in scratch.glob("*.whl"):
            keep(file, store)


def _checked(wheel: LockedWheel, store: Path) -> Path:
    path = stored(store, wheel)
    if path is None:
        raise ImageFault(f"pip brought another file than {wheel.name} {wheel.version} of the lock")
    if (found := file_digest(path)) != wheel.sha256:
        raise ImageFault(
            f"{path}: its sha256 is {found}, the lock says {wheel.sha256}",
            remedy="delete it; it is downloaded again",
        )
    return path
