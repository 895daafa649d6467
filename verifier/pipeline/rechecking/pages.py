"""Do the pages say what the evidence says? Written again from it, and compared.

Numbers in report.json may differ in their last digits, as libraries do; words may not. Pictures
are drawn by a library whose versions draw otherwise: of those the words are compared.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from verifier import __version__
from verifier import report as reports
from verifier.pipeline.rechecking.arithmetic import Finished
from verifier.pipeline.rechecking.findings import Belongs, Forged
from verifier.pipeline.rechecking.handed import LEDGER, REPORTS

ROUNDING = 1e-9
PAGE_BYTES = 256 << 20
_PICTURE = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_FLOAT = re.compile(r"(?<= )-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?=,?\n)")
_WORDS = re.compile(r">([^<>]*)</(?:text|tspan|title|desc)>")


def compare_pages(unpacked: Path, found: Finished, scratch: Path) -> Belongs:
    """Each page against one written here. Raises Forged where it says something else."""
    if found.evidence.opening.verifier_version != __version__:
        return Belongs(doubts=("the pages are another version's, and may say anything",))
    again = scratch / "pages"
    again.mkdir()
    (again / LEDGER).symlink_to(found.ledger.folder, target_is_directory=True)
    reports.write(again, found.evidence, found.verdict)
    for name in REPORTS:
        if (unpacked / name).stat().st_size > PAGE_BYTES:
            raise Forged(f"{name} is not what the evidence says: it is far too long")
    theirs, ours = (
        {name: _read(folder / name) for name in REPORTS} for folder in (unpacked, again)
    )
    if theirs == ours:
        return Belongs(proved=("pages: they are what the evidence says, to the byte",))
    html, data, text = REPORTS
    unproven = []
    if theirs[text] != ours[text]:
        raise Forged(f"{text} is not what the evidence says")
    if theirs[data] != ours[data]:
        if not _same_but_rounding(theirs[data], ours[data]):
            raise Forged(f"{data} is not what the evidence says")
        unproven.append(f"the last digits in {data}: they are others here")
    if theirs[html] != ours[html]:
        if _around_pictures(theirs[html]) != _around_pictures(ours[html]):
            raise Forged(f"{html} is not what the evidence says")
        unproven.append(f"the lines of the pictures in {html}: they are drawn otherwise here")
    said = "pages: their words are what the evidence says, their numbers but for rounding"
    return Belongs(proved=(said,), unproven=tuple(unproven))


def _around_pictures(page: str) -> tuple[str, list[list[str]]]:
    """What is no picture, and the words of each."""
    return _PICTURE.sub("", page), [_WORDS.findall(each) for each in _PICTURE.findall(page)]


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _same_but_rounding(one: str, other: str) -> bool:
    """The same to the byte, but for the last digits of numbers that are no whole ones."""
    if _FLOAT.sub("0.0", one) != _FLOAT.sub("0.0", other):
        return False
    pairs = zip(_FLOAT.findall(one), _FLOAT.findall(other), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=ROUNDING, abs_tol=ROUNDING) for a, b in pairs
    )
