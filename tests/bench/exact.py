"""How long does the exact sum of a competition's charges take, and how much memory?"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TARGETS = 62_000_000
RUNS = 5


def measured() -> tuple[float, int]:
    """(seconds, peak bytes beyond the charges' own file) in this process."""
    import tempfile

    import numpy as np

    from verifier.metric import bits_per_byte, exact_sum

    random = np.random.default_rng(0)
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(62):
            block = random.gamma(0.5, 2.4, TARGETS // 62).astype(np.float32)
            file.write(block.tobytes())
        file.flush()
        charges = np.memmap(file.name, np.float32, "r")
        began = time.perf_counter()
        number = bits_per_byte(exact_sum(charges), 151_080_000)
        digest = hashlib.sha256(memoryview(charges).cast("B")).hexdigest()
        seconds = time.perf_counter() - began
    assert number > 0
    assert digest
    return seconds, peak_bytes()


def peak_bytes() -> int:
    """This process's own peak; `getrusage` would give its parent's, where that is larger."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel tells no peak")


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Medians of fresh processes; the memory is the process's peak, mapped charges included."""
    command = [sys.executable, "-m", "tests.bench.exact"]
    runs = [
        tuple(map(float, subprocess.run(command, capture_output=True, check=True).stdout.split()))
        for _ in range(RUNS)
    ]
    seconds = sorted(run[0] for run in runs)[RUNS // 2]
    peak = max(run[1] for run in runs)
    how = f"median of {RUNS} processes, one thread"
    yield "62,000,000 charges summed and hashed", f"{seconds:.2f} s", "≤ 1.5 s", how
    yield "their peak memory, mapped file included", f"{peak / 1e6:.0f} MB", "≤ 600 MB", "largest"


if __name__ == "__main__":
    print(*measured())
