"""How do we say what shadow runs showed, of one script or of a labelled list? One file per format.

Must never decide, and never call anything VERIFIED.
"""

from __future__ import annotations

from pathlib import Path

from verifier.errors import RequestError
from verifier.report import files
from verifier.report.shadow import as_github, as_json, as_markdown, labelled
from verifier.report.shadow.terminal import render
from verifier.report.shadow.words import EXIT_CODES
from verifier.shadow import Shadowed

__all__ = ["EXIT_CODES", "as_format", "labelled", "render", "write"]


def as_format(answer: Shadowed, reference: str, format: str) -> str:
    """The answer in one of json, md and github. Raises RequestError for another."""
    match format:
        case "json":
            return as_json.page(answer, reference)
        case "md":
            return as_markdown.page(answer, reference)
        case "github":
            return "".join(f"{line}\n" for line in as_github.lines(answer))
    raise RequestError(f"there is no format {format!r}", remedy="table, json, md or github")


def write(answer: Shadowed, reference: str, folder: Path) -> None:
    """Write shadow.json and shadow.md. Raises StorageFault when that cannot be."""
    files.put(folder / "shadow.json", as_json.page(answer, reference))
    files.put(folder / "shadow.md", as_markdown.page(answer, reference))
