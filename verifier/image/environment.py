"""What runs where no root file system can be made, or none is wanted? Never a pinned image.

A virtual environment from the same lock and the same minor version of Python, or the interpreter
at hand. Both say so: `pinned` is false. Must never satisfy what asks for a pinned image.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from verifier.errors import ImageFault, MissingTool, StorageFault
from verifier.image.recipe import Recipe
from verifier.image.wheels import collect, pip
from verifier.records import ImageFacts, Root
from verifier.watch import Watch

HOST = "host"
FINISHED = "finished"


def host_root() -> tuple[Root, ImageFacts]:
    """The interpreter that runs the verifier, with whatever it can import."""
    packages = {
        name.lower(): found.version
        for found in metadata.distributions()
        if (name := found.metadata["Name"])
    }
    facts = ImageFacts(
        recipe=HOST,
        root_digest=HOST,
        pinned=False,
        python=platform.python_version(),
        packages=dict(sorted(packages.items())),
    )
    return Root(digest=HOST, python=sys.executable, pinned=False), facts


def find(recipe: Recipe, store: Path) -> tuple[Root, ImageFacts] | None:
    """The virtual environment of the recipe's lock if the store has it: makes nothing."""
    python = _folder(recipe, store) / "bin" / "python"
    version = _installed(python.parents[1], python)
    return None if version is None else _described(recipe, python, version)


def build(recipe: Recipe, store: Path, *, why: str, watch: Watch) -> tuple[Root, ImageFacts]:
    """A virtual environment from the recipe's lock, from the store if it is there.

    `why` no root file system can be made is said. Raises MissingTool when this machine has no
    Python of the recipe's minor version, ImageFault when a wheel cannot be had.
    """
    watch.note(f"not pinned: {why}; a virtual environment from the same lock is used instead")
    folder = _folder(recipe, store)
    python = folder / "bin" / "python"
    version = _installed(folder, python)
    if version is None:
        _make(recipe, store, folder, watch)
        version = _version(python)
    return _described(recipe, python, version)


def _folder(recipe: Recipe, store: Path) -> Path:
    return store / "venvs" / f"{recipe.text.python_tag}-{recipe.wheels_digest}"


def _described(recipe: Recipe, python: Path, version: str) -> tuple[Root, ImageFacts]:
    digest = f"venv:{recipe.wheels_digest}"
    facts = ImageFacts(
        recipe=recipe.name,
        root_digest=digest,
        pinned=False,
        python=version,
        packages={wheel.name: wheel.version for wheel in recipe.wheels},
    )
    return Root(digest=digest, python=str(python), pinned=False), facts


def _make(recipe: Recipe, store: Path, folder: Path, watch: Watch) -> None:
    interpreter = _interpreter(recipe.text.python)
    wheels = collect(recipe, store, watch)
    with watch.phase("install the wheels into a virtual environment", None):
        shutil.rmtree(folder, ignore_errors=True)
        # Without pip of its own: Debian's Python cannot make one unless python3-venv is there.
        _run([interpreter, "-P", "-m", "venv", "--without-pip", str(folder)])
        python = str(folder / "bin" / "python")
        # Isolated: whoever runs this may have told pip to install elsewhere, or other versions.
        options = ["--isolated", "--python", python, "install", "--no-deps", "--no-index"]
        pip([*options, *map(str, wheels)])
        (folder / FINISHED).touch()


def _installed(folder: Path, python: Path) -> str | None:
    """The version of its Python; None when it was never finished or its Python is gone since."""
    if not (folder / FINISHED).exists():
        return None
    try:
        return _version(python)
    except (ImageFault, StorageFault):
        return None


def _version(python: Path) -> str:
    return _run([str(python), "-I", "-c", "import platform; print(platform.python_version())"])


def _interpreter(minor: str) -> str:
    if platform.python_version().startswith(f"{minor}."):
        return sys.executable
    if found := shutil.which(f"python{minor}"):
        return found
    raise MissingTool(
        f"this machine has no Python {minor}, which the image's wheels are made for",
        remedy=f"apt-get install python{minor}",
    )


def _run(command: list[str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as fault:
        raise StorageFault(f"{command[0]}: cannot be run: {fault.strerror}") from fault
    if ended.returncode:
        raise ImageFault(f"{' '.join(command)}: {ended.stderr.strip()[-400:]}")
    return ended.stdout.strip()
