"""How do the answers of shadow runs compare with what people ruled? A labelled list, resumably.

One file a row is kept below the output folder, under the digest of everything that its answer
depends on: a second run takes up where the first was ended. Must never choose what is run by label.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from verifier import installed
from verifier.errors import BadSubmission, StorageFault
from verifier.pipeline.shadowing import ShadowRequest, open_stage, shadowed_candidate
from verifier.shadow import Behaviour, Family, Stage
from verifier.shadow.compared import Compared
from verifier.submission.labelled import Label, candidate_of, read_labels
from verifier.submission.repository import Repository
from verifier.submission.submitted import Candidate
from verifier.watch import Watch

_PACKAGE = Path(__file__).parents[1]
_ROOMS = ("shadow", "source", "heldout")


def shadow_corpus(
    labels: Path, clone: Path, request: ShadowRequest, out: Path, watch: Watch
) -> tuple[Compared, ...]:
    """Shadow every row of a table. Raises BadInput for the table, and as `shadowed` does."""
    rows = read_labels(labels)
    stage = open_stage(request, watch)
    made: list[Compared] = []
    with Repository.at(clone) as repository, watch.phase("labelled scripts", len(rows)) as bar:
        for row in rows:
            candidate = candidate_of(repository, row)
            began = time.monotonic()
            if candidate is None:
                said: Mapping[str, Any] = _inconclusive("is not in the clone")
            else:
                place = out / f"{row.number}.json"
                key = _key(candidate, stage.root.digest, request)
                said = _kept(place, key) or _keep(
                    place, key, _shadowed(candidate, stage, request, watch)
                )
            told = _told(row, said)
            if time.monotonic() - began > 1.0:
                watch.note(f"{row.number} {row.kind}: {told.answer.value} {told.why[:160]}")
            made.append(told)
            bar.advance(1)
    return tuple(made)


def _shadowed(
    candidate: Candidate, stage: Stage, request: ShadowRequest, watch: Watch
) -> Mapping[str, Any]:
    try:
        return asdict(shadowed_candidate(candidate, stage, request, watch))
    except BadSubmission as fault:
        return _inconclusive(fault.message)


def _inconclusive(why: str) -> Mapping[str, Any]:
    return {
        "answer": Behaviour.INCONCLUSIVE,
        "conclusions": [],
        "missing": [why],
        "runs": [],
        "seconds": 0.0,
    }


def _told(row: Label, said: Mapping[str, Any]) -> Compared:
    found = said["conclusions"]
    reasons = [each["said"] for each in found] or list(said["missing"])
    peaks = [each["memory_peak_bytes"] or 0 for each in said["runs"]]
    return Compared(
        number=row.number,
        label=row.label,
        kind=row.kind,
        answer=Behaviour(said["answer"]),
        families=tuple(dict.fromkeys(Family(each["family"]) for each in found)),
        why=" ".join(map(str, reasons)),
        seconds=float(said["seconds"]),
        memory_peak_bytes=max(peaks, default=None),
    )


def _key(candidate: Candidate, root: str, request: ShadowRequest) -> str:
    """Everything that an answer depends on, but for the documents that are drawn."""
    digest = hashlib.sha256(f"{candidate.load().digest} {root} {request.seconds}".encode())
    folders = [*(_PACKAGE / room for room in _ROOMS), installed.path("images") / "guest" / "shadow"]
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _kept(place: Path, key: str) -> Mapping[str, Any] | None:
    try:
        said = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said["answer"] if isinstance(said, dict) and said.get("key") == key else None


def _keep(place: Path, key: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        making = place.with_suffix(".part")
        making.write_text(json.dumps({"key": key, "answer": said}), encoding="utf-8")
        making.rename(place)
    except OSError as fault:
        raise StorageFault(f"{place}: cannot be written: {fault.strerror}") from fault
    return said
