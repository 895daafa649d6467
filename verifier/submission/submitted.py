"""What does REF hold, in memory, for a reader that runs nothing?

Any reference, on disk or in git, comes out alike: one `Submitted` for each candidate, the
submission first. A submission need not be one that can be verified: every real folder can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from verifier.errors import BadSubmission, NothingSubmitted
from verifier.scratch import temporary
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate before it is read; `load` reads it, in this process or a fork of it.

    `load` raises StorageFault when a folder on disk cannot be opened.
    """

    folder: str
    load: Callable[[], Contents]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a reference names, the submission first; `fault` says why git cannot tell, then none."""

    candidates: tuple[Candidate, ...]
    request: PullRequest | None = None
    fault: str = ""


@contextmanager
def candidates(reference: str) -> Iterator[Candidates]:
    """Find what `reference` names and keep it within reach.

    Raises RequestError when there is no such thing, NothingSubmitted when it adds no submission,
    BadSubmission for a tarball that cannot be unpacked, MissingTool without git where it is needed.
    """
    match parse(reference):
        case GivenFolder(path):
            yield Candidates((Candidate(str(path), partial(on_disk, path)),))
        case GivenTarball(path):
            with temporary("unpacked") as scratch:
                folder = unpack(path, scratch / "unpacked", SUBMISSION_BOUNDS)
                yield Candidates((Candidate(str(path), partial(on_disk, folder)),))
        case in_git:
            with opened(in_git) as found:
                request = found.request
                if not request.folders and not request.fault:
                    raise NothingSubmitted(f"{reference}: {'; '.join(request.notes)}")
                # Whoever loads has a git of its own: pipes are not for two.
                found.repository.objects.close()
                loaded = tuple(
                    Candidate(folder.path, partial(contents_of, found.repository, folder))
                    for folder in request.folders
                )
                yield Candidates(loaded, request, request.fault)


def submitted(reference: str) -> tuple[Submitted, ...]:
    """Read what `reference` names, every candidate of it, the submission first.

    Raises as `candidates` does, and BadSubmission where git cannot tell what it adds.
    """
    with candidates(reference) as found:
        if found.fault:
            raise BadSubmission(found.fault, file=reference)
        return tuple(
            Submitted(folder=each.folder, contents=each.load(), request=found.request)
            for each in found.candidates
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
