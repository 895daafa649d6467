"""Does the submission execute files that its own size leaves out? (R1)

A script that weighs itself weighs one file; what it imports, runs or compiles beside it is code
too. Matters where the sum passes the cap. Must stay silent on files that only prepare data.
"""

from __future__ import annotations

import json
import lzma
import posixpath
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.native import SUFFIXES
from verifier.screening.rule import Rule
from verifier.source.program import Program
from verifier.source.tree import Tree

EXTRA = Rule(
    id="size-extra-source",
    sentence="Files beside the script are executed and were not counted into the size.",
    clause="R1",
    at_most=Confidence.REVIEW,
    classes=("SIZE_EXTRA_SRC",),
    clear="Count every file that is executed or read at scoring, packed like the script, and stay "
    "at or under 16,000,000 bytes.",
)
RULES = (EXTRA,)

CAP_BYTES = 16_000_000
_PLAUSIBLE = range(1_000_000, 20_000_000)
_LOGGED = re.compile(rb"[Tt]otal (?:submission|artifact)? ?size[^:\n]{0,60}: ?(\d{7,8})\b")
_WEIGHS = re.compile(r"getsize|st_size|read_bytes\(\)|\.rglob\(|\.glob\(|os\.walk|listdir|encode\(")
_LOG_BYTES = 8_000_000
_JSON_BYTES = 1_000_000


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark, naming the files and what the sum would be."""
    extra = [path for path in _executed(program, tree) if not _counted(program, path)]
    if not extra:
        return
    uncounted = sum(tree.size(path) for path in extra)
    total = _claimed(tree)
    names = ", ".join(posixpath.basename(path) for path in extra[:4])
    said = f"{names}: {uncounted:,} bytes executed beside the script"
    over = False
    if total is not None and total <= CAP_BYTES < total + uncounted:
        packed = _packed(tree, extra)
        over = total + packed > CAP_BYTES
        said += f" ({packed:,} packed); {total:,} claimed, {total + packed:,} with them packed"
    elif total is not None:
        said += f"; {total:,} claimed, {total + uncounted:,} with them"
    yield Remark(
        rule=EXTRA.id,
        confidence=Confidence.REVIEW if over else Confidence.NOTE,
        said=said,
        locations=tuple(Location(path=path) for path in extra[:6]),
        values={"uncounted_bytes": uncounted, "claimed_bytes": total},
    )


def _packed(tree: Tree, paths: list[str]) -> int:
    """What the files would weigh packed together, as scripts are (R1)."""
    return len(lzma.compress(b"".join(tree.files.get(path, b"") for path in paths)))


def _executed(program: Program, tree: Tree) -> list[str]:
    """Python files that are executed, and native sources that the script names."""
    python = {unit.path for unit in program.units} - {program.entry.path}
    native = {
        path
        for path in tree.paths
        if path.endswith(SUFFIXES)
        and any(posixpath.basename(path) in unit.text for unit in program.units)
    }
    return [path for path in tree.paths if path in python | native]


def _counted(program: Program, path: str) -> bool:
    """Whether the script weighs a file of that name: it stands in a line that measures."""
    name = posixpath.basename(path)
    return any(name in row and _WEIGHS.search(row) for unit in program.units for row in unit.rows())


def _claimed(tree: Tree) -> int | None:
    """The total the submission claims, in bytes: its submission.json, else its logs' largest."""
    text = tree.text("submission.json") or ""
    if len(text) <= _JSON_BYTES:
        try:
            known = json.loads(text)
        except (ValueError, RecursionError):
            known = {}
        claims = _totals(known) if isinstance(known, dict) else []
        if claims:
            return max(claims)
    logged = [
        int(size)
        for path in tree.paths
        if path.endswith((".log", ".txt")) and len(tree.files.get(path, b"")) <= _LOG_BYTES
        for size in _LOGGED.findall(tree.files.get(path, b""))
    ]
    return max((size for size in logged if size in _PLAUSIBLE), default=None)


def _totals(known: dict[str, object]) -> list[int]:
    return [
        int(value)
        for key, value in known.items()
        if ("total" in key or "artifact" in key or "submission" in key)
        and ("byte" in key or "size" in key)
        and isinstance(value, int | float)
        and int(value) in _PLAUSIBLE
    ]
