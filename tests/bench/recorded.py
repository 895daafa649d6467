"""What does it cost to look on? The same box with its calls recorded and without."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

from tests.bench.boxes import LIMITS
from verifier import image, store
from verifier.errors import MachineFault
from verifier.records import BoxSpec, Root
from verifier.sandbox import BACKENDS, attempts
from verifier.sandbox.interface import Sandbox

ROUNDS = 7
WAIT_SECONDS = 600.0
# So many files an import of torch and its first training step open.
OPENS = 4_000
TRAINS = """
import torch
model = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(4)))
optimizer = torch.optim.AdamW(model.parameters())
for _ in range(100):
    model(torch.randn(64, 256)).square().mean().backward()
    optimizer.step()
"""
OPENS_FILES = f"for _ in range({OPENS}): open('/usr/bin/env').close()"
CONNECTS = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(10_000): s.connect(("127.0.0.1", 9))
"""


def seconds(sandbox: Sandbox, root: Root, source: str) -> float:
    """From the start of a box to its end."""
    spec = BoxSpec(
        label="bench",
        root=root,
        argv=("python3", "-c", source),
        environment={"OMP_NUM_THREADS": "1"},
        inputs=(),
        output=None,
        channel=None,
        working_folder="/",
        limits=replace(LIMITS, wall_seconds=WAIT_SECONDS),
    )
    began = time.perf_counter()
    with sandbox.start(spec) as box:
        end = box.wait()
    assert end is not None and end.exit_code == 0, end
    return time.perf_counter() - began


def medians(name: str, root: Root, source: str) -> tuple[float, float]:
    """(recorded, not recorded) in interleaved rounds; the first fills caches."""
    with mock.patch.object(attempts, "possible", lambda: False):
        blind = BACKENDS[name]()
    arms: list[tuple[Sandbox, list[float]]] = [(BACKENDS[name](), []), (blind, [])]
    for _ in range(ROUNDS + 1):
        for sandbox, times in arms:
            sandbox.prepare(root)
            times.append(seconds(sandbox, root, source))
    recorded, bare = (sorted(times[1:])[ROUNDS // 2] for _, times in arms)
    return recorded, bare


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Torch behind namespaces, files opened by an ordinary process, and the price of one call."""
    if not attempts.possible():
        yield "recording of calls", "not run", "–", "this kernel hands none over"
        return
    pinned, _ = image.build("cpu", store.root(), locked=False)
    host = Root(digest="host", python=_interpreter(), pinned=False)
    asked = (
        ("import of torch and 100 steps", "bubblewrap", pinned, TRAINS, 0, "≤ 1.02"),
        ("one connect", "bubblewrap", pinned, CONNECTS, 10_000, "–"),
        (f"{OPENS:,} files opened", "plain", host, OPENS_FILES, OPENS, "–"),
    )
    for what, name, root, source, calls, target in asked:
        try:
            recorded, bare = medians(name, root, source)
        except MachineFault as fault:
            yield f"{what}, recorded ÷ not", "not run", target, str(fault)
            continue
        how = f"{name}: {recorded:.3f} s ÷ {bare:.3f} s, medians of {ROUNDS}"
        if calls:
            how += f"; {(recorded - bare) / calls * 1e6:.0f} µs each"
        yield f"{what}, recorded ÷ not", f"{recorded / bare:.3f}", target, how


def _interpreter() -> str:
    """The system's, which everyone may run, where there is one."""
    found = Path("/usr/bin/python3")
    return str(found) if found.exists() else sys.executable
