"""What of an image goes with a verdict? What it was made of, package by package, as it was built.

Must never take an image's own word for it: whoever reads this compares it with the ledger.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from verifier.errors import BadInput, RequestError
from verifier.image import recipe
from verifier.image.build import facts_of, read_built
from verifier.image.locks import read_wheels
from verifier.records import ImageFacts

DEBIAN = "debian/"


def lock_files(image: ImageFacts, store: Path) -> dict[str, Path]:
    """The files that say what `image` is made of, by their names in a bundle.

    `facts.json`: its digest and every Debian package with its sha256; `requirements.lock`: every
    wheel with its sha256. Those that the store or this version no longer has are left out.
    """
    found: dict[str, Path] = {}
    facts = store / "roots" / image.root_digest / "facts.json"
    if image.pinned and facts.is_file():
        found["facts.json"] = facts
    try:
        wheels = recipe.load(image.recipe).folder / recipe.WHEELS_FILE
    except RequestError:
        return found
    if not other_wheels(wheels, image):
        found["requirements.lock"] = wheels
    return found


def other_facts(path: Path, image: ImageFacts) -> str:
    """Why `facts.json` does not describe `image`, or "". Raises OSError."""
    try:
        found = facts_of(read_built(path.read_bytes()))
    except ValidationError:
        return "is no description of an image"
    return "" if found == image else "describes another image than the ledger's"


def other_wheels(path: Path, image: ImageFacts) -> str:
    """Why `requirements.lock` does not lock the wheels of `image`, or ""."""
    try:
        locked = {wheel.name: wheel.version for wheel in read_wheels(path)}
    except BadInput as wrong:
        return wrong.message
    installed = {
        name: version for name, version in image.packages.items() if not name.startswith(DEBIAN)
    }
    return "" if locked == installed else "locks other packages than the ledger's image has"
