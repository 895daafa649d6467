"""Write the locks of an image recipe anew. For whoever amends a recipe; a build never does this.

`relock_image.py NAME wheels` resolves the recipe's wheels with uv, downloads them, and writes
`requirements.lock` and `wheels.json`: what each wheel says it needs, so that the lock's
completeness can be tested without a download.
`relock_image.py NAME debs` makes the image and writes `debs.lock`, what Debian brought.
"""

from __future__ import annotations

import email
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from verifier import installed, store
from verifier.errors import ImageFault, RequestError, VerifierError
from verifier.image import build, recipe
from verifier.image.build import forget
from verifier.image.locks import LockedDeb, LockedWheel, write_debs, write_wheels
from verifier.image.recipe import RecipeText
from verifier.image.wheels import file_digest, keep, pip, platform_options


def relock_wheels(folder: Path) -> None:
    """Write `requirements.lock` and `wheels.json` of the recipe in `folder`."""
    text = recipe.read_text(folder / recipe.RECIPE_FILE)
    wheels: list[LockedWheel] = []
    described: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=store.root()) as scratch:
        pins = Path(scratch) / "pins.txt"
        pins.write_text(resolved(text), encoding="utf-8")
        pip(["download", *platform_options(text), "--dest", scratch, "--requirement", str(pins)])
        for file in sorted(Path(scratch).glob("*.whl")):
            name, needs = described_wheel(file)
            described[name] = {"file": file.name, "bytes": file.stat().st_size, **needs}
            wheels.append(LockedWheel(name, needs["version"], file_digest(file)))
            keep(file, store.root())
    metadata = json.dumps(described, indent=1, sort_keys=True) + "\n"
    (folder / recipe.WHEELS_FILE).write_text(write_wheels(wheels), encoding="utf-8")
    (folder / recipe.METADATA_FILE).write_text(metadata, encoding="utf-8")


def relock_debs(name: str, folder: Path) -> None:
    """Make the image of what Debian has today and write its packages as `debs.lock`."""
    forget(name, store.root())
    root, _ = build(name, store.root(), locked=False)
    if root.tar is None:
        raise ImageFault("no root file system was made, so that there is nothing to lock")
    facts = json.loads(root.tar.with_name("facts.json").read_text(encoding="utf-8"))
    debs = [LockedDeb(**deb) for deb in facts["debs"]]
    (folder / recipe.DEBS_FILE).write_text(write_debs(debs), encoding="utf-8")
    print(f"{len(debs)} packages, image {root.digest}")


def resolved(text: RecipeText) -> str:
    """The recipe's wheels and all they need, pinned, for its Python and platform."""
    platform = f"x86_64-manylinux_2_{min(text.glibc, 40)}"
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    ended = subprocess.run(
        [*uv, "--python-version", text.python, "--python-platform", platform, "-"],
        input="\n".join(text.wheels),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ImageFault(f"the wheels cannot be resolved: {ended.stderr.strip()[-600:]}")
    return ended.stdout


def described_wheel(wheel: Path) -> tuple[str, dict[str, Any]]:
    """A wheel's normalised name; its version and needs as its METADATA states them."""
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        top = min(inside, key=lambda name: name.count("/"))
        said = email.message_from_bytes(archive.read(top))
    name = re.sub(r"[-_.]+", "-", said["Name"]).lower()
    return name, {
        "version": said["Version"],
        "requires": said.get_all("Requires-Dist", []),
        "requires_python": said["Requires-Python"] or "",
    }


def main(arguments: list[str]) -> None:
    """Do what the two arguments ask."""
    match arguments:
        case [name, "wheels"]:
            relock_wheels(installed.path("images") / name)
        case [name, "debs"]:
            relock_debs(name, installed.path("images") / name)
        case _:
            raise RequestError("two words are needed", remedy="NAME wheels, or NAME debs")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VerifierError as fault:
        sys.exit(str(fault))
