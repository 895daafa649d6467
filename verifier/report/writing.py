"""Where does a finished run's report go? Three files beside the run, one page over several.

Must never decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from verifier.records import Evidence, Verdict
from verifier.report import as_html, as_markdown, files, overview
from verifier.report.contents import tell


def write(folder: Path, evidence: Evidence, verdict: Verdict) -> Path:
    """Write report.json, report.md and report.html into `folder`; returns the last one's path.

    The same evidence and verdict give the same bytes. The policy is read from the run's ledger in
    `folder`; without it the report says less. Raises StorageFault when the disk does not take it.
    """
    report = tell(evidence, verdict, files.kept_policy(folder, evidence.opening))
    body = json.dumps(report.model_dump(mode="json"), indent=1, allow_nan=False)
    files.put(folder / "report.json", body + "\n")
    files.put(folder / "report.md", as_markdown.page(report))
    files.put(folder / "report.html", as_html.page(report))
    return folder / "report.html"


def index(folders: Sequence[Path], out: Path, unread: Mapping[Path, str] | None = None) -> Path:
    """Write one page over several finished runs, from their report.json; returns its path.

    `out` is the page, or a folder that gets an index.html. `unread` are folders without a verdict,
    and why; a folder whose report.json cannot be read is listed like them. Raises StorageFault.
    """
    path = out / "index.html" if out.is_dir() else out
    files.put(path, overview.page(folders, path.parent, unread))
    return path
