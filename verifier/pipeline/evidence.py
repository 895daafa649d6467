"""From a ledger to a verdict and its pages. Runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verifier import report as reports
from verifier import signature
from verifier.errors import RequestError
from verifier.ledger import Ledger
from verifier.pipeline.rechecking.arithmetic import finished as finished_ledger
from verifier.pipeline.rechecking.findings import Forged
from verifier.pipeline.rechecking.handed import ledger_folder
from verifier.pipeline.request import Report, Request
from verifier.records import Verdict
from verifier.verdict import decide
from verifier.watch import Watch


def conclude(ledger: Ledger, key: signature.Key, request: Request, watch: Watch) -> Report:
    """Decide from the ledger alone, sign its head, write the reports beside it."""
    folder = ledger.folder.parent
    finished = ledger.find(Verdict)
    if finished:
        watch.note("already decided: the finished verdict is shown again")
    verdict = finished[-1] if finished else decide(ledger.evidence(), request.policy.policy)
    if not finished:
        ledger.append(verdict)
    signature.sign_head(key, ledger.folder, ledger.head)
    html = reports.write(folder, ledger.evidence(), verdict)
    return Report(verdict=verdict, folder=folder, html=html)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """The page over several runs, how many verdicts it shows, and the folders without one: why."""

    page: Path
    verdicts: int
    unread: Mapping[Path, str]


def report(folders: list[Path], out: Path, watch: Watch) -> Indexed:
    """Write the pages of finished ledgers again, and an index over several.

    A folder that holds no finished run, or a damaged one, is noted and listed in the index with
    the reason. Raises RequestError when none is finished.
    """
    finished: list[Path] = []
    unread: dict[Path, str] = {}
    with watch.phase("pages", len(folders)) as progress:
        for folder in folders:
            try:
                ledger = finished_ledger(ledger_folder(folder))
                (verdict,) = ledger.find(Verdict)
                reports.write(folder, ledger.evidence(), verdict)
                finished.append(folder)
            except (RequestError, Forged) as fault:
                unread[folder] = str(fault)
                watch.note(f"no verdict: {fault}")
            progress.advance(1)
    if not finished:
        raise RequestError(
            "none of these runs is finished", remedy="finish one with `verifier verify` first"
        )
    page = reports.index(finished, out, unread)
    return Indexed(page=page, verdicts=len(finished), unread=unread)
