"""Can a box use more processors than it was given?

One that is not held takes whatever is idle, so only a machine with something idle tells. Must never
take a busy machine for a wall.
"""

from __future__ import annotations

from verifier.records import EndedBy
from verifier.sandbox.selfcheck.judging import both, ended
from verifier.sandbox.selfcheck.probe import Company, Evidence, Probe

# What starting the interpreter and the container around it may take.
STARTED_SECONDS = 0.3
# Of the time of one processor: what starting and ending a box leaves idle is less.
IDLE_SHARE = 0.3


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
    if idle >= IDLE_SHARE * shortest:
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
