"""`make tried`: every cheat and every honest example, as `verifier try` sees it before any verdict.

What breaks the contract is caught within seconds, at home, by the checks that its row names. What
only a whole run shows (a limit, the held-out text, the measured number) is beyond a trial, and the
row says so. Ends with 1 if any row is wrong.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cheats.catalog import CHEATS, Cheat
from tests.cheats.running import cheats_policy, composed, own_store
from verifier import installed
from verifier.pipeline.trying import Tried, TryRequest, try_out
from verifier.records import Outcome
from verifier.watch import Unwatched

NOTHING: tuple[str, ...] = ()
BEYOND = {
    "claims_more": "the number is measured on the held-out documents",
    "brings_the_text": "nobody looks for held-out text in a trial",
    "seeks_on_disk": "honest towards the contract",
    "seeks_in_the_environment": "honest towards the contract",
    "seeks_in_memory": "honest towards the contract",
    "seeks_in_the_page_cache": "honest towards the contract",
    "seeks_over_the_network": "honest towards the contract",
    "honest": "the honest one",
}
"""Rows in which a trial finds nothing, and why that is as it should be."""
OTHERWISE = {
    "trains_too_long": ("training",),
    # Its policy allows three seconds of everything, training too.
    "too_slow": ("training", "speed", "protocol"),
}
"""Rows that a trial catches by another check than a verdict; any of these will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One printed row; `wrong` is "" where all is well."""

    name: str
    caught_by: str
    said: str
    exit_code: int
    seconds: float
    wrong: str


def tried(folder: Path, policy: dict[str, str] | None = None) -> Tried:
    """A trial of `folder`, trained anew under the cheats' policy."""
    request = TryRequest(
        reference=str(folder), policy=cheats_policy(policy), train=True, train_seconds=300.0
    )
    return try_out(request, Unwatched())


def cheat_line(cheat: Cheat, place: Path) -> Line:
    """One cheat's row."""
    began = time.monotonic()
    with own_store(place / "store"):
        found = tried(composed(cheat, place / cheat.name), dict(cheat.policy))
    expected = OTHERWISE.get(cheat.name, (cheat.audit or "",))
    expected = () if cheat.name in BEYOND else expected
    return _line(cheat.name, found, expected, time.monotonic() - began)


def example_line(folder: Path, place: Path) -> Line:
    """One example's row: nothing may be found."""
    began = time.monotonic()
    with own_store(place / "store"):
        found = tried(folder)
    return _line(folder.name, found, NOTHING, time.monotonic() - began)


def _line(name: str, found: Tried, expected: tuple[str, ...], seconds: float) -> Line:
    wrong = [f for f in found.findings if f.outcome in (Outcome.BROKEN, Outcome.UNPROVEN)]
    wrong.sort(key=lambda f: "example" not in f.evidence)
    names = [f.audit for f in wrong]
    fault = ""
    if expected and not {*expected} & {*names}:
        fault = f"{' or '.join(expected)} expected"
    if not expected and (names or found.exit_code):
        fault = f"{', '.join(names) or 'an exit code'} found where nothing is wrong"
    return Line(
        name=name,
        caught_by=", ".join(names),
        said=wrong[0].reason if wrong else BEYOND.get(name, ""),
        exit_code=found.exit_code,
        seconds=seconds,
        wrong=fault,
    )


def lines(only: list[str]) -> Iterator[Line]:
    """Every row, or those that are named."""
    for cheat in CHEATS:
        if not only or cheat.name in only:
            with tempfile.TemporaryDirectory(prefix="gv-tried-") as name:
                yield cheat_line(cheat, Path(name))
    for path in sorted(installed.path("examples").glob("*/verify.yaml")):
        if not only or path.parent.name in only:
            with tempfile.TemporaryDirectory(prefix="gv-tried-") as name:
                yield example_line(path.parent, Path(name))


def main() -> int:
    """Run and print; 1 if any row is wrong."""
    console = Console(width=200)
    table = Table("row", "caught by", "exit", "seconds", "what try says", "wrong")
    wrong = 0
    for line in lines(sys.argv[1:]):
        wrong += bool(line.wrong)
        cells = (line.name, line.caught_by, str(line.exit_code), f"{line.seconds:.1f}")
        table.add_row(*cells, line.said, line.wrong)
        console.print(" · ".join((*cells, line.said)), markup=False, soft_wrap=True)
    console.print(table)
    console.print(f"{table.row_count} rows, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
