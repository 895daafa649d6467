"""`make attacks`: what was tried, what was expected of it and what happened.

    python -m tests.attacks [PART …] [--only TEXT] [--json]

The parts are those of `PARTS`; all of them, if none is named. Progress goes to stderr, the table to
stdout. Rows are kept under `out/attacks/`, by what the verifier is made of and what they are given,
and a re-run goes on where it stopped. Ends with 1 if any row is not as expected, with 64 if a part
is unknown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.attacks import faults, forgeries, guests, weak
from tests.attacks.rows import Kept, Line, Part
from tests.tested import commit, inputs, verdict_inputs
from verifier.cli.main import FAILED, USAGE
from verifier.cli.watching import watcher
from verifier.errors import VerifierError
from verifier.watch import Watch

PARTS: Mapping[str, Part] = {
    "weak": weak.rows,
    "forgeries": forgeries.planned,
    "faults": faults.planned,
    "guests": guests.rows,
}
ONLY_VERDICTS = ("weak",)


def lines(names: Sequence[str], only: str, out: Path, watch: Watch) -> Iterator[Line]:
    """Every row of the parts named whose name holds `only`, in order, each run unless it was."""
    at = commit()
    for part in names:
        version = verdict_inputs() if part in ONLY_VERDICTS else inputs()
        kept = Kept(out / f"{part}-{version}.jsonl")
        for planned in PARTS[part](out / f"{part}-{version}", watch):
            if only not in planned.name:
                continue
            line = kept.find(part, planned)
            if line is None:
                began = time.monotonic()
                row = planned.run()
                seconds = time.monotonic() - began
                line = Line(part=part, name=planned.name, seconds=seconds, commit=at, row=row)
                kept.add(planned, line)
            yield line


def said(line: Line) -> str:
    """One line of progress."""
    wrong = f"  WRONG: {line.row.wrong}" if line.row.wrong else ""
    return f"{line.part} · {line.name} · {line.row.got} · {line.seconds:.1f} s{wrong}"


def table(found: Sequence[Line]) -> Table:
    """What people read."""
    title = f"commit {', '.join(dict.fromkeys(line.commit for line in found))}"
    made = Table("part", "row", "expected", "got", "seconds", "wrong", title=title)
    for line in found:
        row = line.row
        seconds = f"{line.seconds:.1f}"
        made.add_row(line.part, line.name, row.expected, row.got, seconds, row.wrong)
    return made


def main(arguments: Sequence[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks")
    parser.add_argument("parts", nargs="*", metavar="PART", help=" or ".join(PARTS))
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose names hold TEXT")
    parser.add_argument("--json", action="store_true", help="print JSON for machines on stdout")
    asked = parser.parse_args(arguments)
    names = asked.parts or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        print(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}", file=sys.stderr)
        return USAGE
    watch, found = watcher(quiet=False), []
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        out = Path(os.environ.get("OUT", "out")).resolve() / "attacks"
        for line in lines(names, asked.only, out, watch):
            found.append(line)
            progress.print(said(line), markup=False)
    except VerifierError as fault:
        progress.print(f"error: {fault}", markup=False)
        return FAILED
    wrong = sum(bool(line.row.wrong) for line in found)
    if asked.json:
        rows = [asdict(line) for line in found]
        answer = {"commit": commit(), "inputs": inputs(), "wrong": wrong, "rows": rows}
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        console = Console()
        console.print(table(found))
        console.print(f"{len(found)} rows, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
