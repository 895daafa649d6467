"""How do many finished runs look side by side? One page, read from their report.json alone.

Worst first: what cannot be read, then REFUTED, INCONCLUSIVE, REPRODUCED, VERIFIED. The page's only
script is ours, named by its hash in the page's own policy; it hides and orders rows that are there
without it. Must never rank what was not verified, and never drop a run in silence.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from verifier.errors import BadInput, RequestError
from verifier.records import Answer
from verifier.report import words
from verifier.report.as_html import environment
from verifier.report.leading import lead
from verifier.report.model import Report

REPORT_BYTES = 1 << 28
AUDITS_SHOWN = 4
UNREAD = "NO VERDICT"
UNREAD_GLYPH = "!"
STANDING = (Answer.VERIFIED, Answer.REPRODUCED)
# worst first; what nobody could read may be anything
_ANSWERS = (UNREAD, *(Answer.REFUTED, Answer.INCONCLUSIVE, Answer.REPRODUCED, Answer.VERIFIED))


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
    notes: tuple[str, ...] = ()


class _Report(BaseModel):
    """What the overview needs of a report.json, whatever else another version has in it."""

    verdict: _Verdict
    opening: _Opening


@dataclass(frozen=True, slots=True)
class Row:
    """One run: where its page lies as seen from the overview, and what to know of it first.

    `audits` names what stands in the way. `report` is None where nothing could be read; `said` then
    says why, and there is no `address`.
    """

    folder: str
    said: tuple[str, ...]
    audits: str = ""
    report: _Report | None = None
    address: str = ""

    @property
    def answer(self) -> str:
        """One of `_ANSWERS`."""
        return UNREAD if self.report is None else self.report.verdict.answer.value

    @property
    def at_bound(self) -> float | None:
        """Bits per byte with the bound on top; None where the number does not stand."""
        if self.report is None or self.report.verdict.answer not in STANDING:
            return None
        verdict = self.report.verdict
        return None if verdict.bpb is None else verdict.bpb + (verdict.delta_bpb or 0.0)

    @property
    def context(self) -> str:
        """What a token's cost may rest on, in short: "context: document"; "" if nobody said."""
        said = "" if self.report is None else words.context(self.report.verdict.notes)
        return said.partition(" (")[0]


def page(folders: Sequence[Path], beside: Path, unread: Mapping[Path, str] | None = None) -> str:
    """The overview of `folders`, to be written into folder `beside`.

    `unread` are folders that are known to hold no verdict, and why; a folder of `folders` whose
    report.json cannot be read joins them.
    """
    rows = [Row(_name(folder), (why,)) for folder, why in (unread or {}).items()]
    rows += [_row(folder, beside) for folder in folders]
    rows.sort(key=_order)
    counts = [(word, sum(row.answer == word for row in rows)) for word in _ANSWERS]
    style = _text("style.css") + _text("overview.css")
    script = f'"use strict";\n(() => {{\n{_text("overview.js")}}})();\n'
    return (
        environment()
        .get_template("overview.html")
        .render(
            rows=rows,
            counts=[(word, count) for word, count in counts if count],
            glyphs=words.ANSWER_GLYPHS | {UNREAD: UNREAD_GLYPH},
            style=Markup(style),
            style_hash=_hash(style),
            script=Markup(script),
            script_hash=_hash(script),
        )
    )


def _order(row: Row) -> tuple[int, float, str, str]:
    """Worst first; what stands by its number with its bound, the others as they were started."""
    started = "" if row.report is None else row.report.opening.started_utc
    return (_ANSWERS.index(row.answer), row.at_bound or 0.0, started, row.folder)


def _row(folder: Path, beside: Path) -> Row:
    try:
        text = _read(folder)
        report = _parsed(text, folder / "report.json")
    except RequestError as fault:
        return Row(_name(folder), (str(fault),))
    audits, said = _first(text) or (_listed(report.verdict.deciding), (report.verdict.why,))
    return Row(_name(folder), said, audits, report, _address(folder, beside))


def _name(folder: Path) -> str:
    return folder.name or str(folder)


def _address(folder: Path, beside: Path) -> str:
    """A relative address of the folder's page: every character that could steer a URL is quoted."""
    relative = os.path.relpath(folder / "report.html", beside)
    return quote(os.fsencode(relative), safe="/")


def _read(folder: Path) -> bytes:
    """Raises RequestError for a folder without a report.json."""
    try:
        with (folder / "report.json").open("rb") as file:
            return file.read(REPORT_BYTES)
    except OSError as fault:
        raise RequestError(
            f"{folder} holds no report.json: {fault.strerror}",
            remedy="finish the run with `verifier verify` first",
        ) from fault


def _parsed(text: bytes, path: Path) -> _Report:
    """Raises BadInput for what is no report."""
    try:
        return _Report.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"is no report: {first['msg']}", file=path, place=place) from fault


def _first(text: bytes) -> tuple[str, tuple[str, ...]] | None:
    """(audits, sentences) at the top of the run's own page; None for another version's report."""
    try:
        first = lead(Report.model_validate_json(text))
    except ValidationError:
        return None
    audits = _listed([finding.audit for finding in first.findings])
    if first.findings:
        audits = f"{first.findings[0].outcome.value}: {audits}"
        audits += f" (+ {first.more} more)" if first.more else ""
    return audits, (*first.said, *first.places[:1])


def _listed(audits: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = len(audits) - AUDITS_SHOWN
    return ", ".join(audits[:AUDITS_SHOWN]) + (f" and {more} more" if more > 0 else "")


# ---------------------------------------------------------------- one file


def _text(name: str) -> str:
    """A file of the pages as it stands in the page: its own includes resolved, nothing escaped."""
    template = environment().get_template(name)
    return template.render()


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"sha256-{digest}"
