"""How do several finished runs look side by side? One page, read from their report.json alone.

Runs that a person must look at come first. Must never rank what was not verified.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from verifier.errors import BadInput, RequestError
from verifier.records import Answer
from verifier.report.as_html import environment

REPORT_BYTES = 1 << 28


class _Submission(BaseModel):
    name: str
    author: str


class _Opening(BaseModel):
    started_utc: str
    submission: _Submission


class _Verdict(BaseModel):
    answer: Answer
    line: str
    why: str
    bpb: float | None
    bpb_std: float | None
    delta_bpb: float | None
    policy: str
    assurance: str
    deciding: tuple[str, ...]


class _Report(BaseModel):
    """What the overview needs of a report.json, whatever else another version has in it."""

    verdict: _Verdict
    opening: _Opening


@dataclass(frozen=True, slots=True)
class Row:
    """One run, and where its page lies as seen from the overview."""

    report: _Report
    address: str
    folder: str


def page(folders: list[Path], beside: Path) -> str:
    """The overview of `folders`, to be written into folder `beside`.

    Raises RequestError for a folder without a report.json, BadInput for one that is no report.
    """
    rows = [Row(_read(folder), _address(folder, beside), folder.name) for folder in folders]
    groups = [
        (answer, sorted((r for r in rows if r.report.verdict.answer is answer), key=_order))
        for answer in (Answer.INCONCLUSIVE, Answer.REFUTED, Answer.REPRODUCED, Answer.VERIFIED)
    ]
    template = environment().get_template("overview.html")
    return template.render(count=len(rows), groups=[(a, found) for a, found in groups if found])


def _order(row: Row) -> tuple[float, str]:
    """Runs that stand by their number with its bound, the others as they were started."""
    verdict, started = row.report.verdict, row.report.opening.started_utc
    if verdict.answer not in (Answer.VERIFIED, Answer.REPRODUCED) or verdict.bpb is None:
        return (0.0, started)
    return (verdict.bpb + (verdict.delta_bpb or 0.0), started)


def _address(folder: Path, beside: Path) -> str:
    """A relative address of the folder's page: every character that could steer a URL is quoted."""
    relative = os.path.relpath(folder / "report.html", beside)
    return quote(os.fsencode(relative), safe="/")


def _read(folder: Path) -> _Report:
    path = folder / "report.json"
    try:
        with path.open("rb") as file:
            text = file.read(REPORT_BYTES)
    except OSError as fault:
        raise RequestError(
            f"{folder} holds no report.json: {fault.strerror}",
            remedy="finish the run with `verifier verify` first",
        ) from fault
    try:
        return _Report.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"is no report: {first['msg']}", file=path, place=place) from fault
