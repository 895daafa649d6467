"""Plays a machine with GPUs to the real witness: a library with NVML's names, and a clock by hand.

The library is built by gcc and loaded by the real nvidia-ml-py; nothing of ours is replaced but the
clock, the boxes and who the processes are.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pynvml

from verifier.sandbox.gpuowners import Owners, Process
from verifier.sandbox.gpuwitness import GpuWitness

SOURCE = Path(__file__).with_name("fake_nvml.c")
LIBRARY = "libnvidia-ml.so.1"
PERIOD = 0.1
HERTZ = 1 / PERIOD


@dataclass(frozen=True)
class Person:
    """A process: number, life in seconds, and the label of its box ("" for a stranger).

    `seen` false: one whom this process cannot see, as behind another PID namespace.
    """

    pid: int
    born: float
    died: float
    box: str = ""
    seen: bool = True


@dataclass(frozen=True)
class Stage:
    """Everything a play needs: the driver's script, who lives, which boxes run, and who looks when.

    `boxes` are (label, start, end); nobody looks within `asleep`, pairs of (from, to).
    """

    script: str
    people: tuple[Person, ...] = ()
    boxes: tuple[tuple[str, float, float], ...] = ()
    until: float = 20.0
    gpus: tuple[str, ...] = ("0",)
    asleep: tuple[tuple[float, float], ...] = ()
    period: float = PERIOD
    old: bool = False


def compiled(folder: Path, *flags: str) -> Path:
    """The library, built into `folder` under the name that nvidia-ml-py loads."""
    folder.mkdir(parents=True, exist_ok=True)
    gcc = shutil.which("gcc")
    assert gcc is not None, "no gcc: apt-get install gcc"
    library = folder / LIBRARY
    command = [gcc, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", *flags]
    subprocess.run([*command, "-o", str(library), str(SOURCE)], check=True)
    return library


@contextlib.contextmanager
def driver(library: Path) -> Iterator[ctypes.CDLL]:
    """nvidia-ml-py with `library` for the machine's own; gives its handle."""
    kept = {name: getattr(pynvml, name) for name in ("CDLL", "nvmlLib")}
    pynvml.CDLL, pynvml.nvmlLib = lambda name: ctypes.CDLL(str(library)), None
    pynvml._nvmlGetFunctionPointer_cache.clear()
    loaded = ctypes.CDLL(str(library))
    loaded.fake_time.argtypes = [ctypes.c_double]
    try:
        yield loaded
    finally:
        pynvml._nvmlGetFunctionPointer_cache.clear()
        for name, value in kept.items():
            setattr(pynvml, name, value)


@dataclass
class ByHand:
    """The time, and what there is at it."""

    stage: Stage
    now: float = 0.0
    running: set[str] = field(default_factory=set)

    def clock(self) -> float:
        return self.now

    def process(self, pid: int) -> Process | None:
        for each in self.stage.people:
            if each.pid == pid and each.seen and each.born <= self.now < each.died:
                return Process(each.born, ending=False)
        return None

    def members(self, box: str) -> set[int]:
        return {p.pid for p in self.stage.people if p.box == box and p.born <= self.now < p.died}


class _Box:
    """A box that runs for as long as the stage says."""

    def __init__(self, hand: ByHand, label: str, end: float) -> None:
        self._hand, self._label, self._end = hand, label, end

    def processes(self) -> set[int]:
        return self._hand.members(self._label)

    def poll(self) -> object | None:
        return None if self._hand.now < self._end else "ended"


def play(stage: Stage, library: Path, folder: Path) -> np.ndarray:
    """What the witness wrote of the whole play: uint8 [n], gzipped JSON lines."""
    path = folder / "script"
    path.write_text(stage.script, encoding="ascii")
    hand = ByHand(stage)
    with driver(library) as lib:
        lib.fake_script(str(path).encode())
        lib.fake_time(0.0)
        witness = GpuWitness(stage.gpus, HERTZ, clock=hand.clock, boot_clock=hand.clock)
        witness._owners = Owners(witness.processes, hand.process)
        for number in range(round(stage.until / stage.period)):
            hand.now = number * stage.period
            lib.fake_time(hand.now)
            _boxes(witness, hand)
            if not any(since <= hand.now < until for since, until in stage.asleep):
                witness.look()
        trace: Any = witness.trace()
        return trace


def _boxes(witness: GpuWitness, hand: ByHand) -> None:
    for label, start, end in hand.stage.boxes:
        if start <= hand.now and label not in hand.running:
            hand.running.add(label)
            witness.note("box starts", box=label)
            witness.runs(label, _Box(hand, label, end))  # type: ignore[arg-type]
