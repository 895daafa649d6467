"""How is a reference into a git repository opened? As a clone, and the request compared with main.

What lies elsewhere is fetched into a scratch clone that goes away afterwards; a local clone is
read where it is. Must never leave a process or a scratch folder behind, whatever goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from verifier.errors import RequestError
from verifier.scratch import temporary
from verifier.submission import remote
from verifier.submission.candidates import Folder, named
from verifier.submission.contents import leaves_of
from verifier.submission.effort import Overspent
from verifier.submission.pull_request import PullRequest, Shape, compared, pull_request
from verifier.submission.reference import Added, ClonedPath, ClonedPull, RemotePath, RemotePull
from verifier.submission.repository import Repository
from verifier.submission.walk import shown

InGit = Added | ClonedPath | ClonedPull | RemotePath | RemotePull


@dataclass(frozen=True, slots=True)
class Opened:
    """An open clone and the request in it, the files of all its candidates brought here."""

    repository: Repository
    request: PullRequest


@contextmanager
def opened(reference: InGit) -> Iterator[Opened]:
    """Open what `reference` names. Raises RequestError when there is no such thing."""
    match reference:
        case ClonedPull(clone, number):
            with Repository.at(clone) as repository:
                yield Opened(repository, pull_request(repository, number))
        case Added(clone, base, head):
            with Repository.at(clone) as repository:
                yield Opened(repository, compared(repository, base, head))
        case ClonedPath(clone, ref, path):
            with Repository.at(clone) as repository:
                yield Opened(repository, _at(repository, repository.resolve(ref), path))
        case RemotePull(url, number):
            with _scratch() as clone:
                remote.fetch_pull(clone, url, number)
                with Repository.at(clone) as repository:
                    request = pull_request(repository, number)
                    _fetch_candidates(repository, url, request)
                    yield Opened(repository, request)
        case RemotePath(url, ref, path):
            with _scratch() as clone:
                commit = remote.fetch_ref(clone, url, ref)
                with Repository.at(clone) as repository:
                    request = _at(repository, commit, path)
                    _fetch_candidates(repository, url, request)
                    yield Opened(repository, request)
        case _:
            assert_never(reference)


@contextmanager
def _scratch() -> Iterator[Path]:
    with temporary("clone") as folder:
        yield folder / "clone.git"


def _fetch_candidates(repository: Repository, url: str, request: PullRequest) -> None:
    """Bring the files of every candidate: they are screened, and nothing else is needed."""
    wanted: list[str] = []
    repository.effort.begin()
    for folder in request.folders:
        try:
            wanted.extend(leaf.id for leaf in leaves_of(repository, folder).files.values())
        except Overspent:
            # What is not brought is missing, and whoever reads the folder says so.
            break
        wanted.extend(identity for _, identity in folder.lent)
    repository.effort.end()
    remote.fetch_files(repository.path, url, wanted)
    repository.objects.close()


def _at(repository: Repository, commit: str, path: str) -> PullRequest:
    """A folder at a commit, as a request that is compared with nothing."""
    found = repository.ancestry.commit(commit)
    leaf = repository.trees.at(found.tree, path.encode()) if found else None
    if found is None or leaf is None or not leaf.is_folder:
        raise RequestError(f"{shown(path)}: there is no such folder at {commit[:12]}")
    folder = Folder(path=named(path.encode()), tree=leaf.id, added=True, changed=())
    if not path:
        # The root of a repository that is a submission itself: all of it, not what changed.
        folder = Folder(path=".", tree=leaf.id, added=True, changed=())
    return PullRequest(
        number=0,
        head=commit,
        base="",
        merge="",
        shape=Shape.ONE_FOLDER,
        folder=folder,
        folders=(folder,),
        others=(),
        notes=(),
        author=found.author,
        created="",
        updated="",
    )
