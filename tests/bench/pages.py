"""How large is the page over a whole history, and how long does it take to write?"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.report.screening import screenings
from verifier.report import screening as told

ROUNDS = 3


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Rows made by a seed, of about the real history's size and number."""
    triage = screenings.thousands()
    seconds = []
    with tempfile.TemporaryDirectory(prefix="gv-bench-") as name:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            page = told.write_triage(triage, Path(name), screenings.RULES)
            seconds.append(time.perf_counter() - began)
        sizes = {path.name: path.stat().st_size for path in sorted(page.parent.iterdir())}
    shown = ", ".join(f"{file} {size / 1e6:.1f} MB" for file, size in sizes.items())
    rows = f"{len(triage.rows):,} rows"
    yield "triage.html", f"{sizes['triage.html'] / 1e6:.1f} MB", "≤ 10 MB", f"{rows}: {shown}"
    yield "a triage written in four formats", f"{statistics.median(seconds):.2f} s", "≤ 5 s", rows
