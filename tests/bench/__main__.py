"""`make bench`: the figures, as ratios of medians of interleaved runs.

| figure | target |
|---|---|
| import of torch and 100 steps in a box whose calls are recorded ÷ in one whose are not | ≤ 1.02 |
| pass ÷ the same scorer driven in one process without a wire | ≤ 1.10 |
| box start to first answer ÷ bare `docker run` to first output, ÷ a bare process | ≤ 1.3; – |
| a training step's CPU time in a box ÷ the same in a bare container | ≤ 1.02 |
| a limit passes → the last of 50 processes is gone: p50, p99, max of 100 kills | ≤ 100 ms |
| 62,000,000 charges summed exactly and hashed | ≤ 1.5 s, ≤ 600 MB |
| sampled replay of 10,000 draws at competition lengths, in passes | ≤ 0.25, δ printed |
| cost of a verification over sizes spanning 10× | linear, R² |
| a busy box watched ÷ not; the share of a processor that the watch takes | 1.00; ≤ 1 % |
| triage.html over 2,059 rows; the four files of a triage | ≤ 10 MB; ≤ 5 s |
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.bench import (
    boxes,
    exact,
    kills,
    pages,
    passes,
    recorded,
    sampled,
    sizes,
    walls,
    watching,
)

PARTS = {
    "exact": exact.figures,
    "sampled": sampled.figures,
    "boxes": boxes.figures,
    "walls": walls.figures,
    "kills": kills.figures,
    "recorded": recorded.figures,
    "passes": passes.figures,
    "sizes": sizes.figures,
    "pages": pages.figures,
    "watching": watching.figures,
}


def main() -> int:
    """Measure the parts named, or all, and print one table."""
    console = Console()
    table = Table("figure", "measured", "target", "how")
    for name in sys.argv[1:] or PARTS:
        for row in PARTS[name]():
            table.add_row(*row)
            console.print(" · ".join(row))
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
