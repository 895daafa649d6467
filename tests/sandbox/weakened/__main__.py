"""The table of `make weakened`: which probes notice each wall that is taken away."""

from __future__ import annotations

import sys

from tests.sandbox.weakened import WEAKNESSES, row
from verifier.errors import MachineFault
from verifier.sandbox import (
    BACKENDS,
)


def main() -> int:
    """Print the table; 1 where a wall can be taken away and no probe notices."""
    unnoticed = 0
    wanted = sys.argv[1:]
    for backend in BACKENDS:
        try:
            BACKENDS[backend]()
        except MachineFault as fault:
            print(f"{backend:<11} not here: {fault}")
            continue
        for weakness in WEAKNESSES:
            if weakness.backend != backend:
                continue
            if wanted and weakness.backend not in wanted and weakness.wall not in wanted:
                continue
            alone, said = row(weakness)
            unnoticed += alone
            print(f"{backend:<11} {weakness.wall:<24} {said}", flush=True)
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
