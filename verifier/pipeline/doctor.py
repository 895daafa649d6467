"""What can this machine promise, and why not more? Looked at, changed in nothing.

Each check says what it found, and where that weakens a promise, what would mend it. Must never
start a box, a build or a download.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pynvml

from verifier import image, store
from verifier.errors import MachineFault
from verifier.pipeline.machine import hardware
from verifier.records import Assurance
from verifier.sandbox import BACKENDS, CHOICES, kernel

STORE_BYTES = 12_000_000_000
"""What images, wheels and data take, with room to build in."""
MEMORY_BYTES = 8_000_000_000
TOOLKIT = (1, 17, 8)
"""Container toolkits before it let a container out of its box (CVE-2025-23266)."""
ASKED_SECONDS = 10.0
GIB = 1 << 30
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class State(StrEnum):
    """How a check stands: as it should, weaker than it could, or missing what is needed."""

    WELL = "well"
    WEAKER = "weaker"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `remedy` says what would mend it, "" where nothing is amiss."""

    about: str
    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was looked at. `level` is that of the strongest box, `backend` what makes it."""

    checks: tuple[Check, ...]
    level: Assurance
    backend: str

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing, else 2: a verdict will be open here."""
        return 2 if any(check.state is State.MISSING for check in self.checks) else 0


def examine() -> Examined:
    """Look at everything that a promise rests on; takes a few seconds."""
    boxes, level, backend = _boxes()
    checks = [each for look in _LOOKS for each in look()]
    return Examined((*boxes, *checks), level, backend)


# ---------------------------------------------------------------- boxes


def _boxes() -> tuple[list[Check], Assurance, str]:
    """Each backend from the strongest on: what it is worth here, or why it cannot be had."""
    checks: list[Check] = []
    level, best = Assurance.NONE, ""
    for name, opened in BACKENDS.items():
        try:
            sandbox = opened()
        except MachineFault as fault:
            checks.append(Check(f"{name} boxes", State.WEAKER, str(fault), fault.remedy))
            continue
        if not best and name in CHOICES["auto"]:
            level, best = sandbox.level, name
        said = f"{sandbox.level.name}; lacking: {'; '.join(sandbox.lacking())}"
        checks.append(Check(f"{name} boxes", State.WELL, said))
    if level < Assurance.L1:
        checks.append(
            Check(
                "isolation",
                State.MISSING,
                f"the strongest box reaches {level.name}: scripts cannot run, walls are thin",
                "install Docker, or bubblewrap and allow user namespaces",
            )
        )
    return checks, level, best


def _second_wall() -> Iterator[Check]:
    found = shutil.which("runsc")
    if found is None:
        yield Check(
            "gVisor",
            State.WEAKER,
            "runsc is not installed: boxes share this machine's kernel",
            "apt-get install runsc, where a second wall is wanted (CPU only)",
        )
    else:
        yield Check("gVisor", State.WELL, _first_line(found, "--version"))


def _kernel() -> Iterator[Check]:
    release = platform.release()
    abi = kernel.landlock_abi()
    yield Check("kernel", State.WELL, f"{release}, Landlock ABI {abi or 'none'}")
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    yield Check("control groups", State.WELL, "unified" if unified else "version 1")
    if not Path("/proc/pressure/cpu").exists():
        yield Check(
            "pressure",
            State.WEAKER,
            "the kernel does not say how long tasks waited: a starved run cannot be told",
            "boot with psi=1",
        )
    limit = _number(Path("/proc/sys/user/max_user_namespaces"))
    if limit == 0:
        yield Check(
            "user namespaces",
            State.WEAKER,
            "none may be made: no box without root",
            "sysctl user.max_user_namespaces=15000",
        )


# ---------------------------------------------------------------- images, memory, disk


def _images() -> Iterator[Check]:
    reason = image.why_none()
    if reason is not None:
        yield Check("pinned images", State.MISSING, str(reason), reason.remedy)
    else:
        yield Check("pinned images", State.WELL, "root file systems can be made")
    place = store.root()
    free = shutil.disk_usage(place).free
    state = State.WELL if free >= STORE_BYTES else State.WEAKER
    remedy = "" if state is State.WELL else f"free some, or set {store.STORE_VARIABLE} elsewhere"
    yield Check("disk", state, f"{free / GIB:,.0f} GiB free at {place}", remedy)


