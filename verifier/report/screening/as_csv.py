"""How does a triage open in a spreadsheet? One row a pull request, and nothing in it a formula.

A spreadsheet computes a cell that begins with one of `= + - @`, whatever stands in quotes, and
splits at commas, semicolons or tabs by its locale. So a quote goes before such a character at the
beginning of a text and after anything that may be taken for a separator. Must never let a text
compute.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from verifier.report.harmless import clipped
from verifier.report.screening import wording
from verifier.screening import Confidence, Remark, Rule
from verifier.screening.ruled import answer, dismissed, standing
from verifier.screening.screened import Row, Screening, Triage

TEXT_SHOWN = 300
COLUMNS = (
    *("number", "answer", "state", "author", "name", "title", "created", "folder"),
    *("claimed_bpb", "logged_bpb", "logs", "seeds", "claimed_bytes"),
    *("code_raw_bytes", "code_packed_bytes", "code_closure_bytes"),
    *("violations", "to_review", "notes", "rules", "classes", "dismissed", "ruled_on"),
    *("against", "margin_bpb", "margin_nats", "p_better", "p_margin"),
    *("parent", "similarity", "changed_lines", "shape", "head", "digest", "fault"),
)

Cell = str | int | float | None

# full-width forms too: some programs take them for the same
_FORMULA = re.compile(r"""(^|[,;|\t])([\s"']*)(?=[=+\-@＝＋－＠])""")


def lines(triage: Triage, rules: Sequence[Rule]) -> Iterator[str]:
    """triage.csv line by line, the header first."""
    yield _line(COLUMNS)
    for row in triage.rows:
        cells = _cells(row, rules)
        yield _line([cells.get(column) for column in COLUMNS])


def neutral(text: str) -> str:
    """`text` as a spreadsheet shows it, however it splits."""
    return _FORMULA.sub(r"\1\2'", clipped(text, TEXT_SHOWN))


def _line(cells: Sequence[Cell]) -> str:
    made = io.StringIO()
    writer = csv.writer(made, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(
        ["" if cell is None else neutral(cell) if isinstance(cell, str) else cell for cell in cells]
    )
    return made.getvalue()


def _cells(row: Row, rules: Sequence[Rule]) -> dict[str, Cell]:
    parent, against = row.parent, row.against
    return {
        "number": row.number,
        "answer": wording.UNSCREENED,
        "state": row.state,
        "author": row.author,
        "title": row.title,
        "created": row.created,
        "ruled_on": len(row.rulings),
        "against": None if against is None else against.row,
        "margin_bpb": None if against is None else against.margin_bpb,
        "margin_nats": None if against is None else against.margin_nats,
        "p_better": None if against is None else against.p_better,
        "p_margin": None if against is None else against.p_margin,
        "parent": None if parent is None else parent.number,
        "similarity": None if parent is None else round(parent.similarity, 4),
        "changed_lines": None if parent is None else parent.changed_lines,
        "shape": row.shape,
        "head": row.head,
        "fault": row.fault,
        **({} if row.screening is None else _screened(row, row.screening, rules)),
    }


def _screened(row: Row, screening: Screening, rules: Sequence[Rule]) -> dict[str, Cell]:
    claimed, weights, remarks = screening.claimed, screening.weights, standing(row)
    cells: dict[str, Cell] = {
        "answer": answer(row).value,
        "folder": screening.folder,
        "claimed_bpb": wording.claimed_bpb(screening),
        "logged_bpb": wording.logged_bpb(screening),
        "logs": len(screening.logs),
        "violations": _count(remarks, Confidence.VIOLATION),
        "to_review": _count(remarks, Confidence.REVIEW),
        "notes": _count(remarks, Confidence.NOTE),
        "rules": " ".join(dict.fromkeys(f.rule.id for f in wording.asking(remarks, rules))),
        "classes": " ".join(wording.classes(remarks, rules)),
        "dismissed": " ".join(sorted(dismissed(row))),
        "digest": screening.digest,
    }
    if claimed is not None:
        cells |= {
            "name": claimed.name,
            "seeds": len(claimed.seeds) or len(claimed.seed_bpbs),
            "claimed_bytes": claimed.total_bytes,
        }
    if weights is not None:
        cells |= {
            "code_raw_bytes": weights.raw,
            "code_packed_bytes": weights.packed,
            "code_closure_bytes": weights.closure,
        }
    return cells


def _count(remarks: Sequence[Remark], confidence: Confidence) -> int:
    return sum(remark.confidence is confidence for remark in remarks)
