"""What is known of each folder: read before and kept, or read now on all cores?

The one place that asks readers. Whoever needs a folder, triage or leaderboard, asks here for all
of them at once. A folder whose reader died has a fault in the place of a screening.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from verifier.history import reader
from verifier.history.kept import Kept, version
from verifier.history.lines import Reduced
from verifier.history.reader import Found
from verifier.history.workers import Answered, Lost, cores, read_all
from verifier.policy import PolicyFile
from verifier.screening.written import Mismatch
from verifier.submission.candidates import Folder
from verifier.watch import Watch

Job = bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a folder could not be read."""

    why: str


class Library:
    """Everything read of one repository under one policy."""

    def __init__(self, repository: Path, policy: PolicyFile, store: Path) -> None:
        """`repository` is a clone; results are kept below `store`."""
        self._repository = repository
        self._rules = policy.text
        self._kept = Kept(store, version(policy.text))
        self._found: dict[Job, Found | Fault] = {}

    def read(self, folders: Iterable[Folder], watch: Watch, *, readers: int = 0) -> None:
        """Read what is not kept yet; `readers` 0: one per core."""
        jobs = list(dict.fromkeys(map(reader.job, folders)))
        missing = [job for job in jobs if job not in self._found and not self._recall(job)]
        if not missing:
            return
        shared = reader.shared(self._repository, self._rules)
        wanted = min(readers or cores(), len(missing))
        with watch.phase(f"screening {len(missing)} folders", len(missing)) as progress:
            for answer in read_all(missing, reader.open_reader, shared, readers=wanted):
                self._take(missing[answer.job], answer)
                progress.advance(1)

    def of(self, folder: Folder) -> Found | Fault:
        """What came of a folder that was asked for with `read`."""
        return self._found[reader.job(folder)]

    def known(self, folder: Folder) -> Found | Fault | None:
        """The same; None where it was not asked for."""
        return self._found.get(reader.job(folder))

    def source(self, found: Found) -> Reduced:
        """The lines of a folder's source; none where what was kept is gone."""
        content = self._kept.get(_lines_of(found.screening.source_digest))
        try:
            return Reduced((), ()) if content is None else reader.unpacked(content)
        except Mismatch:
            return Reduced((), ())

    def recalled(self, key: str) -> bytes | None:
        """Something else that was kept under this code and policy."""
        return self._kept.get(key)

    def keep(self, key: str, content: bytes) -> None:
        """Keep something else under this code and policy."""
        self._kept.put(key, content)

    def _recall(self, job: Job) -> bool:
        content = self._kept.get(_found_of(job))
        try:
            if content is not None:
                self._found[job] = reader.found(content)
        except Mismatch:
            return False
        return content is not None

    def _take(self, job: Job, answer: Answered | Lost) -> None:
        if isinstance(answer, Lost):
            self._found[job] = Fault(answer.why)
            return
        head, lines = reader.parts(answer.content)
        try:
            found = reader.found(head)
        except Mismatch as wrong:
            self._found[job] = Fault(f"the reader's answer cannot be read: {wrong}")
            return
        self._kept.put(_lines_of(found.screening.source_digest), lines)
        self._kept.put(_found_of(job), head)
        self._found[job] = found


def _found_of(job: Job) -> str:
    return f"found {job.decode()}"


def _lines_of(source_digest: str) -> str:
    return f"lines {source_digest}"
