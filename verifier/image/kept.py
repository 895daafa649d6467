"""What of an image goes with a verdict? Its locks, package by package, as it was built.

Must never take a lock's own word for it: whoever reads one compares it with the ledger's packages,
and with the lock that ships with this version.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from verifier.errors import BadInput, RequestError
from verifier.image import recipe
from verifier.image.build import read_built
from verifier.image.locks import read_debs, read_wheels, write_debs, write_wheels
from verifier.image.recipe import Recipe
from verifier.records import ImageFacts

DEBIAN = "debian/"


def lock_files(image: ImageFacts, store: Path) -> dict[str, bytes]:
    """The locks that say what `image` is made of, by name: every package with its sha256.

    Debian's as the store keeps them of its build, wheels as this version locks them; what is not
    known any more is left out.
    """
    found: dict[str, bytes] = {}
    facts = store / "roots" / image.root_digest / "facts.json"
    if image.pinned and facts.is_file():
        try:
            debs = read_built(facts.read_bytes()).debs
        except ValidationError:
            debs = ()
        if {deb.name: deb.version for deb in debs} == _packages(image, debian=True):
            found[recipe.DEBS_FILE] = write_debs(debs).encode()
    shipped = _shipped(image)
    wheels = () if shipped is None else shipped.wheels
    if wheels and {wheel.name: wheel.version for wheel in wheels} == _packages(image, debian=False):
        found[recipe.WHEELS_FILE] = write_wheels(wheels).encode()
    return found


def wrong_lock(path: Path, image: ImageFacts) -> str:
    """Why this lock is not of the packages of `image`, or ""."""
    debian = path.name == recipe.DEBS_FILE
    try:
        if debian:
            debs = read_debs(path)
            locked = {deb.name: deb.version for deb in debs}
            same = write_debs(debs).encode() == path.read_bytes()
        else:
            wheels = read_wheels(path)
            locked = {wheel.name: wheel.version for wheel in wheels}
            same = write_wheels(wheels).encode() == path.read_bytes()
    except BadInput as wrong:
        return wrong.message
    if locked != _packages(image, debian=debian):
        return "locks other packages than the ledger's image has"
    return "" if same else "is not written as the verifier writes it"


def is_shipped(path: Path, image: ImageFacts) -> bool:
    """Whether this lock says just what the one says that ships with this version."""
    shipped = _shipped(image)
    if shipped is None:
        return False
    if path.name == recipe.DEBS_FILE:
        return write_debs(shipped.debs or ()).encode() == path.read_bytes()
    return write_wheels(shipped.wheels).encode() == path.read_bytes()


def _shipped(image: ImageFacts) -> Recipe | None:
    try:
        return recipe.load(image.recipe)
    except RequestError:
        return None


def _packages(image: ImageFacts, *, debian: bool) -> dict[str, str]:
    return {
        name.removeprefix(DEBIAN): version
        for name, version in image.packages.items()
        if name.startswith(DEBIAN) is debian
    }
