"""What exactly will run? Makes a root file system from a recipe, once, or finds it in the store.

`STORE/roots/<digest>/` holds `root.tar`, its extraction `folder/` and `facts.json`;
`STORE/roots/recipes/<key>` names the digest that a recipe led to, with the record of Debian's
packages and without. Whoever boxes a root hashes its tar again, so that finding one does not. Must
never fall back to a tag or an unlocked wheel.
"""

from __future__ import annotations

import fcntl
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from verifier.errors import ImageFault, StorageFault
from verifier.image import base, canonical, entries, environment, recipe
from verifier.image.base import Base
from verifier.image.entries import Entry
from verifier.image.locks import LockedDeb, differences
from verifier.image.recipe import Recipe
from verifier.image.requirements import extended
from verifier.image.wheel_entries import of_wheel
from verifier.image.wheels import collect
from verifier.records import ImageFacts, Root
from verifier.scratch import beside_of, temporary
from verifier.watch import Unwatched, Watch

# Counted up whenever the same recipe and locks would make other bytes.
BUILDER = 2
SHOWN_DIFFERENCES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What the store keeps about a root beside its tar."""

    digest: str
    recipe: str
    python: str
    tar_bytes: int
    debs: tuple[LockedDeb, ...]
    packages: dict[str, str]


_BUILT = TypeAdapter(Built)


def build(
    name: str, store: Path, *, locked: bool, watch: Watch | None = None
) -> tuple[Root, ImageFacts]:
    """The image of recipe `name`, from the store if it is there.

    1. Read the recipe and its locks.
    2. Find what they led to before; else make it, if this machine can.
    3. Compare the Debian packages with their lock.
    4. Unpack, if that was not done before.

    With `locked` a Debian package that differs from its lock is an ImageFault naming it, without
    it a note. Where no root file system can be made, the answer is a virtual environment from the
    same lock, not pinned; with `locked`, MissingTool. Raises RequestError for an unknown recipe,
    BadInput for a damaged one, ImageFault and StorageFault.
    """
    # 1. Read.
    return _built(recipe.load(name), store, locked=locked, watch=watch or Unwatched())


def build_with(
    name: str, requirements: bytes, packages: Iterable[str], store: Path, *, watch: Watch
) -> tuple[Root, ImageFacts]:
    """The image of recipe `name` with a submission's requirements.txt and Debian packages in it.

    Raises BadSubmission for what cannot be required, else as `build` does.
    """
    wanted = extended(recipe.load(name), requirements, packages, store, watch)
    return _built(wanted, store, locked=False, watch=watch)


def _built(wanted: Recipe, store: Path, *, locked: bool, watch: Watch) -> tuple[Root, ImageFacts]:
    # 2. Find or make.
    roots = store / "roots"
    with _one_at_a_time(roots):
        built = _find(roots, wanted)
        if built is None:
            mode = base.way()
            if mode is None:
                if locked:
                    raise base.why_not()
                return environment.build(wanted, store, why=str(base.why_not()), watch=watch)
            built = _make(wanted, store, mode, locked=locked, watch=watch)
            for pointer in _pointers(roots, wanted):
                _write(pointer, built.digest.encode())
        # 3. Compare.
        _compare(wanted, built.debs, locked=locked, watch=watch)
        # 4. Unpack.
        return extract(root_of(store, built), watch), facts_of(built)


def unrooted(name: str, store: Path, *, why: str, watch: Watch) -> tuple[Root, ImageFacts]:
    """A virtual environment from the recipe's lock, for boxes that cannot change their root.

    Not pinned, and `why` is said. Raises as `build` does.
    """
    wanted = recipe.load(name)
    with _one_at_a_time(store / "roots"):
        return environment.build(wanted, store, why=why, watch=watch)


def find_unrooted(name: str, store: Path) -> tuple[Root, ImageFacts] | None:
    """The virtual environment of recipe `name` if the store has it: makes nothing."""
    return environment.find(recipe.load(name), store)


def find(name: str, store: Path) -> tuple[Root, ImageFacts] | None:
    """The image of recipe `name` if the store has it: makes nothing."""
    built = _find(store / "roots", recipe.load(name))
    return None if built is None else (root_of(store, built), facts_of(built))


def forget(name: str, store: Path) -> None:
    """The next build of recipe `name` asks Debian anew. Roots that are there stay."""
    for pointer in _pointers(store / "roots", recipe.load(name)):
        pointer.unlink(missing_ok=True)


def extract(root: Root, watch: Watch | None = None) -> Root:
    """`root` with its `folder`, unpacked beside the tar if it was not yet.

    Raises ImageFault when the tar is not the one of `root.digest`.
    """
    if root.tar is None:
        raise ImageFault(f"image {root.digest[:12]} has no tar to unpack")
    place = root.tar.with_name("folder")
    if not place.is_dir():
        canonical.unpack(root, place, watch or Unwatched())
    return replace(root, folder=place)


def root_of(store: Path, built: Built) -> Root:
    """Where the store has it. `folder` is None until it is unpacked."""
    folder = store / "roots" / built.digest
    unpacked = folder / "folder"
    return Root(
        digest=built.digest,
        python=entries.INTERPRETER,
        pinned=True,
        tar=folder / "root.tar",
        folder=unpacked if unpacked.is_dir() else None,
    )


def read_built(text: bytes) -> Built:
    """A `facts.json`. Raises pydantic's ValidationError."""
    return _BUILT.validate_json(text)


