"""What does REF hold, in memory, for a reader that runs nothing?

Any reference, on disk or in git, comes out alike: one `Submitted` for each candidate, the
submission first. A submission need not be one that can be verified: every real folder can be read.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from verifier.errors import NothingSubmitted
from verifier.submission.archive import unpack
from verifier.submission.contents import contents_of
from verifier.submission.gathering import IGNORED, SUBMISSION_BOUNDS, Contents, Gathering
from verifier.submission.names import Names
from verifier.submission.opened import opened
from verifier.submission.pull_request import PullRequest
from verifier.submission.reference import GivenFolder, GivenTarball, parse
from verifier.submission.walk import Objection, listing, open_beneath, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """One candidate. `folder` is its path in the repository or on disk; `request` None on disk."""

    folder: str
    contents: Contents
    request: PullRequest | None = None


def submitted(reference: str) -> tuple[Submitted, ...]:
    """Read what `reference` names, every candidate of it, the submission first.

    Raises RequestError when there is no such thing, NothingSubmitted when it adds no submission,
    BadSubmission for a tarball that cannot be unpacked, MissingTool without git where it is needed.
    """
    match parse(reference):
        case GivenFolder(path):
            return (Submitted(folder=str(path), contents=on_disk(path)),)
        case GivenTarball(path):
            with tempfile.TemporaryDirectory(prefix="verifier-unpacked-") as scratch:
                folder = unpack(path, Path(scratch) / "unpacked", SUBMISSION_BOUNDS)
                return (Submitted(folder=str(path), contents=on_disk(folder)),)
        case in_git:
            with opened(in_git) as found:
                request = found.request
                if not request.folders:
                    raise NothingSubmitted(f"{reference}: {'; '.join(request.notes)}")
                return tuple(
                    Submitted(
                        folder=folder.path,
                        contents=contents_of(found.repository, folder),
                        request=request,
                    )
                    for folder in request.folders
                )


def on_disk(folder: Path) -> Contents:
    """Read a folder on disk. What a submission may not hold is left out and named.

    Raises StorageFault when `folder` cannot be opened.
    """
    found = listing(folder, SUBMISSION_BOUNDS, IGNORED)
    gathering = Gathering()
    gathering.objections.extend(found.objections)
    names = Names()
    for entry in found.entries:
        if reason := names.clash(entry.path):
            gathering.objections.append(Objection(shown(entry.path), reason))
        elif not entry.is_folder:
            gathering.take(entry.path, entry.size, partial(_read, folder, entry.path, entry.size))
    return gathering.contents(found.ignored)


def _read(folder: Path, path: str, size: int) -> bytes | None:
    """The whole file; None when it cannot be opened or is no longer of that size."""
    try:
        with open_beneath(folder, path) as file:
            content = file.read(size + 1)
    except OSError:
        return None
    return content if len(content) == size else None
