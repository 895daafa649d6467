"""`make try-action CLONE=… PULLS="…"`: the action's steps on pull requests of a clone, as printed.

The clone is read, never written. Exit codes, annotations and the step's summary of each.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cli import runner
from tests.cli.test_action import ACTION


def commit(clone: Path, name: str) -> str:
    """The commit that `name` stands for; ends the command where there is none."""
    asked = subprocess.run(
        ["git", "-C", str(clone), "rev-parse", "--verify", f"{name}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"{clone} has no {name}: fetch '+refs/pull/*/head:refs/pull/*/head'")
    return asked.stdout.strip()


def main() -> int:
    """Run it for each number; 1 where a step failed otherwise than by its answer."""
    clone, numbers = Path(sys.argv[1]).resolve(), sys.argv[2:]
    if not sys.argv[1] or not numbers or not clone.is_dir():
        print('make try-action CLONE=path/of/a/clone PULLS="1 2"', file=sys.stderr)
        return 64
    base, code = commit(clone, "main"), 0
    for number in numbers:
        head = commit(clone, f"refs/pull/{number}/head")
        event = {"base": {"sha": base}, "head": {"sha": head}}
        with tempfile.TemporaryDirectory(prefix="gv-action-") as name:
            place = Path(name)
            ran = runner.run(
                ACTION,
                {"python": sys.executable, "checkout": str(clone)},
                {"event": {"pull_request": event}},
                place,
                runner.environment(place / "temporary"),
            )
        print(f"===== #{number}: exit code {ran.code}, answer {ran.outputs['answer']!r}")
        print(f"----- printed\n{ran.printed}----- summary\n{ran.summary}")
        code |= ran.code not in {0, 1, 2}
    return code


if __name__ == "__main__":
    sys.exit(main())
