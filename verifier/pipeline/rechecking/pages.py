"""Do the pages say what the evidence says? Written again from it, and compared.

Numbers in report.json may differ in their last digits, as libraries do; words may not. Pictures
are drawn by a library whose versions draw otherwise: of those the words are compared.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from verifier import __version__
from verifier import report as reports
from verifier.pipeline.rechecking.arithmetic import Finished
from verifier.pipeline.rechecking.findings import Forged
from verifier.pipeline.rechecking.handed import LEDGER, REPORTS

ROUNDING = 1e-6
PAGE_BYTES = 256 << 20
_PICTURE = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_WORDS = re.compile(r">([^<>]*)</(?:text|tspan|title|desc)>")


def compare_pages(unpacked: Path, found: Finished, scratch: Path) -> tuple[str, list[str]]:
    """(What that proved, what it did not). Raises Forged where a page says something else."""
    again = scratch / "pages"
    again.mkdir()
    (again / LEDGER).symlink_to(found.ledger.folder, target_is_directory=True)
    reports.write(again, found.evidence, found.verdict)
    if found.evidence.opening.verifier_version != __version__:
        return "", ["the pages: another version of the verifier wrote them"]
    html, data, text = REPORTS
    for name in REPORTS:
        if (unpacked / name).stat().st_size > PAGE_BYTES:
            raise Forged(f"{name} is not what the evidence says: it is far too long")
    if not _alike(_json(unpacked / data), _json(again / data)):
        raise Forged(f"{data} is not what the evidence says")
    if (unpacked / text).read_bytes() != (again / text).read_bytes():
        raise Forged(f"{text} is not what the evidence says")
    theirs, ours = (_read(folder / html) for folder in (unpacked, again))
    if theirs == ours:
        return "pages: they are what the evidence says, to the byte", []
    if _PICTURE.sub("", theirs) != _PICTURE.sub("", ours) or _words(theirs) != _words(ours):
        raise Forged(f"{html} is not what the evidence says")
    return (
        "pages: their words and numbers are what the evidence says",
        ["the lines of the pictures in report.html: they are drawn otherwise here"],
    )


def _words(page: str) -> list[list[str]]:
    """The words of each picture."""
    return [_WORDS.findall(picture) for picture in _PICTURE.findall(page)]


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as wrong:
        raise Forged(f"{path.name} is not JSON") from wrong


def _alike(one: Any, other: Any) -> bool:
    """The same but for rounding."""
    match one, other:
        case dict(), dict():
            return list(one) == list(other) and all(_alike(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(_alike, one, other))
        case float(), float():
            return one == other or math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
        case _:
            return type(one) is type(other) and bool(one == other)
