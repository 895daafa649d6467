"""What deserves a GPU, and in which order?

A submission of the record track whose runs beat the row to beat on average, in which reading found
nothing that asks for a person, and that is not decided yet. Of several made from each other the
first comes first: when it does not hold, the rest need not be tried; the same source with the same
runs is one submission. Must never go by a claim where there are runs, nor say that one is right.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verifier.errors import BadInput
from verifier.history.chain import Chain, Entry, mean
from verifier.policy import Policy
from verifier.report import files
from verifier.screening.ruled import answer
from verifier.screening.screened import Answer, Queue, QueueEntry, Row, Screening, Triage
from verifier.screening.written import Mismatch, from_json, to_json

FORMAT = "queue/1"
FILE_BYTES = 64_000_000
LIKE_ITS_PARENT = 0.5
SAME = "with the source and the runs of an earlier one"
_RECORD_TRACK = "track_10min_16mb"
_DECIDED = ("merged", "closed")


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row
    bpb: float
    depth: int = 0
    lineage: int = 0
    again: tuple[int, ...] = ()


def build_queue(triage: Triage, chain: Chain, policy: Policy) -> Queue:
    """The queue of a triage: roots of lineages first, then by how much the row is beaten."""
    best = chain.best()
    left_out: Counter[str] = Counter()
    candidates: dict[int, _Candidate] = {}
    first: dict[object, int] = {}
    same: dict[int, int] = {}
    for row in triage.rows:
        reason, bpb = _left_out(row, best)
        earlier = first.setdefault(_what_ran(row), row.number) if not reason else row.number
        if earlier != row.number:
            reason = SAME
            same[row.number] = earlier
            known = candidates[earlier]
            candidates[earlier] = replace(known, again=(*known.again, row.number))
        if reason:
            left_out[reason] += 1
        else:
            candidates[row.number] = _placed(row, bpb, candidates, same)
    ordered = sorted(candidates.values(), key=lambda each: (each.depth, each.bpb))
    return Queue(
        repository=triage.repository,
        main=triage.main,
        policy=triage.policy,
        row=best.as_runs.name if best else "",
        row_bpb=mean(best.runs) if best else None,
        entries=tuple(
            _entry(place, each, triage.repository, policy) for place, each in enumerate(ordered, 1)
        ),
        left_out=dict(left_out.most_common()),
    )


def write_queue(queue: Queue, path: Path) -> None:
    """Write queue.json. Raises StorageFault when the disk does not take it."""
    said = {"format": FORMAT, **to_json(queue)}
    files.put(path, json.dumps(said, indent=1, allow_nan=False) + "\n")


def read_queue(path: Path) -> Queue:
    """The queue that `write_queue` wrote. Raises BadInput for anything else."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", file=path) from fault
    if len(content) > FILE_BYTES:
        raise BadInput(f"is longer than {FILE_BYTES} bytes", file=path)
    try:
        said = json.loads(content)
        if not isinstance(said, dict) or said.pop("format", None) != FORMAT:
            raise BadInput(f"is no queue of the format {FORMAT}", file=path, place=1)
        return from_json(Queue, said)
    except (ValueError, RecursionError) as wrong:
        line = getattr(wrong, "lineno", 1)
        raise BadInput(f"is not JSON: {wrong}", file=path, place=line) from wrong
    except Mismatch as wrong:
        remedy = "`verifier triage` writes one"
        raise BadInput(f"is not a queue: {wrong}", file=path, remedy=remedy) from wrong


def _left_out(row: Row, best: Entry | None) -> tuple[str, float]:
    """Why a row is not in the queue ("" where it is), and its bits per byte."""
    screening = row.screening
    bpb = None if screening is None else _bpb(screening)
    if screening is None:
        reason = "unread" if row.fault else "without a submission"
    elif row.state in _DECIDED:
        reason = row.state
    elif _RECORD_TRACK not in screening.folder or "non_record" in screening.folder:
        reason = "outside the record track"
    elif bpb is None:
        reason = "without a number"
    elif best is not None and bpb >= mean(best.runs):
        reason = "no better than the row"
    elif answer(row) is not Answer.NOTHING_FOUND:
        reason = "with a finding that asks for a person"
    else:
        reason = ""
    return reason, bpb or 0.0


def _bpb(screening: Screening) -> float | None:
    """The mean of its runs, as rows are compared; its claim where it shows no run.

    A claim may be the best seed's, and a row is beaten by all of them or by none.
    """
    if not screening.runs:
        return _claim(screening)
    bpb = mean(screening.runs)
    return bpb if 0 < bpb < math.inf else None


def _claim(screening: Screening) -> float | None:
    bpb = screening.claimed.val_bpb if screening.claimed else None
    return bpb if bpb is not None and 0 < bpb < math.inf else None


def _what_ran(row: Row) -> object:
    """What two submissions share that are one: source, runs. Without both it is only itself."""
    screening = row.screening
    if screening is None or not screening.source_digest or not screening.runs:
        return row.number
    return screening.source_digest, tuple(sorted(run.bpb for run in screening.runs))


def _placed(
    row: Row, bpb: float, before: Mapping[int, _Candidate], same: Mapping[int, int]
) -> _Candidate:
    """Below the candidate it was made from, where it is more like it than not."""
    made_from = row.parent.number if row.parent else 0
    parent = before.get(same.get(made_from, made_from))
    if parent is None or row.parent is None or row.parent.similarity < LIKE_ITS_PARENT:
        return _Candidate(row, bpb, 0, row.number)
    return _Candidate(row, bpb, parent.depth + 1, parent.lineage)


def _entry(place: int, each: _Candidate, repository: str, policy: Policy) -> QueueEntry:
    row = each.row
    assert row.screening is not None
    return QueueEntry(
        place=place,
        number=row.number,
        head=row.head,
        digest=row.screening.digest,
        reference=f"{repository}#{row.number}",
        folder=row.screening.folder,
        contract=row.screening.contract,
        bpb=each.bpb,
        claim_bpb=_claim(row.screening),
        runs=len(row.screening.runs),
        lineage=each.lineage,
        node_hours=_node_hours(row, policy),
        why=_why(each),
        again=each.again,
        against=row.against,
    )


def _node_hours(row: Row, policy: Policy) -> float:
    """Training and scoring of every seed, as its logs say where they keep the limits."""
    assert row.screening is not None
    logs = row.screening.logs
    train = _seconds([log.train_seconds for log in logs], policy.train.limit_seconds)
    score = _seconds([log.score_seconds for log in logs], policy.score.limit_seconds)
    return round(policy.seeds.count * (train + score + policy.score.start_seconds) / 3600, 3)


def _seconds(said: Sequence[float | None], limit: float) -> float:
    known = [seconds for seconds in said if seconds is not None and 0 < seconds <= limit]
    return max(known, default=limit)


def _why(each: _Candidate) -> str:
    assert each.row.screening is not None
    runs = len(each.row.screening.runs)
    shown = f"{runs} runs, mean" if runs > 1 else "1 run," if runs else "no run, claims"
    root = "begins its lineage" if each.depth == 0 else f"made from #{each.lineage}"
    twins = ", ".join(f"#{number}" for number in each.again)
    again = f"; same source and runs: {twins}" if twins else ""
    return f"{shown} {each.bpb:.5f}, nothing found, {root}{again}"
