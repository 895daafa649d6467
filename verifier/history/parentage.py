"""Which earlier submission is each of thousands made from, on all cores?

The comparing of `lineage`, a stretch of sources at a time, in readers that are forked with all
sources in memory. Whatever becomes of a reader, every source has its answer: a stretch that is
lost is compared here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from verifier.history.lineage import ROWS_AT_A_TIME, Nearness, Sources, parents
from verifier.history.workers import Answered, Begins, Read, cores, read_all
from verifier.screening.screened import Parent
from verifier.screening.written import from_json, to_json
from verifier.watch import Progress


def every_parent(
    sources: Sources, names: Sequence[tuple[int, str]], progress: Progress, *, readers: int = 0
) -> list[Parent | None]:
    """The parent of each source, as `lineage.parents` says; `readers` 0: one per core."""
    nearness = Nearness(sources)

    def compared(job: bytes) -> list[Parent | None]:
        places = range(*map(int, job.split()))
        return list(parents(sources, names, nearness=nearness, places=places))

    def open_reader(_: str) -> Read:
        return lambda job: json.dumps([each and to_json(each) for each in compared(job)]).encode()

    # The later a source, the more there is before it: the last stretches first.
    starts = range(0, len(sources), ROWS_AT_A_TIME)
    jobs = [f"{start} {min(start + ROWS_AT_A_TIME, len(sources))}".encode() for start in starts][
        ::-1
    ]
    found: dict[int, list[Parent | None]] = {}
    wanted = min(readers or cores(), len(jobs))
    for answer in read_all(jobs, open_reader, "", readers=wanted, begins=Begins.FORKED):
        if isinstance(answer, Answered):
            said = json.loads(answer.content)
            found[answer.job] = [each and from_json(Parent, each) for each in said]
        else:
            found[answer.job] = compared(jobs[answer.job])
        progress.advance(len(found[answer.job]))
    return [parent for job in reversed(range(len(jobs))) for parent in found[job]]
