"""Can a box use more processors than it was given?

One that is not held takes whatever is idle, or, put before all others by the host, whatever there
is. Must never take a busy machine for a wall, nor put a group first that is not a box's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from verifier.records import EndedBy
from verifier.sandbox import cgroup
from verifier.sandbox.selfcheck.judging import both, ended
from verifier.sandbox.selfcheck.probe import Company, Evidence, Probe

# What starting the interpreter and the container around it may take.
STARTED_SECONDS = 0.3
# Of the time of one processor: what starting and ending a box leaves idle is less.
IDLE_SHARE = 0.3
# Of its time: one that was put first and got less was kept from it by something else.
GIVEN_SHARE = 0.7
# The most of each that kernels take.
FIRST = (("cpu.shares", "262144"), ("cpu.weight", "10000"))


def put_first(numbers: Iterable[int]) -> bool:
    """Let a box go before all others on every processor; False where it has no group of ours."""
    for number in numbers:
        with contextlib.suppress(OSError, KeyError):
            group = cgroup.of(Path(f"/proc/{number}/cgroup").read_text(encoding="ascii"))
            folder = group.folders["unified" if group.unified else "cpu"]
            places = (folder, *folder.parents)
            ours = [i for i, place in enumerate(places) if place.name.startswith(cgroup.PREFIX)]
            return bool(ours) and all(map(_raised, places[: ours[-1] + 1]))
    return False


def _raised(group: Path) -> bool:
    for name, most in FIRST:
        with contextlib.suppress(OSError):
            if (group / name).exists():
                (group / name).write_text(most, encoding="ascii")
                return True
    return False


def _not_more_processor(evidence: Evidence) -> tuple[str, ...]:
    """As many processors' time as it was given; bandwidth is handed out in slices of 0.1 s."""
    used, (shortest, longest) = evidence.end.cpu_seconds, evidence.end.wall_seconds
    if used is None:
        return ("nobody counted its processor time",)
    most = evidence.limits.threads * (shortest + 0.2) + STARTED_SECONDS
    return (f"it used {used:.1f} s of processors in {longest:.1f} s",) if used > most else ()


def _all_were_busy(evidence: Evidence) -> tuple[str, ...]:
    """A box that is not held would have got no more either."""
    idle, shortest = evidence.idle_seconds, evidence.end.wall_seconds[0]
    given = evidence.limits.threads
    could_more = evidence.first and (os.cpu_count() or 1) > given
    got_its_share = (evidence.end.cpu_seconds or 0.0) >= GIVEN_SHARE * given * shortest
    if idle >= IDLE_SHARE * shortest or (could_more and got_its_share):
        return ()
    return (f"the machine was busy: its processors were idle for {idle:.1f} s of {shortest:.1f} s",)


PROCESSORS = Probe(
    id="bomb-processors",
    wall="processor limit",
    tries="use more processors than it may",
    source="""
for _ in range(3):
    if os.fork() == 0:
        break
while True:
    pass
""",
    judge=both(ended(EndedBy.WALL_CLOCK), _not_more_processor),
    company=Company.QUIET,
    limits={"memory_bytes": 64 << 20, "wall_seconds": 2.5},
    lacks=("memory and processes are limited per process",),
    tells_nothing=_all_were_busy,
)
