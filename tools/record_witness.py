"""What does the witness of the GPUs write on a real machine? Records it, with what truly happened.

    python tools/record_witness.py FOLDER [--gpu 0] [--only NAME …]

Needs an NVIDIA GPU that nobody else uses, and torch. For every scenario it writes
FOLDER/<scenario>.jsonl.gz: the witness's own trace of a box (here: an ordinary process), and after
it one `event` line for everything that a process said it did, on the same clock.
`python -m tests.gpus.table FOLDER` judges what lies there with the rest.
"""

from __future__ import annotations

import argparse
import gzip
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record_nvml import WORKER

from verifier.sandbox.gpuwitness import GpuWitness

HERTZ = 10.0

Events = list[dict[str, Any]]
TRAIN, PACK = "train", "pack"


class Process:
    """A process that does what its plan says, and looks like a box to a witness."""

    def __init__(self, plan: str, events: Events) -> None:
        """Start it; what it says goes to `events`."""
        command = [sys.executable, "-c", WORKER, plan]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, **pipes)
        self._events = events
        self._note("spawned", plan=plan)
        threading.Thread(target=self._listening, daemon=True).start()

    def processes(self) -> set[int]:
        return set() if self._process.poll() is not None else {self._process.pid}

    def poll(self) -> object | None:
        return self._process.poll()

    def wait(self) -> None:
        self._process.wait()
        self._note("reaped", code=self._process.returncode)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._note("killed")
        self.wait()

    def _note(self, event: str, **more: Any) -> None:
        told = {"kind": "event", "event": event, "at": time.monotonic(), "pid": self._process.pid}
        self._events.append({**told, **more})

    def _listening(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.append({"kind": "event", "pid": self._process.pid, **json.loads(line)})


class Recording:
    """One scenario under a witness."""

    def __init__(self, witness: GpuWitness) -> None:
        self.witness, self.events = witness, Events()

    def box(self, label: str, plan: str) -> Process:
        """A process that stands for a box."""
        self.witness.note("box starts", box=label)
        process = Process(plan, self.events)
        self.witness.runs(label, process)  # type: ignore[arg-type]  # as much of a box as it asks
        return process

    def stranger(self, plan: str) -> Process:
        """A process that is in no box."""
        return Process(plan, self.events)


def normal(r: Recording) -> None:
    r.box(TRAIN, "hold:0.5,context,hold:1,busy:6,hold:1").wait()


def full_power(r: Recording) -> None:
    """Long enough that the power cap holds: not unfair."""
    r.box(TRAIN, "context,busy:15").wait()


def killed(r: Recording) -> None:
    process = r.box(TRAIN, "context,memory:20000,busy:60")
    time.sleep(9)
    process.kill()


def packs(r: Recording) -> None:
    r.box(TRAIN, "context,busy:3").wait()
    r.box(PACK, "hold:3").wait()


def packs_on_the_gpu(r: Recording) -> None:
    r.box(TRAIN, "context,busy:3").wait()
    r.box(PACK, "context,busy:2").wait()


def stranger_works(r: Recording) -> None:
    mine = r.box(TRAIN, "context,busy:9")
    time.sleep(6)
    r.stranger("context,busy:2").wait()
    mine.wait()


def stranger_before(r: Recording) -> None:
    r.stranger("context,busy:1").wait()
    time.sleep(0.5)
    r.box(TRAIN, "context,busy:4").wait()


def stranger_comes_and_goes(r: Recording) -> None:
    """As short as a context can be: is it seen at ten looks a second?"""
    mine = r.box(TRAIN, "context,busy:14")
    time.sleep(6)
    for _ in range(3):
        r.stranger("context").wait()
    mine.wait()


SCENARIOS: dict[str, Callable[[Recording], None]] = {
    each.__name__: each
    for each in (
        normal,
        full_power,
        killed,
        packs,
        packs_on_the_gpu,
        stranger_works,
        stranger_before,
        stranger_comes_and_goes,
    )
}


def record(gpu: str, scenario: Callable[[Recording], None]) -> bytes:
    """The lines of one scenario: the witness's, then what the processes said."""
    with GpuWitness((gpu,), HERTZ) as witness:
        recording = Recording(witness)
        scenario(recording)
    trace = gzip.decompress(witness.trace().tobytes())
    said = sorted(recording.events, key=lambda event: event["at"])
    return trace + "".join(json.dumps(event) + "\n" for event in said).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpu", default="0")
    parser.add_argument("--only", nargs="*", default=list(SCENARIOS))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name in chosen.only:
        lines = record(chosen.gpu, SCENARIOS[name])
        path = chosen.folder / f"{name}.jsonl.gz"
        path.write_bytes(gzip.compress(lines, mtime=0))
        print(f"{name} · {lines.count(b'poll')} looks · {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
