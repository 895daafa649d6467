"""How does a folder of a repository come to lie on disk? File by file, without git writing any.

No checkout: no filter, attribute, hook or link of the repository has a say. What a submission may
not hold is refused by name before the first byte is written.
"""

from __future__ import annotations

from pathlib import Path

from verifier.errors import BadSubmission
from verifier.submission.candidates import Folder
from verifier.submission.contents import leaves_of
from verifier.submission.gathering import SUBMISSION_BOUNDS
from verifier.submission.repository import Repository
from verifier.submission.walk import shown


def export(repository: Repository, folder: Folder, into: Path) -> tuple[str, ...]:
    """Write the files of `folder` below the new folder `into`; the names that were left out.

    Raises BadSubmission naming the path for what a submission may not hold, for files that the
    clone does not have, and beyond the bounds; OSError when `into` cannot be written.
    """
    where = f"{repository.path}:{folder.path}"
    leaves = leaves_of(repository, folder)
    if leaves.objections:
        first = leaves.objections[0]
        more = len(leaves.objections) - 1
        raise BadSubmission(
            f"{first.reason}{f', and {more} more such objections' if more else ''}",
            file=where,
            place=first.path,
            remedy="a submission holds regular files and folders only, within the limits",
        )
    into.mkdir()
    left = SUBMISSION_BOUNDS.total_bytes
    for path, leaf in leaves.files.items():
        content = repository.blob(leaf.id, left)
        if content is None:
            raise _unavailable(repository, where, path, leaf.id, left)
        left -= len(content)
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    return tuple(leaves.ignored)


def _unavailable(
    repository: Repository, where: str, path: str, identity: str, left: int
) -> BadSubmission:
    head = repository.objects.header(identity)
    if head is not None and head.size > left:
        return BadSubmission(
            f"goes beyond {SUBMISSION_BOUNDS.total_bytes} bytes in all",
            file=where,
            place=shown(path),
        )
    return BadSubmission(
        "is not in this clone",
        file=where,
        place=shown(path),
        remedy=f"git -C {repository.path} cat-file -e {identity} fetches it where the clone is"
        " a partial one; else clone again",
    )
