"""How do we say how answers of shadow runs compare with what people ruled? One table, then why."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from verifier.report.lettering import heading, paragraph
from verifier.shadow import Behaviour
from verifier.shadow.compared import Compared

_GROUPS = ("valid", "disputed", "invalid by behaviour", "invalid otherwise")
_ANSWERS = (Behaviour.REFUTED, Behaviour.CLEAN, Behaviour.INCONCLUSIVE)
_WHY_SHOWN = 160


def exit_code(rows: Sequence[Compared]) -> int:
    """1 where a submission that people ruled valid is refuted, else 0."""
    return int(any(row.group == "valid" and row.answer is Behaviour.REFUTED for row in rows))


def as_json(rows: Sequence[Compared]) -> str:
    """All rows and the figures, as one JSON object."""
    said = {"figures": figures(rows), "rows": [asdict(row) for row in rows]}
    return json.dumps({**said, "exit_code": exit_code(rows)}, indent=1) + "\n"


def figures(rows: Sequence[Compared]) -> dict[str, object]:
    """What a reader wants to know first."""
    shown = [row for row in rows if row.group == "invalid by behaviour"]
    seconds = [row.seconds for row in rows if row.seconds]
    peaks = [row.memory_peak_bytes or 0 for row in rows]
    return {
        "rows": len(rows),
        "valid_refuted": sum(
            row.group == "valid" and row.answer is Behaviour.REFUTED for row in rows
        ),
        "conclusive": sum(row.answer is not Behaviour.INCONCLUSIVE for row in rows),
        "invalid_by_behaviour": len(shown),
        "refuted": sum(row.answer is Behaviour.REFUTED for row in shown),
        "refuted_for_the_right_family": sum(row.right for row in shown),
        "seconds_median": round(statistics.median(seconds), 1) if seconds else None,
        "seconds_most": round(max(seconds), 1) if seconds else None,
        "memory_peak_bytes": max(peaks, default=0),
    }


def render(rows: Sequence[Compared], console: Console) -> None:
    """Print the confusion table, the figures, and every row that is not as it should be."""
    paragraph(console, f"{'':22}" + "".join(f"{answer.value:>14}" for answer in _ANSWERS))
    for group in _GROUPS:
        counts = Counter(row.answer for row in rows if row.group == group)
        cells = "".join(f"{counts[answer]:14}" for answer in _ANSWERS)
        paragraph(console, f"{group:22}{cells}")
    console.print()
    for name, value in figures(rows).items():
        paragraph(console, f"{name.replace('_', ' ')}: {value}")
    wrong = [row for row in rows if row.group == "valid" and row.answer is Behaviour.REFUTED]
    _listed(console, "Ruled valid, and refuted", wrong)
    missed = [row for row in rows if row.group == "invalid by behaviour" and not row.right]
    _listed(console, "Invalid by behaviour, and not refuted for that", missed)
    open_ = [row for row in rows if row.answer is Behaviour.INCONCLUSIVE]
    heading(console, "Why not conclusive")
    for why, count in Counter(row.why[:_WHY_SHOWN] for row in open_).most_common():
        paragraph(console, f"{count:4}  {why}", 2, hanging=6)


def _listed(console: Console, title: str, rows: Sequence[Compared]) -> None:
    if not rows:
        return
    heading(console, title)
    for row in rows:
        said = f"{row.number} {row.kind}: {row.answer.value}. {row.why[:_WHY_SHOWN]}"
        paragraph(console, said, 2, hanging=2)
