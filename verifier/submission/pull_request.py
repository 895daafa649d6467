"""What does a pull request add to main?

A head alone cannot tell: it is compared with the commit where it left main. What is merged already
differs from main in nothing, so there the difference of the merge is shown. Thousands are read in
one pass over the history, without any file's content. Must never judge what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from verifier.errors import RequestError, Unanswered
from verifier.submission.ancestry import Commit
from verifier.submission.candidates import (
    Chooser,
    Folder,
    bound_parents,
    named,
    record_folder,
    touched_records,
)
from verifier.submission.changes import Change, Differences
from verifier.submission.effort import Overspent
from verifier.submission.repository import Repository

OTHERS_AT_MOST = 200
UNANSWERED_AT_MOST = 3
_MERGE = re.compile(r"Merge (?:pull request|PR) #([1-9][0-9]{0,8})\b")
_SQUASH = re.compile(r"\(#([1-9][0-9]{0,8})\)\Z")


class Shape(StrEnum):
    """What a request adds, in the words of R9. The order of reading is that of the values."""

    ONE_FOLDER = "one folder"
    SEVERAL_FOLDERS = "several folders"
    NO_FOLDER = "no folder"
    EMPTY = "empty"
    """Nothing: its head is a commit of main."""
    MERGED = "merged"
    """Nothing any more: main has its commits. What it added is read off the merge."""
    NO_MERGE_BASE = "no merge base"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One pull request, or anything else compared with main. Texts are safe to print.

    `head`, `base` and `merge` are ids of commits: `base` is what it is compared with ("" for
    nothing), `merge` the commit of main's first-parent history that brought it in ("" for none).
    `number` is 0 where there is none. `folder` is the submission, `folders` all candidates with it
    first; `others` are the paths it touches but for those of `folder`, what it deletes there among
    them, at most OTHERS_AT_MOST.
    `created` is the date of the commit that first brought the folder, `updated` the head's.
    `fault` says why it could not be told what it adds, "" where it could.
    """

    number: int
    head: str
    base: str
    merge: str
    shape: Shape
    folder: Folder | None
    folders: tuple[Folder, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]
    author: str
    created: str
    updated: str
    fault: str = ""


def pull_requests(
    repository: Repository, numbers: Iterable[int] | None = None
) -> tuple[PullRequest, ...]:
    """Every pull request whose head the clone has (or just `numbers`), ascending.

    Raises RequestError when the clone has no heads, none of that number, or no main branch.
    """
    heads = repository.heads
    wanted = sorted(heads if numbers is None else set(numbers))
    for number in wanted:
        if number not in heads:
            raise RequestError(
                f"{repository.path} has no head of pull request #{number}",
                remedy=f"git -C {repository.path} fetch origin"
                f" +refs/pull/{number}/head:refs/pull/{number}/head",
            )
    survey = Survey(repository, repository.main)
    return tuple(survey.request(number, heads[number]) for number in wanted)


def pull_request(repository: Repository, number: int) -> PullRequest:
    """One pull request by its number. Raises as `pull_requests` does."""
    return pull_requests(repository, [number])[0]


def compared(repository: Repository, base: str, head: str) -> PullRequest:
    """What `head` adds to `base`, both names of commits.

    Raises RequestError for unknown names, and where the clone has no commit common to both.
    """
    survey = Survey(repository, repository.resolve(base))
    found = survey.request(0, repository.resolve(head))
    if found.shape is Shape.NO_MERGE_BASE:
        raise RequestError(
            f"{repository.path}: {base} and {head} have no commit in common here",
            remedy=f"git -C {repository.path} fetch --unshallow origin (in CI: fetch-depth: 0)",
        )
    return found


@dataclass(slots=True)
class _Reading:
    """What is being found out about one request."""

    number: int
    head: str
    shape: Shape
    tip: Commit
    base: Commit | None
    merge: str = ""
    own: tuple[Commit, ...] = ()
    notes: list[str] = field(default_factory=list)


