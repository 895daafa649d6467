"""Which records were accepted, in which order were they made, and what does each rest on?

The rows of the main branch's README, each led back to its pull request and its folder, in the order
in which pull requests were created (the competition's order). What a row scored is read from the
logs of its folder; where it has fewer runs than records need and its row names a second pull
request as support, from that one's. Must never take the table's word for a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import fmean

from verifier.history.admission import Runs, compare
from verifier.history.library import Library
from verifier.history.reader import Found
from verifier.history.table import Listed, listed
from verifier.screening.screened import Comparison, Run, Screening
from verifier.submission.candidates import Folder
from verifier.submission.pull_request import PullRequest
from verifier.submission.repository import Repository
from verifier.watch import Watch

README = "README.md"
README_BYTES = 4 << 20
RECORDS = b"records"
ENOUGH_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the README's tables, or one merged folder without a row (`row` None).

    `number` is 0 where no pull request is known; `screening` None where its folder could not be
    read; `runs` are its own or, with `supported_by`, that pull request's. `supports` is the line of
    the row that names this folder as support. Dates are "2026-04-29", "" where not known.
    """

    number: int
    folder: str
    row: Listed | None
    screening: Screening | None
    runs: tuple[Run, ...]
    supported_by: int = 0
    supports: int = 0
    created: str = ""
    accepted: str = ""

    @property
    def is_record(self) -> bool:
        """Whether its row stands in the record track's table."""
        return self.row is not None and self.row.table == 0

    @property
    def as_runs(self) -> Runs:
        """What tests compare."""
        return Runs(
            name=self.folder.rpartition("/")[2] or (self.row.name if self.row else ""),
            bpbs=tuple(run.bpb for run in self.runs),
            nats_per_bpb=nats_per_bpb(self.runs, self.screening),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Every entry; records in the order of creation first, then the rest by folder."""

    main: str
    entries: tuple[Entry, ...]
    unnumbered: tuple[tuple[str, Found], ...] = field(default=())

    @property
    def records(self) -> tuple[Entry, ...]:
        """The record track, in the order of creation."""
        return tuple(entry for entry in self.entries if entry.is_record)

    def best_before(self, number: int, created: str = "") -> Entry | None:
        """The best record created before pull request `number`; None where there is none."""
        earlier = [
            entry
            for entry in self.records
            if entry.runs and entry.number != number and _is_before(entry, number, created)
        ]
        return min(earlier, key=lambda entry: mean(entry.runs), default=None)

    def best(self) -> Entry | None:
        """The record to beat."""
        return self.best_before(1 << 62)

    def against(self, number: int, screening: Screening) -> Comparison | None:
        """A pull request compared with the best record created before it."""
        before = self.best_before(number)
        if before is None or not screening.runs:
            return None
        bpbs = tuple(run.bpb for run in screening.runs)
        ours = Runs(f"#{number}", bpbs, nats_per_bpb(screening.runs, screening))
        return compare(ours, before.as_runs)


def mean(runs: Sequence[Run]) -> float:
    """Bits per byte."""
    return fmean(run.bpb for run in runs)


def nats_per_bpb(runs: Sequence[Run], screening: Screening | None) -> float | None:
    """What one bit per byte costs a token in nats: ln 2 times the bytes of a token.

    From each run's own loss; else from the claim's; None where nothing says it.
    """
    pairs = [(run.loss, run.bpb) for run in runs if run.loss]
    if not pairs and screening is not None:
        pairs = [(log.loss, log.bpb) for log in screening.logs if log.loss and log.bpb]
        claimed = screening.claimed
        if not pairs and claimed and claimed.val_loss and claimed.val_bpb:
            pairs = [(claimed.val_loss, claimed.val_bpb)]
    factors = [loss / bpb for loss, bpb in pairs if loss and bpb]
    sane = [factor for factor in factors if math.isfinite(factor) and factor > 0]
    return fmean(sane) if sane else None


def read_chain(
    repository: Repository,
    everything: Sequence[PullRequest],
    library: Library,
    watch: Watch,
) -> Chain:
    """The chain of a repository's main branch. Raises RequestError without a main branch."""
    main = repository.main
    merged = dict(_merged_folders(repository, main))
    by_number = {each.number: each for each in everything}
    numbers = _numbers(everything, merged)
    readme = repository.file(main, README, README_BYTES) or b""
    leads = [_led(row, by_number, merged, numbers) for row in listed(readme)]
    shown = {folder.path for _, folder, _ in leads if folder is not None}
    rest = [folder for path, folder in merged.items() if path not in shown]
    supports = dict(_supports(leads, by_number))
    wanted = [folder for _, folder, _ in leads if folder] + rest
    library.read([*wanted, *(folder for folder, _ in supports.values())], watch)
    accepted = _accepted(repository, by_number)
    entries = [_entry(lead, by_number, library, accepted) for lead in leads]
    entries.sort(key=lambda entry: (not entry.is_record, _order(entry)))
    unlisted = [_unlisted(folder, numbers, by_number, library) for folder in rest]
    lines = {path: line for path, (_, line) in supports.items()}
    entries += [replace(entry, supports=lines.get(entry.folder, 0)) for entry in unlisted]
    alone = [
        (path, found)
        for path, folder in merged.items()
        if path not in numbers and isinstance(found := _found(library, folder), Found)
    ]
    return Chain(main=main, entries=tuple(entries), unnumbered=tuple(alone))


# ---------------------------------------------------------------- rows and folders


def _merged_folders(repository: Repository, main: str) -> Iterator[tuple[str, Folder]]:
    """Every folder two levels below records/ on main, by its path."""
    commit = repository.ancestry.commit(main)
    records = repository.trees.at(commit.tree, RECORDS) if commit else None
    if records is None or not records.is_folder:
        return
    for track, below in repository.trees.names(records.id).items():
        for name, leaf in (repository.trees.names(below.id) if below.is_folder else {}).items():
            path = b"/".join((RECORDS, track, name)).decode("utf-8", "replace")
            if leaf.is_folder:
                yield path, Folder(path=path, tree=leaf.id, added=False, changed=())


def _numbers(everything: Iterable[PullRequest], merged: Mapping[str, Folder]) -> dict[str, int]:
    """Which pull request brought each merged folder: one that was merged, else its twin."""
    by_merge: dict[str, int] = {}
    by_content: dict[str, int] = {}
    for each in everything:
        for folder in each.folders:
            on_main = merged.get(folder.path)
            if on_main is not None and each.merge and folder.added:
                by_merge.setdefault(folder.path, each.number)
            if on_main is not None and folder.tree == on_main.tree:
                by_content.setdefault(folder.path, each.number)
    return by_content | by_merge


_Lead = tuple[Listed, Folder | None, int]


def _led(
    row: Listed,
    by_number: Mapping[int, PullRequest],
    merged: Mapping[str, Folder],
    numbers: Mapping[str, int],
) -> _Lead:
    """Where a row leads: its folder (main's, else the pull request's) and its number."""
    if row.folder:
        return row, merged.get(row.folder), numbers.get(row.folder, 0)
    number = row.pulls[0] if row.pulls else 0
    request = by_number.get(number)
    folder = request.folder if request else None
    return row, merged.get(folder.path, folder) if folder else None, number


def _supports(
    leads: Iterable[_Lead], by_number: Mapping[int, PullRequest]
) -> Iterator[tuple[str, tuple[Folder, int]]]:
    """The folders of pull requests that a row names beside its own, by path, with the line."""
    for row, _, _ in leads:
        for number in row.pulls[1:]:
            request = by_number.get(number)
            if request and request.folder:
                yield request.folder.path, (request.folder, row.line)


def _entry(
    lead: _Lead,
    by_number: Mapping[int, PullRequest],
    library: Library,
    accepted: Mapping[str, str],
) -> Entry:
    row, folder, number = lead
    found = _found(library, folder) if folder else None
    runs = found.screening.runs if found else ()
    supported = 0
    for support in row.pulls[1:]:
        other = by_number.get(support)
        theirs = _found(library, other.folder) if other and other.folder else None
        if theirs and len(runs) < ENOUGH_RUNS and len(theirs.screening.runs) > len(runs):
            runs, supported = theirs.screening.runs, support
    request = by_number.get(number)
    names = _names(row, by_number)
    return Entry(
        number=number,
        folder=folder.path if folder else row.folder,
        row=row,
        screening=found.screening if found else None,
        runs=runs,
        supported_by=supported,
        created=request.created[:10] if request and request.created else row.date,
        accepted=min((accepted[name] for name in names if name in accepted), default=""),
    )


def _unlisted(
    folder: Folder,
    numbers: Mapping[str, int],
    by_number: Mapping[int, PullRequest],
    library: Library,
) -> Entry:
    found = _found(library, folder)
    number = numbers.get(folder.path, 0)
    return Entry(
        number=number,
        folder=folder.path,
        row=None,
        screening=found.screening if found else None,
        runs=found.screening.runs if found else (),
        created=by_number[number].created[:10] if number in by_number else "",
    )


def _found(library: Library, folder: Folder) -> Found | None:
    read = library.of(folder)
    return read if isinstance(read, Found) else None


# ---------------------------------------------------------------- order and dates


def _order(entry: Entry) -> tuple[str, int, int]:
    """By number, which is the order of creation; what came without one by its date, first."""
    return ("" if not entry.number else "1", entry.number, -entry.row.line if entry.row else 0)


def _is_before(entry: Entry, number: int, created: str) -> bool:
    return entry.number < number if number else bool(created) and entry.created < created


def _identity(row: Listed) -> str:
    """What a row is called in every version of the table."""
    return row.folder or (f"#{row.pulls[0]}" if row.pulls else row.name)


def _accepted(repository: Repository, by_number: Mapping[int, PullRequest]) -> dict[str, str]:
    """The day since when each name of a row of today's table has stood in it without a break."""
    since: dict[str, str] = {}
    standing: set[str] | None = None
    known: dict[str, set[str]] = {}
    for commit in repository.first_parents():
        leaf = repository.trees.at(commit.tree, README.encode())
        if leaf is None:
            break
        if leaf.id not in known:
            rows = listed(repository.blob(leaf.id, README_BYTES) or b"")
            known[leaf.id] = {name for row in rows for name in _names(row, by_number)}
        standing = known[leaf.id] if standing is None else standing & known[leaf.id]
        day = datetime.fromtimestamp(commit.committed, UTC).date().isoformat()
        since.update(dict.fromkeys(standing, day))
        if not standing:
            break
    return since


def _names(row: Listed, by_number: Mapping[int, PullRequest]) -> set[str]:
    """Every way in which versions of the table may have named a row."""
    names = {_identity(row)}
    for number in row.pulls[:1]:
        request = by_number.get(number)
        if request and request.folder:
            names.add(request.folder.path)
    return names
