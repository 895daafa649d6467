"""Forgeries: what a stranger may hand over, and what `recheck` must make of it.

    python -m tests.attacks.forgeries [--json]

Each row is one way to forge, many tries in some. What must come is an exit code: 1 what contradicts
itself, 2 what agrees with itself and nobody known stands for, 64 what is not whole.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.attacks import flipping, forging, rewriting, swapping
from tests.attacks import rows as table
from tests.attacks.case import Came, Case, Row
from tests.attacks.forging import Run
from verifier import pipeline
from verifier.cli.rechecking import code_of
from verifier.errors import VerifierError
from verifier.watch import Watch


def cases() -> tuple[Case, ...]:
    """Every way to forge, in order."""
    return (*flipping.cases(), *rewriting.cases(), *swapping.cases())


def came(path: Path, **asked: Any) -> Came:
    """What recheck makes of what lies at `path`, as the command line would end."""
    try:
        found = pipeline.recheck(pipeline.Asked(named=str(path), **asked))
    except VerifierError as fault:
        return Came(fault.exit_code, str(fault))
    open_questions = [said for each in found.looked for said in (*each.doubts, *each.unproven)]
    said = "; ".join((f"{found.signer.standing} key, not proved", *open_questions))
    return Came(code_of(found, allow_unsigned=False), found.forged or said)


def rows(place: Path) -> Iterator[Row]:
    """Every row; `place` is a new folder. What each try came to decides, nothing is skipped."""
    run = forging.finished_run(place)
    with forging.at_home(place):
        for case in cases():
            yield tried(case, run)


def planned(place: Path, watch: Watch) -> Iterator[table.Planned]:
    """The same rows for the table of attacks; the run that is forged is made when one is run."""
    del watch
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(path.read_bytes())

    @functools.cache
    def run() -> Run:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return forging.finished_run(place)

    def row(case: Case) -> table.Row:
        made = run()
        with forging.at_home(place):
            came = tried(case, made)
        wrong = "" if came.ok else came.happened
        return table.Row(expected=came.expected, got=came.happened, wrong=wrong)

    for case in cases():
        run_it = functools.partial(row, case)
        yield table.Planned(name=case.name, digest=whole.hexdigest(), run=run_it)


def tried(case: Case, run: Run) -> Row:
    """Hand over every try of one case."""
    count, wrong, last = 0, "", Came(0, "")
    for path in case.tries(run):
        count += 1
        last = came(path)
        if (last.code not in case.expected or case.says not in last.said) and not wrong:
            wrong = f"try {count}: {last.code}, {last.said}"
    wrong = wrong or ("" if count else "nothing was tried")
    many = f"{count} tries; " if count > 1 else ""
    return Row(
        forgery=case.name,
        expected=" or ".join(map(str, case.expected)),
        happened=wrong or f"{many}{last.code}: {last.said[:160]}",
        ok=not wrong,
    )


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a row is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.forgeries")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory(prefix="gv-forgeries-") as name:
        for row in rows(Path(name)):
            found.append(row)
            if not asked.json:
                mark = "ok " if row.ok else "BAD"
                print(f"{mark} {row.forgery:<62} {row.expected:<8} {row.happened}", flush=True)
    wrong = sum(not row.ok for row in found)
    if asked.json:
        print(json.dumps([dataclasses.asdict(row) for row in found], indent=1))
    else:
        print(f"{len(found)} forgeries, {wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