class Survey:
    """Main's history, read once, and the requests compared with it."""

    def __init__(self, repository: Repository, main: str) -> None:
        """Raises RequestError when the clone does not have the commit `main`."""
        self._objects = repository.objects
        self._effort = repository.effort
        self._unanswered = 0
        self._ancestry = repository.ancestry
        self._trees = repository.trees
        self._chooser = Chooser(repository.trees, repository.ancestry)
        self._line = self._ancestry.first_parents(main)
        if not self._line:
            raise RequestError(f"{repository.path} does not have main's commit {main[:12]}")
        self._on_line = {commit.id: commit for commit in self._line}
        self._brought: dict[str, str] = {}
        self._with: dict[str, tuple[Commit, ...]] = {}
        for commit in reversed(self._line):
            own = self._ancestry.own(commit.id, self._brought)
            self._with[commit.id] = own.commits
            self._brought.update((brought.id, commit.id) for brought in own.commits)
        self._merges = _by_number(self._line)

    def request(self, number: int, head: str) -> PullRequest:
        """Compare the commit `head` with main. What cannot be read is this request's fault.

        Raises Unanswered when git answers about one request after the other no more.
        """
        self._objects.forgive()
        self._effort.begin()
        try:
            found = self._request(number, head)
        except Overspent as too_much:
            return _unreadable(number, head, str(too_much))
        except Unanswered as silence:
            self._unanswered += 1
            if self._unanswered > UNANSWERED_AT_MOST:
                raise
            return _unreadable(number, head, silence.message)
        finally:
            self._effort.end()
        self._unanswered = 0
        return found

    def _request(self, number: int, head: str) -> PullRequest:
        tip = self._ancestry.commit(head)
        if tip is None:
            return _unreadable(number, head, f"its head {self._ancestry.unread(head)}")
        bound_parents(tip)
        if head in self._on_line:
            reading = _Reading(number, head, Shape.EMPTY, tip, tip)
            reading.notes.append("its head is a commit of main itself: it adds nothing")
        elif head in self._brought:
            reading = self._merged(number, head)
        else:
            reading = self._open(number, tip)
        return self._told(reading)

    def _merged(self, number: int, head: str) -> _Reading:
        merge = self._on_line[self._brought[head]]
        base = self._ancestry.commit(merge.parents[0]) if merge.parents else None
        reading = _Reading(number, head, Shape.MERGED, merge, base, merge.id)
        reading.own = self._with[merge.id]
        by = number_of(merge.subject)
        if by not in (0, number):
            reading.notes.append(f"main got its commits with the merge of #{by}")
        return reading

    def _open(self, number: int, tip: Commit) -> _Reading:
        own = self._ancestry.own(tip.id, self._brought)
        base = self._ancestry.commit(self._ancestry.best(own.borders))
        reading = _Reading(number, tip.id, Shape.NO_FOLDER, tip, base, own=own.commits)
        if own.cut:
            reading.notes.append(
                f"the clone's history ends at {own.cut[:12]}: what it adds may be less than shown"
            )
        if base is None:
            reading.shape = Shape.NO_MERGE_BASE
            reading.notes.append("it has no commit in common with main: compared with main's head")
        if merge := self._merges.get(number):
            reading.merge = merge.id
            reading.notes.append(f"merged as {merge.id[:12]}, a commit of main's own")
        return reading

    def _told(self, reading: _Reading) -> PullRequest:
        before = (reading.base or self._line[0]).tree
        after = reading.tip.tree
        found = self._trees.differences(before, after)
        notes = reading.notes
        if found.cut:
            notes.append("it changes more than can be listed: the list is not whole")
        if found.unread:
            notes.append(f"{found.unread} of its folders cannot be read: the list is not whole")
        touched = touched_records(found.changes)
        if reading.shape is Shape.NO_FOLDER:
            reading.shape = _shape(touched, found)
        folders = self._chooser.folders(found.changes, before, after, reading.own)
        if not folders and (found.cut or found.unread):
            # Nothing found where not all was seen is no "nothing".
            return _unreadable(reading.number, reading.head, notes[-1])
        notes.extend(_said_of(folders, touched))
        folder = folders[0] if folders else None
        others_touched, left_out = _others(found.changes, folder)
        if left_out:
            notes.append(f"it touches {left_out} more paths than are listed")
        return PullRequest(
            number=reading.number,
            head=reading.head,
            base=reading.base.id if reading.base else "",
            merge=reading.merge,
            shape=reading.shape,
            folder=folder,
            folders=folders,
            others=others_touched,
            notes=tuple(notes),
            author=_author(reading),
            created=_day(folder.first_at if folder and folder.first_at else reading.tip.authored),
            updated=_day(reading.tip.committed),
        )


