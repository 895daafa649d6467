"""What deserves a GPU, and in which order?

A submission of the record track whose claim beats the row to beat, in which reading found nothing
that asks for a person, and that is not decided yet. Of several made from each other the first comes
first: when it does not hold, the rest need not be tried. Must never say that one is right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verifier.errors import BadInput
from verifier.history.chain import Chain, Entry, mean
from verifier.history.decisions import answer
from verifier.policy import Policy
from verifier.report import files
from verifier.screening.screened import Answer, Queue, QueueEntry, Row, Triage
from verifier.screening.written import Mismatch, from_json, to_json

FORMAT = "queue/1"
FILE_BYTES = 64_000_000
LIKE_ITS_PARENT = 0.5
_RECORD_TRACK = "track_10min_16mb"
_DECIDED = ("merged", "closed")


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row
    claim: float
    depth: int = 0
    lineage: int = 0


def build_queue(triage: Triage, chain: Chain, policy: Policy) -> Queue:
    """The queue of a triage: roots of lineages first, then by how much a claim beats the row."""
    best = chain.best()
    left_out: Counter[str] = Counter()
    candidates: dict[int, _Candidate] = {}
    for row in triage.rows:
        reason, claim = _left_out(row, best)
        if reason:
            left_out[reason] += 1
        else:
            candidates[row.number] = _placed(row, claim, candidates)
    ordered = sorted(candidates.values(), key=lambda each: (each.depth, each.claim))
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
    """Why a row is not in the queue ("" where it is), and its claim in bits per byte."""
    screening = row.screening
    claim = _claim(row)
    if screening is None:
        reason = "unread" if row.fault else "without a submission"
    elif row.state in _DECIDED:
        reason = row.state
    elif _RECORD_TRACK not in screening.folder or "non_record" in screening.folder:
        reason = "outside the record track"
    elif claim is None:
        reason = "without a number"
    elif best is not None and claim >= mean(best.runs):
        reason = "no better than the row"
    elif answer(row) is not Answer.NOTHING_FOUND:
        reason = "with a finding that asks for a person"
    else:
        reason = ""
    return reason, claim or 0.0


def _claim(row: Row) -> float | None:
    """What the submission says it scores: its claim, else the mean of its logs."""
    screening = row.screening
    if screening is None:
        return None
    claimed = screening.claimed.val_bpb if screening.claimed else None
    if claimed is None and screening.runs:
        claimed = mean(screening.runs)
    return claimed if claimed is not None and 0 < claimed < float("inf") else None


def _placed(row: Row, claim: float, before: Mapping[int, _Candidate]) -> _Candidate:
    """Below the candidate it was made from, where it is more like it than not."""
    parent = before.get(row.parent.number) if row.parent else None
    if parent is None or row.parent is None or row.parent.similarity < LIKE_ITS_PARENT:
        return _Candidate(row, claim, 0, row.number)
    return replace(parent, row=row, claim=claim, depth=parent.depth + 1)


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
        claim_bpb=each.claim,
        runs=len(row.screening.runs),
        lineage=each.lineage,
        node_hours=_node_hours(row, policy),
        why=_why(each),
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
    root = "begins its lineage" if each.depth == 0 else f"made from #{each.lineage}"
    return f"claims {each.claim:.5f}, nothing found, {root}"
