"""Has this machine room for what is built, and time for what is measured?

Images, disk, memory, the processor, the clock, and what else runs now. Files are read below `root`,
so that a machine can be made up.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from verifier import image, store
from verifier.pipeline.doctor.findings import Check, State, checked
from verifier.pipeline.doctor.reading import GIB, number_in, text_of
from verifier.pipeline.machine import processor as model

ROOT = Path("/")
STORE_BYTES = 12_000_000_000
"""What images, wheels and data take, with room to build in."""
MEMORY_BYTES = 8_000_000_000
BUSY_SHARE = 0.5
"""More tasks for each core than this, over the last minute, are somebody's work."""
WAITED_PERCENT = 5.0
"""Of the last ten seconds in which some task waited for a processor."""
CPUS = Path("sys/devices/system/cpu")
FASTEST = "performance"
WAITED = re.compile(r"^some avg10=([0-9.]+)")


def look() -> Iterator[Check]:
    """Everything of this machine."""
    yield images()
    yield room("disk", store.root(), f"free some, or set {store.STORE_VARIABLE} elsewhere")
    yield from memory(ROOT)
    yield processor(ROOT, model(), os.cpu_count() or 0)
    yield load(ROOT, os.cpu_count() or 1)
    yield clock(ROOT)


def images() -> Check:
    """Whether root file systems can be made."""
    reason = image.why_none()
    if reason is not None:
        return Check("pinned images", State.MISSING, reason.message, reason.remedy)
    return Check("pinned images", State.WELL, "root file systems can be made")


def room(about: str, place: Path, remedy: str) -> Check:
    """What is free where `place` is."""
    free = shutil.disk_usage(place).free
    found = f"{free / GIB:,.0f} GiB free at {place}"
    amiss = "" if free >= STORE_BYTES else f"{found}, images want {STORE_BYTES / GIB:,.0f}"
    return checked(about, found, amiss, remedy)


def memory(root: Path) -> Iterator[Check]:
    """How much, and whether it is swapped."""
    told = dict(re.findall(r"^(\w+):\s+(\d+) kB", text_of(root / "proc/meminfo"), re.MULTILINE))
    total, swap = (1024 * int(told.get(name, 0)) for name in ("MemTotal", "SwapTotal"))
    found = f"{total / GIB:,.0f} GiB"
    amiss = "" if total >= MEMORY_BYTES else f"{found}: boxes may be given less than they ask for"
    yield checked("memory", found, amiss, "policies give a box 4 GiB and more")
    if swap:
        yield Check(
            "swap",
            State.WEAKER,
            f"{swap / GIB:,.1f} GiB: a machine that swaps starves boxes, and times stretch",
            "swapoff -a while verifying",
        )


def processor(root: Path, name: str, cores: int) -> Check:
    """The model, and whether its speed depends on what ran before."""
    cpus = root / CPUS
    governors = {text_of(path) for path in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    slow = sorted(governors - {FASTEST})
    found = f"{name}, {cores} cores"
    found += f", governor {FASTEST}" if governors else ", its speed is not told"
    found += _turbo(cpus)
    amiss = f"{name}, governor {', '.join(slow)}: times depend on what ran before" if slow else ""
    return checked("processor", found, amiss, f"cpupower frequency-set -g {FASTEST}")


def _turbo(cpus: Path) -> str:
    """Whether it may run faster while few cores work: told, for it is no fault."""
    off = number_in(cpus / "intel_pstate/no_turbo")
    on = number_in(cpus / "cpufreq/boost")
    if off is None and on is None:
        return ""
    return ", turbo on" if off == 0 or on == 1 else ", turbo off"


def load(root: Path, cores: int) -> Check:
    """What else runs now: every box would wait for it."""
    running = text_of(root / "proc/loadavg").split()
    waited = WAITED.match(text_of(root / "proc/pressure/cpu"))
    about, remedy = "load", "let it end first: a run that others kept waiting proves nothing"
    if not running:
        said = "not told: whether others keep the processors busy cannot be seen"
        return Check(about, State.WEAKER, said, "mount /proc")
    tasks, percent = float(running[0]), float(waited[1]) if waited else 0.0
    found = f"{tasks:g} tasks in the last minute on {cores} cores"
    found += f", some task waited {percent:g} % of the last 10 s" if waited else ""
    busy = tasks > BUSY_SHARE * cores or percent > WAITED_PERCENT
    return checked(about, found, found if busy else "", remedy)


def clock(root: Path) -> Check:
    """What tells the time, and whether it stood still."""
    places = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    source = text_of(root / places) or "unknown"
    slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    found = f"{source}; suspended for {max(0.0, slept):,.0f} s since it booted"
    remedy = "keep it from suspending: a run that sleeps is unfair, and free again"
    return checked("clock", found, found if slept > 1 else "", remedy)
