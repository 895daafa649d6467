"""Which bytes, exactly, were submitted? Copies them into the store, frozen and named by digest.

Must never execute anything of a submission and never follow a link in it. From here on every room
reads the frozen copy, so what was weighed is what was trained.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.scratch import temporary
from verifier.submission.archive import unpack
from verifier.submission.export import export
from verifier.submission.gathering import IGNORED, SUBMISSION_BOUNDS
from verifier.submission.manifest import Script, Submission, read_submission
from verifier.submission.names import Names
from verifier.submission.opened import InGit, opened
from verifier.submission.pulled import quick_key, remember, remembered
from verifier.submission.reference import GivenFolder, GivenTarball, parse
from verifier.submission.shelf import make_read_only, place
from verifier.submission.walk import (
    Entry,
    Item,
    Listing,
    copy_exactly,
    listing,
    manifest_digest,
    open_beneath,
    shown,
)


def pull(reference: str, store: Path) -> Submission | Script:
    """Freeze the submission that `reference` names: a folder, a tarball, or a place in git.

    It is copied to `store`/submissions/<digest>, read-only; the digest is the sha256 of its
    canonical manifest (path, size, sha256 of every file), so it is the same wherever the files
    came from. `__pycache__` and `.git` are left out and named in `Submission.ignored`.

    Raises RequestError when there is no such thing or no submission in it, BadSubmission naming
    the path when it holds what a submission may not hold, MissingTool when git is needed and not
    there, StorageFault when the store cannot be written.
    """
    named = parse(reference)
    shelf = store / "submissions"
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with temporary("pulling", shelf) as scratch:
            match named:
                case GivenFolder(path):
                    return _freeze_folder(path, shelf, scratch)
                case GivenTarball(path):
                    folder = unpack(path, scratch / "unpacked", SUBMISSION_BOUNDS)
                    return _freeze_folder(folder, shelf, scratch)
                case in_git:
                    folder = scratch / "exported"
                    ignored = _exported(reference, in_git, folder)
                    return _freeze_folder(folder, shelf, scratch, ignored)
    except OSError as fault:
        raise StorageFault(f"{shelf}: {fault.strerror or fault}") from fault


def _exported(reference: str, named: InGit, folder: Path) -> tuple[str, ...]:
    with opened(named) as found:
        chosen = found.request.folder
        if chosen is None:
            why = found.request.fault or "; ".join(found.request.notes)
            raise RequestError(f"{reference}: {why}")
        return export(found.repository, chosen, folder)


def _freeze_folder(
    folder: Path, shelf: Path, scratch: Path, ignored: tuple[str, ...] = ()
) -> Submission | Script:
    found = listing(folder, SUBMISSION_BOUNDS, IGNORED)
    _refuse_objections(folder, found)
    _refuse_collisions(folder, found.entries)
    key = quick_key(folder, found.entries)
    items = _same_as(remembered(shelf, key), folder, found.entries)
    if items is None:
        copy = scratch / "copy"
        items = _copied(folder, found.entries, copy)
        make_read_only(copy)
        home = shelf / manifest_digest(items)
        if home.exists():
            _check_still_itself(home, home.name)
        else:
            place(copy, home)
        remember(shelf, key, home.name)
    digest = manifest_digest(items)
    files = tuple(item.path for item in items)
    return read_submission(
        shelf / digest, digest=digest, files=files, ignored=(*ignored, *found.ignored)
    )


def frozen(folder: Path, files: tuple[str, ...]) -> Submission | Script:
    """The submission that lies in `folder`, whose regular files are `files`, named by its digest.

    Raises BadSubmission as `pull` does.
    """
    found = listing(folder, SUBMISSION_BOUNDS, IGNORED)
    _refuse_objections(folder, found)
    _refuse_collisions(folder, found.entries)
    items = _hashed(folder, found.entries)
    paths = tuple(item.path for item in items)
    if set(paths) != set(files):
        raise BadSubmission("holds what is no part of a submission", file=folder)
    return read_submission(folder, digest=manifest_digest(items), files=paths, ignored=())


def _same_as(home: Path | None, folder: Path, entries: Iterable[Entry]) -> tuple[Item, ...] | None:
    """The files of `folder`, hashed, when the frozen copy `home` is of just these."""
    if home is None:
        return None
    items = _hashed(folder, entries)
    if manifest_digest(items) != home.name:
        return None
    _check_still_itself(home, home.name)
    return items


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
    names = Names()
    for entry in entries:
        if reason := names.clash(entry.path):
            raise BadSubmission(reason, file=folder, place=shown(entry.path))


def _copied(folder: Path, entries: Iterable[Entry], copy: Path) -> tuple[Item, ...]:
    copy.mkdir()
    items = []
    for entry in entries:
        if entry.is_folder:
            (copy / entry.path).mkdir()
            continue
        with (
            open_beneath(folder, entry.path) as source,
            (copy / entry.path).open("xb") as target,
        ):
            items.append(_item(folder, entry, source, target))
    return tuple(items)


def _hashed(folder: Path, entries: Iterable[Entry]) -> tuple[Item, ...]:
    items = []
    for entry in entries:
        if not entry.is_folder:
            with open_beneath(folder, entry.path) as source, open(os.devnull, "wb") as nowhere:
                items.append(_item(folder, entry, source, nowhere))
    return tuple(items)


def _item(folder: Path, entry: Entry, source: IO[bytes], target: IO[bytes]) -> Item:
    """Copy one file and say what it was. Raises BadSubmission when it changed meanwhile."""
    try:
        digest = copy_exactly(source, target, entry.size)
        if source.read(1):
            raise EOFError("it grew")
    except EOFError:
        raise BadSubmission(
            "changed while it was read", file=folder, place=shown(entry.path)
        ) from None
    return Item(entry.path, entry.size, digest)


def _check_still_itself(home: Path, digest: str) -> None:
    found = listing(home, SUBMISSION_BOUNDS)
    if found.objections or manifest_digest(_hashed(home, found.entries)) != digest:
        raise StorageFault(
            f"{home} is no longer what its name says", remedy="delete that folder and run again"
        )
