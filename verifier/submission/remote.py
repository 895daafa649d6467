"""How do the commits of a repository elsewhere come here? Into a bare clone of our own.

Commits and trees come first, without any file; then just the files of the folders that are read.
For one pull request history is deepened until it meets main's, since a head alone cannot tell what
it adds. Bounded in bytes and time. Must never use a transport that was not asked for, ask for a
password, or write outside the clone it was given.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from verifier.errors import RequestError, StorageFault
from verifier.submission import git
from verifier.submission.reference import checked_url
from verifier.submission.repository import Repository

ONE_PATIENCE = git.Patience(seconds=600.0, file_bytes=512_000_000)
ALL_PATIENCE = git.Patience(seconds=3600.0, file_bytes=8_000_000_000)
DEPTHS = (64, 1024, 0)
IDS_AT_ONCE = 500
# Text is read up to this size (`contents.READ_BYTES`); a triage needs no larger file.
FILE_LIMIT = "blob:limit=8388609"
MAIN = "+HEAD:refs/remotes/origin/main"
HEADS = "+refs/pull/*/head:refs/pull/*/head"
_WANTED = ("fetch", "--no-tags", "--no-recurse-submodules", "--quiet", "--force")
# Who says which commits are here is taken to have their files, and is sent none.
_SAY_NOTHING = "fetch.negotiationAlgorithm=noop"
_UNKNOWN = re.compile(r"find remote ref|not our ref|no such ref", re.IGNORECASE)
_NO_ENTRY = re.compile(r"terminal prompts disabled|not found|Permission denied|denied to")


def fetched(url: str, store: Path) -> Path:
    """The bare clone of `url` in the store, with main and every pull request's head, up to date.

    The first time takes minutes; later ones bring what is new. Raises RequestError when the
    repository refuses, MachineFault when it takes too long, StorageFault without room.
    """
    name = hashlib.sha256(checked_url(url).encode()).hexdigest()[:24]
    clone = store / "repositories" / f"{name}.git"
    with _locked(clone):
        make_clone(clone, url)
        arguments = [*_WANTED, "--prune", f"--filter={FILE_LIMIT}", "origin", MAIN, HEADS]
        _fetch(clone, url, arguments, ALL_PATIENCE)
    return clone


def fetch_pull(clone: Path, url: str, number: int) -> None:
    """Bring one pull request's commits and trees into a fresh `clone`, down to the merge base."""
    make_clone(clone, url)
    refs = [MAIN, f"+refs/pull/{number}/head:refs/pull/{number}/head"]
    for depth in DEPTHS:
        deep = f"--depth={depth}" if depth else "--unshallow"
        if depth == 0 and not (clone / "shallow").exists():
            return
        _fetch(clone, url, [*_WANTED, "--filter=blob:none", deep, "origin", *refs], ONE_PATIENCE)
        if _meets_main(clone, number):
            return


def fetch_ref(clone: Path, url: str, ref: str) -> str:
    """Bring the one commit that a branch, tag or id names into a fresh `clone`; its id."""
    make_clone(clone, url)
    wanted = [*_WANTED, "--filter=blob:none", "--depth=1", "origin"]
    _fetch(clone, url, [*wanted, f"+{ref}:refs/heads/wanted"], ONE_PATIENCE)
    with Repository.at(clone) as repository:
        return repository.resolve("refs/heads/wanted")


def fetch_files(clone: Path, url: str, identities: Iterable[str]) -> None:
    """Bring the files with these ids, as far as the clone has not got them yet."""
    with Repository.at(clone) as repository:
        lacking = sorted({i for i in identities if repository.objects.header(i) is None})
    for start in range(0, len(lacking), IDS_AT_ONCE):
        some = lacking[start : start + IDS_AT_ONCE]
        words = [*_WANTED, "--filter=blob:none", "origin", *some]
        _fetch(clone, url, words, ONE_PATIENCE, (_SAY_NOTHING,))


def make_clone(clone: Path, url: str) -> None:
    """An empty bare repository that knows `url` as its origin; one that is there stays."""
    try:
        for name in ("objects", "refs"):
            (clone / name).mkdir(parents=True, exist_ok=True)
        (clone / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (clone / "config").write_text(
            "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
            "[extensions]\n\tpartialclone = origin\n"
            f'[remote "origin"]\n\turl = "{checked_url(url)}"\n\tpromisor = true\n',
            encoding="utf-8",
        )
    except OSError as fault:
        raise StorageFault(f"{clone}: {fault.strerror or fault}") from fault


def _meets_main(clone: Path, number: int) -> bool:
    """Whether the history that is here reaches main's on every way."""
    with Repository.at(clone) as repository:
        main = repository.ancestry.own(repository.main, ())
        own = repository.ancestry.own(
            repository.heads[number], {commit.id for commit in main.commits}
        )
    return bool(own.borders) and not own.cut


def _fetch(
    clone: Path,
    url: str,
    arguments: Sequence[str],
    patience: git.Patience,
    settings: Sequence[str] = (),
) -> None:
    protocols = "ssh" if "://" not in url else url.partition("://")[0].lower()
    try:
        git.run(clone, arguments, patience, protocols=protocols, settings=settings)
    except RequestError as refused:
        if _UNKNOWN.search(refused.message):
            raise RequestError(
                f"{url} has no such ref or pull request", remedy="look it up on the forge"
            ) from refused
        if _NO_ENTRY.search(refused.message):
            raise RequestError(
                f"{url} cannot be read without a password, or is not there",
                remedy="check the name, or clone it by hand and name that clone",
            ) from refused
        raise


@contextmanager
def _locked(clone: Path) -> Iterator[None]:
    """One fetch into a clone at a time."""
    try:
        clone.parent.mkdir(parents=True, exist_ok=True)
        with clone.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as fault:
        raise StorageFault(f"{clone}: {fault.strerror or fault}") from fault
