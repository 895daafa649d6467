"""How long until a box gives its first answer, beside a bare `docker run`? Imports excluded."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from verifier import image, store
from verifier.errors import MachineFault
from verifier.records import BoxSpec, Limits, Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.interface import Sandbox

RUNS = 5
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


def bare_seconds(tag: str) -> float:
    """From `docker run` to the first byte that the same interpreter prints."""
    command = ["docker", "run", "--rm", "--network", "none", tag, "python3", "-S", "-c", "print(1)"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        seconds = time.perf_counter() - began
        process.wait()
    return seconds


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Every backend at hand against the bare engine."""
    root, _ = image.build("cpu", store.root(), locked=False)
    arms: dict[str, Callable[[], float]] = {}
    for name in ("docker", "bubblewrap"):
        try:
            sandbox = BACKENDS[name]()
        except MachineFault:
            yield f"start of a {name} box", "not run", "≤ 1.3", "it is not to be had here"
            continue
        sandbox.prepare(root)
        arms[name] = lambda made=sandbox: box_seconds(made, root)  # type: ignore[misc]
    if "docker" not in arms:
        return
    arms["bare docker run"] = lambda: bare_seconds(f"golf-verifier-root:{root.digest[:32]}")
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(RUNS + 1):
        for name, arm in arms.items():
            times[name].append(arm())
    # The first round fills caches.
    medians = {name: sorted(found[1:])[RUNS // 2] for name, found in times.items()}
    bare = medians["bare docker run"]
    for name in arms:
        target = "≤ 1.3" if name == "docker" else "–"
        how = f"{medians[name]:.2f} s ÷ {bare:.2f} s, medians of {RUNS}"
        yield f"first answer of {name} ÷ bare", f"{medians[name] / bare:.2f}", target, how