def _memory() -> Iterator[Check]:
    told = dict(re.findall(r"^(\w+):\s+(\d+) kB", _text(Path("/proc/meminfo")), re.MULTILINE))
    total, swap = (1024 * int(told.get(name, 0)) for name in ("MemTotal", "SwapTotal"))
    state = State.WELL if total >= MEMORY_BYTES else State.WEAKER
    remedy = "" if state is State.WELL else "policies give a box 4 GiB and more"
    cores = os.cpu_count() or 0
    yield Check("memory", state, f"{total / GIB:,.0f} GiB, {cores} cores", remedy)
    if swap:
        yield Check(
            "swap",
            State.WEAKER,
            f"{swap / GIB:,.1f} GiB: a machine that swaps starves boxes, and times stretch",
            "swapoff -a while verifying",
        )


def _clocks() -> Iterator[Check]:
    source = _text(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")).strip()
    slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    slept = max(0.0, slept)
    said = f"{source or 'unknown'}; suspended for {slept:,.0f} s since it booted"
    if slept > 1:
        remedy = "keep it from suspending: a run that sleeps is unfair, and free again"
        yield Check("clock", State.WEAKER, said, remedy)
    else:
        yield Check("clock", State.WELL, said)


# ---------------------------------------------------------------- GPUs


def _gpus() -> Iterator[Check]:
    found = hardware()
    count = int(found["gpus"])
    if not count:
        said = "none: policies for GPUs end INCONCLUSIVE, all but the run in full is shown"
        yield Check("GPU", State.WEAKER, said, "local_cpu and rehearsal need none")
        return
    yield Check("GPU", State.WELL, f"{count} × {found['gpu']}, driver {_driver()}")
    for index in range(count):
        yield from _shared(index)
    if Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")).exists():
        yield Check(
            "MPS",
            State.WEAKER,
            "a control daemon has left its pipes: processes of others may share the card",
            "echo quit | nvidia-cuda-mps-control",
        )
    yield from _toolkit()


def _shared(index: int) -> Iterator[Check]:
    """Cut into parts, or used by somebody."""
    with _nvml():
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        with contextlib.suppress(pynvml.NVMLError):
            if pynvml.nvmlDeviceGetMigMode(handle)[0]:
                said = f"GPU {index} is cut into parts: a limit is meant for whole cards"
                yield Check("MIG", State.WEAKER, said, f"nvidia-smi -i {index} -mig 0")
        with contextlib.suppress(pynvml.NVMLError):
            busy = [each.pid for each in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)]
            if busy:
                said = f"GPU {index} is used by process {', '.join(map(str, busy[:5]))}"
                yield Check("GPU in use", State.WEAKER, said, "end them before a run")


def _toolkit() -> Iterator[Check]:
    found = shutil.which("nvidia-ctk")
    if found is None:
        yield Check(
            "container toolkit",
            State.WEAKER,
            "nvidia-ctk is not installed: containers get no GPU",
            f"install nvidia-container-toolkit {'.'.join(map(str, TOOLKIT))} or newer",
        )
        return
    said = _first_line(found, "--version")
    version = _VERSION.search(said)
    old = version is not None and tuple(map(int, version.groups())) < TOOLKIT
    state = State.MISSING if old else State.WELL
    remedy = f"update it to {'.'.join(map(str, TOOLKIT))}: older ones let containers out"
    yield Check("container toolkit", state, said, remedy if old else "")


def _driver() -> str:
    with _nvml(), contextlib.suppress(pynvml.NVMLError):
        return str(pynvml.nvmlSystemGetDriverVersion())
    return "unknown"


@contextlib.contextmanager
def _nvml() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


# ---------------------------------------------------------------- this installation


def _itself() -> Iterator[Check]:
    version = importlib.metadata.version("golf-verifier")
    yield Check("verifier", State.WELL, f"{version}, Python {platform.python_version()}")


_LOOKS: tuple[Callable[[], Iterator[Check]], ...] = (
    _second_wall,
    _kernel,
    _images,
    _memory,
    _clocks,
    _gpus,
    _itself,
)


def _first_line(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, timeout=ASKED_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"{program} does not answer: {fault}"
    said = done.stdout or done.stderr
    return said.decode("utf-8", "replace").strip().partition("\n")[0][:200]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    with contextlib.suppress(ValueError):
        return int(_text(path))
    return None
