"""What do the walls cost a training step? The baseline's model in a box, and in a bare container.

Both run the same file on the same root with one thread; the figure is CPU time a step, which a busy
machine disturbs less than wall time. Its own clock is good enough: the file is ours.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.bench.backends import at_hand, pinned_root
from tests.bench.boxes import LIMITS
from tests.sandbox.conftest import open_to_all
from verifier import installed
from verifier.records import BoxSpec, Mount, Root
from verifier.sandbox.enginestore import REPOSITORY, tag
from verifier.sandbox.interface import Sandbox

RUNS = 7
STEPS = 24
EXAMPLE = "baseline"
MODEL, CODE = "/example", "/bench"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": MODEL}
STEP = f"""
import time, statistics, torch
import train
torch.set_num_threads(1)
torch.manual_seed(1)
train.STEPS = 4
ids = torch.randint(2, train.VOCABULARY, (200_000,))
model = train.Model()
train.train(model, ids)
train.STEPS = {STEPS}
began = time.process_time()
train.train(model, ids)
print("SECONDS", (time.process_time() - began) / {STEPS})
"""


def boxed_seconds(sandbox: Sandbox, root: Root, folder: Path) -> float:
    """CPU seconds of a step in a box."""
    spec = BoxSpec(
        label="step",
        root=root,
        argv=("python3", f"{CODE}/step.py"),
        environment=ENVIRONMENT,
        inputs=(
            Mount(source=installed.path("examples") / EXAMPLE, target=MODEL),
            Mount(source=folder, target=CODE),
        ),
        output=None,
        channel=None,
        working_folder="/",
        limits=replace(LIMITS, memory_bytes=4 << 30, wall_seconds=300.0),
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    return told("" if end is None else end.log)


def bare_seconds(root: Root, folder: Path) -> float:
    """The same in a container without walls of ours and without the engine's filter."""
    command = ["docker", "run", "--rm", "--security-opt", "seccomp=unconfined", "--cpus", "1"]
    for name, value in ENVIRONMENT.items():
        command += ["--env", f"{name}={value}"]
    command += ["--volume", f"{installed.path('examples') / EXAMPLE}:{MODEL}:ro"]
    command += ["--volume", f"{folder}:{CODE}:ro", f"{REPOSITORY}:{tag(root)}"]
    command += ["python3", f"{CODE}/step.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return told(done.stdout)


def told(text: str) -> float:
    """The seconds that the file printed."""
    found = re.search(r"SECONDS ([0-9.e-]+)", text)
    assert found, text
    return float(found[1])


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Medians of interleaved runs; `plain` has another root, and so nothing to be compared with."""
    root = pinned_root()
    with tempfile.TemporaryDirectory(prefix="gv-bench-") as name:
        folder = Path(name)
        open_to_all(folder)
        (folder / "step.py").write_text(STEP, encoding="utf-8")
        arms: dict[str, Callable[[], float]] = {
            backend: (lambda made=sandbox: boxed_seconds(made, root, folder))  # type: ignore[misc]
            for backend, sandbox, on in at_hand()
            if on.pinned
        }
        arms["bare"] = lambda: bare_seconds(root, folder)
        times: dict[str, list[float]] = {backend: [] for backend in arms}
        for number in range(RUNS):
            # Whoever comes first finds the caches cold: each in turn.
            order = [*arms][number % len(arms) :] + [*arms][: number % len(arms)]
            for backend in order:
                times[backend].append(arms[backend]())
    bare = times.pop("bare")
    for backend, boxed in times.items():
        ratio = statistics.median(one / other for one, other in zip(boxed, bare, strict=True))
        how = (
            f"{statistics.median(boxed) * 1e3:.1f} ms ÷ {statistics.median(bare) * 1e3:.1f} ms of "
            f"CPU time, median ratio of {RUNS} interleaved runs of {STEPS} steps"
        )
        yield f"training step in {backend} ÷ bare", f"{ratio:.3f}", "≤ 1.02", how
