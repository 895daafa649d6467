"""Which bytes, exactly, were submitted? Copies them into the store, frozen and named by digest.

Must never execute anything of a submission and never follow a link in it. From here on every room
reads the frozen copy, so what was weighed is what was trained.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.submission.archive import unpack
from verifier.submission.manifest import Submission, read_submission
from verifier.submission.shelf import make_read_only, place
from verifier.submission.walk import (
    Bounds,
    Entry,
    Item,
    Listing,
    copy_exactly,
    listing,
    manifest_digest,
    open_beneath,
    shown,
)

SUBMISSION_BOUNDS = Bounds(files=2_000, total_bytes=128_000_000)
IGNORED = ("__pycache__", ".git")
_LATER = re.compile(r"^[a-z][a-z0-9+.-]*://|^git@|#|@[0-9A-Za-z/_-]+\.\.", re.IGNORECASE)


def pull(reference: str, store: Path) -> Submission:
    """Freeze the submission that `reference` (a folder or a tarball) names.

    It is copied to `store`/submissions/<digest>, read-only; the digest is the sha256 of its
    canonical manifest (path, size, sha256 of every file). `__pycache__` and `.git` are left out
    and named in `Submission.ignored`.

    Raises RequestError when there is no such folder or tarball, BadSubmission naming the path when
    it holds what a submission may not hold, StorageFault when the store cannot be written.
    """
    given = Path(reference).resolve()
    shelf = store / "submissions"
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pulling-", dir=shelf) as scratch:
            if given.is_dir():
                return _freeze_folder(given, shelf, Path(scratch))
            if given.is_file():
                folder = unpack(given, Path(scratch) / "unpacked", SUBMISSION_BOUNDS)
                return _freeze_folder(folder, shelf, Path(scratch))
    except OSError as fault:
        raise StorageFault(f"{shelf}: {fault.strerror or fault}") from fault
    if _LATER.search(reference):
        raise RequestError(
            f"{reference}: git references and pull requests cannot be pulled yet by this version",
            remedy="check it out and name the submission's folder, or a tarball of it",
        )
    raise RequestError(f"{reference}: there is no such folder or tarball")


def _freeze_folder(folder: Path, shelf: Path, scratch: Path) -> Submission:
    found = listing(folder, SUBMISSION_BOUNDS, IGNORED)
    _refuse_objections(folder, found)
    _refuse_collisions(folder, found.entries)
    copy = scratch / "copy"
    items = _copied(folder, found.entries, copy)
    digest = manifest_digest(items)
    home = shelf / digest
    if home.exists():
        _check_still_itself(home, digest)
    else:
        make_read_only(copy)
        place(copy, home)
    files = tuple(item.path for item in items)
    return read_submission(home, digest=digest, files=files, ignored=found.ignored)


def _refuse_objections(folder: Path, found: Listing) -> None:
    if found.objections:
        first = found.objections[0]
        more = len(found.objections) - 1
        raise BadSubmission(
            f"{first.reason}{f', and {more} more such objections' if more else ''}",
            file=folder,
            place=first.path,
            remedy="a submission holds regular files and folders only, within the limits",
        )


def _refuse_collisions(folder: Path, entries: Iterable[Entry]) -> None:
    """Two paths that one file system could take for one: each machine would run other code."""
    seen: dict[str, str] = {}
    for entry in entries:
        key = unicodedata.normalize("NFC", entry.path.casefold())
        if key in seen:
            raise BadSubmission(
                f"differs from {shown(seen[key])} only in case or composition",
                file=folder,
                place=shown(entry.path),
            )
        seen[key] = entry.path


def _copied(folder: Path, entries: Iterable[Entry], copy: Path) -> tuple[Item, ...]:
    copy.mkdir()
    items = []
    for entry in entries:
        if entry.is_folder:
            (copy / entry.path).mkdir()
            continue
        try:
            with (
                open_beneath(folder, entry.path) as source,
                (copy / entry.path).open("xb") as target,
            ):
                digest = copy_exactly(source, target, entry.size)
                if source.read(1):
                    raise EOFError("it grew")
        except EOFError:
            raise BadSubmission(
                "changed while it was read", file=folder, place=shown(entry.path)
            ) from None
        items.append(Item(entry.path, entry.size, digest))
    return tuple(items)


def _check_still_itself(home: Path, digest: str) -> None:
    items = []
    found = listing(home, SUBMISSION_BOUNDS)
    for entry in found.entries:
        if not entry.is_folder:
            with open_beneath(home, entry.path) as source, open(os.devnull, "wb") as nowhere:
                items.append(
                    Item(entry.path, entry.size, copy_exactly(source, nowhere, entry.size))
                )
    if found.objections or manifest_digest(items) != digest:
        raise StorageFault(
            f"{home} is no longer what its name says", remedy="delete that folder and run again"
        )