def _shape(touched: Sequence[bytes], found: Differences) -> Shape:
    if not found.changes:
        return Shape.EMPTY
    return (Shape.NO_FOLDER, Shape.ONE_FOLDER, Shape.SEVERAL_FOLDERS)[min(len(touched), 2)]


def _others(changes: Sequence[Change], folder: Folder | None) -> tuple[tuple[str, ...], int]:
    """What changes but for the submission's own files, and how many of it are not listed."""
    inside = set(folder.changed) if folder else set()
    below = f"{folder.path}/" if folder and folder.path else None
    outside = []
    for change in changes:
        path = named(change.path)
        is_own = path in inside or bool(below and change.after and path.startswith(below))
        if not is_own:
            outside.append(path)
    return tuple(outside[:OTHERS_AT_MOST]), max(0, len(outside) - OTHERS_AT_MOST)


def _said_of(folders: Sequence[Folder], touched: Sequence[bytes]) -> list[str]:
    """Why the first of `folders` is the submission, where R9 alone does not say so."""
    if not folders:
        return ["it adds no submission: no folder under records/, no submission.json, no script"]
    said = []
    taken = folders[0].path or "the repository's root"
    if not folders[0].path or record_folder(f"{taken}/".encode()) != taken.encode():
        said.append(f"{taken} is no folder of records/ as R9 asks, and is taken for the submission")
    if len(touched) > 1:
        said.append(f"it touches {len(touched)} folders under records/; taken is {taken}")
    if len(folders) > 1:
        rest = ", ".join(folder.path or "the root" for folder in folders[1:4])
        said.append(f"{len(folders) - 1} more could be it: {rest}")
    for path, _ in folders[0].lent:
        said.append(f"the folder holds no code; the request changes {path} outside it")
    return said


def _author(reading: _Reading) -> str:
    """Who wrote the newest own commit that is no merge."""
    plain = [commit for commit in reading.own if len(commit.parents) < 2]
    newest = max(plain, key=lambda commit: (commit.authored, commit.id), default=reading.tip)
    return newest.author


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def _by_number(line: Iterable[Commit]) -> dict[int, Commit]:
    """Main's commits whose subject names a pull request, by its number; the newest of each."""
    found: dict[int, Commit] = {}
    for commit in line:
        if number := number_of(commit.subject):
            found.setdefault(number, commit)
    return found


def number_of(subject: str) -> int:
    """The pull request that a merge's subject names, as the forge writes it; 0 for none."""
    named_in = _MERGE.match(subject) or _SQUASH.search(subject)
    return int(named_in[1]) if named_in else 0


def _unreadable(number: int, head: str, why: str) -> PullRequest:
    return PullRequest(
        number=number,
        head=head,
        base="",
        merge="",
        shape=Shape.NO_MERGE_BASE,
        folder=None,
        folders=(),
        others=(),
        notes=(),
        author="",
        created="",
        updated="",
        fault=f"not screened: {why}",
    )
