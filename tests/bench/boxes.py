"""How long until a box gives its first answer, beside a bare `docker run` and a bare process?"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.backends import at_hand, host_root, pinned_root
from verifier.records import BoxSpec, Limits, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.enginestore import REPOSITORY, tag
from verifier.sandbox.interface import Sandbox

RUNS = 9
ENGINE, PROCESS = "bare docker run", "a bare process"
ANSWER = (
    "import os, socket; s = socket.socket(socket.AF_UNIX);"
    "s.connect(os.environ['VERIFIER_CHANNEL'] + '/wire'); s.send(b'1'); s.recv(1)"
)
LIMITS = Limits(
    wall_seconds=60,
    memory_bytes=1 << 30,
    pids=64,
    threads=1,
    temporary_bytes=1 << 26,
    output_bytes=0,
    output_files=0,
    log_bytes=1 << 20,
)


def box_seconds(sandbox: Sandbox, root: Root) -> float:
    """From `start` to the first byte on the channel."""
    with tempfile.TemporaryDirectory(prefix="gv-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "wire"))
            os.chmod(folder / "wire", 0o666)
            listener.listen()
            spec = BoxSpec(
                label="bench",
                root=root,
                argv=("python3", "-S", "-c", ANSWER),
                environment={},
                inputs=(),
                output=None,
                channel=folder,
                working_folder="/",
                limits=LIMITS,
            )
            began = time.perf_counter()
            with sandbox.start(spec):
                stream = listener.accept()[0]
                stream.recv(1)
                seconds = time.perf_counter() - began
                stream.close()
    return seconds


def process_seconds(python: str) -> float:
    """From the fork to the first byte that the interpreter at hand prints, without any box."""
    return first_byte([python, "-S", "-c", "print(1)"])


def bare_seconds(tag: str) -> float:
    """From `docker run` to the first byte that the same interpreter prints."""
    run = ["docker", "run", "--rm", "--network", "none", tag]
    return first_byte([*run, "python3", "-S", "-c", "print(1)"])


def first_byte(command: list[str]) -> float:
    """Seconds until a command prints something; it is waited for."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        seconds = time.perf_counter() - began
        process.wait()
    return seconds


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Every backend at hand against the bare engine and a bare process."""
    arms: dict[str, Callable[[], float]] = {}
    for name, sandbox, root in at_hand():
        arms[name] = lambda made=sandbox, on=root: box_seconds(made, on)  # type: ignore[misc]
    backends = tuple(arms)
    if "docker" in arms:
        arms[ENGINE] = lambda: bare_seconds(f"{REPOSITORY}:{tag(pinned_root())}")
    arms[PROCESS] = lambda: process_seconds(host_root().python)
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(RUNS + 1):
        for name, arm in arms.items():
            times[name].append(arm())
    # The first round fills caches.
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    for name in BACKENDS:
        if name not in backends:
            yield f"start of a {name} box", "not run", "≤ 1.3", "it is not to be had here"
            continue
        for bare in (ENGINE, PROCESS):
            if bare not in medians:
                continue
            target = "≤ 1.3" if (name, bare) == ("docker", ENGINE) else "–"
            how = f"{medians[name]:.3f} s ÷ {medians[bare]:.3f} s, medians of {RUNS}"
            ratio = f"{medians[name] / medians[bare]:.2f}"
            yield f"first answer of {name} ÷ {bare}", ratio, target, how
