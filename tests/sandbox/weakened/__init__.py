"""Which probes notice when one wall is taken away? Boxes weakened on purpose, here and only here.

Production has no switch that weakens a box: what a backend asks for is patched, and so is the
reading back that would refuse to start it. `python -m tests.sandbox.weakened` prints the table.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from unittest import mock

from tests.sandbox.weakened.containers import DOCKER, GVISOR
from tests.sandbox.weakened.namespaces import BUBBLEWRAP
from tests.sandbox.weakened.processes import PLAIN
from tests.sandbox.weakened.taking import Weaken, patch
from verifier.errors import VerifierError
from verifier.sandbox import BACKENDS, local
from verifier.sandbox.selfcheck import Checked, Outcome, check, running, scene
from verifier.watch import Unwatched

__all__ = ["DOCKER", "WEAKNESSES", "Outcome", "Weakness", "broken", "check", "patch", "row"]

# A box whose calls are answered leaves keys with its user.
FORGET_KEYS = f"""
import ctypes, os
if os.geteuid() == 0:
    os.setresgid(*[{local.NOBODY}] * 3)
    os.setresuid(*[{local.NOBODY}] * 3)
for line in open("/proc/keys"):
    if "user" in line and "golf-verifier" in line:
        ctypes.CDLL(None).syscall({running._numbers()["keyctl"]}, 9, int(line.split()[0], 16), -4)
"""


@dataclass(frozen=True)
class Weakness:
    """One wall taken away from one backend. `probes` are those that are tried on it."""

    wall: str
    backend: str
    probes: tuple[str, ...]
    weaken: Weaken


def broken(weakness: Weakness) -> tuple[str, ...]:
    """The probes that broke out of the weakened box. Raises MachineFault where there is none."""
    return tuple(a.probe for a in tried(weakness).answers if a.outcome is Outcome.BROKE)


def tried(weakness: Weakness) -> Checked:
    """What became of the probes of the weakened wall. Raises MachineFault where there is no box."""
    with ExitStack() as stack:
        sandbox = BACKENDS[weakness.backend]()
        stack.enter_context(_marks_ended())
        weakness.weaken(stack)
        return check(sandbox, Unwatched(), weakness.probes)


@contextlib.contextmanager
def _marks_ended() -> Iterator[None]:
    """Whatever outlives a weakened box is ended here, by the mark that it alone carries."""
    marks: list[str] = []
    real = running._mark

    def remembered() -> str:
        marks.append(real())
        return marks[-1]

    with mock.patch.object(running, "_mark", remembered):
        yield
    subprocess.run([sys.executable, "-c", FORGET_KEYS], check=False)
    for mark in marks:
        while alive := scene.running(mark):
            for number in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


WEAKNESSES = tuple(
    Weakness(wall, backend, probes, weaken)
    for backend, walls in (
        ("gvisor", GVISOR),
        ("docker", DOCKER),
        ("bubblewrap", BUBBLEWRAP),
        ("plain", PLAIN),
    )
    for wall, (probes, weaken) in walls.items()
)


def row(weakness: Weakness) -> tuple[bool, str]:
    """Whether a wall can be taken away unnoticed, and what there is to say of it."""
    try:
        answers = tried(weakness).answers
    except VerifierError as fault:
        return True, f"UNNOTICED: no box was made: {fault}"
    noticed = [a.probe for a in answers if a.outcome is Outcome.BROKE]
    if all(a.outcome is Outcome.NOT_TRIED for a in answers):
        return False, f"not tried: {answers[0].said[0]}"
    return not noticed, ", ".join(noticed) or "UNNOTICED"
