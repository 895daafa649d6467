"""What came of a triage, in one small object for machines? The rest is in its files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from verifier.history.triage import Triaged
from verifier.screening.ruled import answer, standing
from verifier.screening.screened import Answer, Queue, Row

_ORDER = (Answer.NOTHING_FOUND, Answer.REVIEW, Answer.VIOLATION)


def worst(rows: Iterable[Row]) -> Answer:
    """The strongest answer of all rows, once rulings are read."""
    return max(map(answer, rows), key=_ORDER.index, default=Answer.NOTHING_FOUND)


def summary(found: Triaged, queue: Queue, out: Path, exit_code: int) -> str:
    """Counts and places as JSON, one object; ends with a line break."""
    rows = found.triage.rows
    said: dict[str, Any] = {
        "format": "triage-summary/1",
        "repository": found.triage.repository,
        "main": found.triage.main,
        "policy": found.triage.policy,
        "pull_requests": len(rows),
        "shapes": _counted(row.shape for row in rows),
        "answers": _counted(answer(row).value for row in rows if row.screening),
        "findings": _counted(
            f"{remark.rule} ({remark.confidence.value})"
            for row in rows
            if row.screening
            for remark in {each.rule: each for each in reversed(standing(row))}.values()
        ),
        "faults": {str(row.number): row.fault for row in rows if row.fault},
        "rulings": {
            "held": len(found.decided.held),
            "idle": len(found.decided.idle),
            "void": len(found.decided.void),
            "elsewhere": len(found.decided.elsewhere),
            "dismissed": sum(ruling.dismissed for ruling in found.decided.held),
            "upheld": sum(not ruling.dismissed for ruling in found.decided.held),
        },
        "queue": len(queue.entries),
        "notes": list(found.notes),
        "out": str(out),
        "seconds": found.triage.seconds,
        "exit_code": exit_code,
    }
    return json.dumps(said, indent=1) + "\n"


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
