"""How fast is this node just now? The same reference work each time, outside of any box.

Must never run anything of a submission's, nor fail a run: a node that cannot be probed is not.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PIECES = Path(__file__).with_name("speed_pieces.py")
PROBE_SECONDS = 60.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def probe(threads: int) -> Mapping[str, float]:
    """Seconds of each piece of reference work with so many threads; empty where it failed."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PIECES)],
            env=environment,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=True,
        )
        found = {str(name): float(value) for name, value in json.loads(done.stdout).items()}
    except (OSError, subprocess.SubprocessError, ValueError, AttributeError, TypeError):
        return {}
    return {name: seconds for name, seconds in found.items() if 0 < seconds < math.inf}