def facts_of(built: Built) -> ImageFacts:
    """What the report says about it: Python's packages by name, Debian's as `debian/NAME`."""
    debian = {f"debian/{deb.name}": deb.version for deb in built.debs}
    return ImageFacts(
        recipe=built.recipe,
        root_digest=built.digest,
        pinned=True,
        python=built.python,
        packages=built.packages | debian,
    )


def _make(wanted: Recipe, store: Path, mode: str, *, locked: bool, watch: Watch) -> Built:
    wheels = collect(wanted, store, watch)
    with temporary("making", store / "roots") as scratch:
        with watch.phase(f"install Debian {wanted.text.suite}", None):
            made = base.bootstrap(wanted.text, mode, scratch)
        if locked:
            _compare(wanted, made.debs, locked=locked, watch=watch)
        tar = scratch / "root.tar"
        digest = _compose(wanted, made, wheels, tar, watch)
        built = Built(
            digest=digest,
            recipe=wanted.name,
            python=_version(made.debs, f"python{wanted.text.python}").partition("-")[0],
            tar_bytes=tar.stat().st_size,
            debs=made.debs,
            packages={wheel.name: wheel.version for wheel in wanted.wheels},
        )
        folder = store / "roots" / digest
        folder.mkdir(exist_ok=True)
        tar.replace(folder / "root.tar")
        _write(folder / "facts.json", _BUILT.dump_json(built, indent=1))
        return built


def _compose(wanted: Recipe, made: Base, wheels: tuple[Path, ...], tar: Path, watch: Watch) -> str:
    _require_as_said(wanted, made.debs)
    try:
        # Random access to the tar is what lets its files be written in another order.
        with tarfile.open(made.tar, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            found = entries.together(
                entries.of_tar(archive), *(of_wheel(wheel, wanted) for wheel in wheels)
            )
            kept = canonical.pruned(found, wanted.text.prune)
            _require_nothing_compiled(kept)
            return canonical.write(kept, tar, wanted.text.epoch, watch)
    except tarfile.TarError as fault:
        raise ImageFault(f"mmdebstrap's tar cannot be read: {fault}") from fault


def _require_as_said(wanted: Recipe, debs: tuple[LockedDeb, ...]) -> None:
    """The wheels were chosen for the Python and the C library that the recipe says Debian has."""
    text = wanted.text
    for package, version in ((f"python{text.python}", text.python), ("libc6", f"2.{text.glibc}")):
        if not re.match(rf"{re.escape(version)}(?!\d)", _version(debs, package)):
            raise ImageFault(
                f"Debian {text.suite} brought {package} {_version(debs, package) or 'not at all'}, "
                f"the recipe says {version}",
                remedy="amend the recipe",
            )


def _require_nothing_compiled(kept: Mapping[str, Entry]) -> None:
    for path in kept:
        if path.endswith(".pyc"):
            raise ImageFault(
                f"{path}: is compiled, which differs from build to build", remedy="prune it"
            )


def _compare(wanted: Recipe, debs: tuple[LockedDeb, ...], *, locked: bool, watch: Watch) -> None:
    lock = wanted.folder / recipe.DEBS_FILE
    if wanted.debs is None:
        if locked:
            raise ImageFault(f"{lock} is not there to compare with", remedy="record a build first")
        watch.note(f"the Debian packages are compared with nothing: there is no {lock.name}")
        return
    differing = differences(wanted.debs, debs)
    if not differing:
        return
    shown = "; ".join(differing[:SHOWN_DIFFERENCES])
    more = len(differing) - SHOWN_DIFFERENCES
    text = shown + (f"; and {more} more" if more > 0 else "")
    if locked:
        raise ImageFault(
            f"{lock}: {text}",
            remedy="Debian moved on: build without --locked, or record the packages anew",
        )
    watch.note(f"the image is not the one of {lock.name}: {text}")


def _version(debs: tuple[LockedDeb, ...], name: str) -> str:
    return next((deb.version for deb in debs if deb.name == name), "")


def _pointers(roots: Path, wanted: Recipe) -> tuple[Path, Path]:
    """What says where the image of this recipe and record is, and of this recipe at all."""
    digests = (wanted.digest, wanted.unrecorded_digest)
    keys = (recipe.digest(str(BUILDER).encode(), digest.encode()) for digest in digests)
    recorded, unrecorded = (roots / "recipes" / key for key in keys)
    return recorded, unrecorded


def _find(roots: Path, wanted: Recipe) -> Built | None:
    recorded, unrecorded = _pointers(roots, wanted)
    if (built := _read(recorded)) is not None:
        return built
    # A record that was written after the build it records does not make that another image.
    built = _read(unrecorded)
    same = built is not None and wanted.debs and not differences(wanted.debs, built.debs)
    return built if same else None


def _read(pointer: Path) -> Built | None:
    try:
        folder = pointer.parent.with_name(pointer.read_text(encoding="ascii"))
        built = _BUILT.validate_json((folder / "facts.json").read_bytes())
        # A tar cut short would be noticed by its digest anyway, but only after minutes.
        whole = (folder / "root.tar").stat().st_size == built.tar_bytes
    except (OSError, ValueError):
        # What cannot be read is made again; nothing rests on it.
        return None
    return built if whole and built.digest == folder.name else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    beside = beside_of(path)
    beside.write_bytes(content)
    beside.replace(path)


@contextmanager
def _one_at_a_time(roots: Path) -> Iterator[None]:
    try:
        roots.mkdir(parents=True, exist_ok=True)
        with (roots / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as fault:
        raise StorageFault(f"{fault.filename or roots}: {fault.strerror or fault}") from fault
