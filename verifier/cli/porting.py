"""`verifier init --from SCRIPT FOLDER`: a script becomes a submission of contract scorer/1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.porting import Port


def init_from(script: Path, folder: Path, *, as_json: bool) -> None:
    """Port `script` into `folder`, and say what was kept and what is left to do."""
    from verifier import porting

    made = porting.port(porting.read_given(script))
    porting.write(made, folder)
    if as_json:
        print(json.dumps(_said(made, folder), ensure_ascii=False))
        return
    _print(made, folder)


def _said(made: Port, folder: Path) -> dict[str, object]:
    counts = made.counts
    return {
        "folder": str(folder),
        "script": made.entry,
        "packed": made.layer,
        "lines": {
            "kept": counts.kept,
            "changed": counts.changed,
            "dropped": counts.dropped,
            "added": counts.added,
        },
        "left": [
            {
                "file": each.where.value,
                "line": each.line,
                "text": each.text,
                "what": each.what,
                "needed": each.needed,
            }
            for each in made.remarks
        ],
    }


def _print(made: Port, folder: Path) -> None:
    from rich.console import Console

    from verifier.report.lettering import paragraph

    console = Console(highlight=False, emoji=False)
    counts = made.counts
    changed = counts.changed + counts.added
    paragraph(
        console,
        f"{folder}: {counts.kept} lines of {made.entry} kept, {counts.dropped} dropped, "
        f"{changed} changed or added",
    )
    for each in sorted(made.remarks, key=lambda one: not one.needed):
        must = "change " if each.needed else "look at"
        place = f", line {each.line} of {made.entry}" if each.line else ""
        paragraph(console, f"{must}  {each.where.value}{place}: {each.what}", 2, hanging=9)
        if each.text:
            paragraph(console, each.text, 11, style="dim")
    needed = sum(each.needed for each in made.remarks)
    paragraph(
        console,
        f"next: {'see to the above (TODO.md), then ' if needed else ''}verifier verify {folder}",
    )
