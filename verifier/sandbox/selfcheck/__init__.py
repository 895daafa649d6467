"""Do the walls of this machine hold? Every one of them is tried, in every backend.

`check` runs the probes in boxes as submissions get them, and says of each what became of it. Must
never make a weaker box than a submission's, nor believe one that says that it held.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from verifier.errors import ImageFault, RequestError
from verifier.records import Assurance, Root
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.selfcheck.bombs import BOMBS
from verifier.sandbox.selfcheck.calls import CALLS
from verifier.sandbox.selfcheck.ending import ENDING
from verifier.sandbox.selfcheck.files import READING, WRITING
from verifier.sandbox.selfcheck.late import LATE
from verifier.sandbox.selfcheck.leavings import LEAVINGS
from verifier.sandbox.selfcheck.network import NETWORK
from verifier.sandbox.selfcheck.probe import Answer, Checked, Family, Outcome, Probe
from verifier.sandbox.selfcheck.processes import PROCESSES
from verifier.sandbox.selfcheck.rights import RIGHTS
from verifier.sandbox.selfcheck.running import Check, host_root
from verifier.sandbox.selfcheck.sockets import SOCKETS
from verifier.sandbox.selfcheck.tiny_root import tiny_root
from verifier.sandbox.selfcheck.traces import AFTER, BESIDE
from verifier.sandbox.selfcheck.witness import Host
from verifier.scratch import temporary
from verifier.watch import Watch

FAMILIES: tuple[Family, ...] = (
    NETWORK,
    SOCKETS,
    READING,
    WRITING,
    RIGHTS,
    CALLS,
    PROCESSES,
    BESIDE,
    AFTER,
    BOMBS,
    LATE,
    ENDING,
    LEAVINGS,
)

__all__ = ["FAMILIES", "Answer", "Checked", "Family", "Outcome", "Probe", "check", "chosen"]


def chosen(wanted: Collection[str]) -> dict[str, tuple[Probe, ...]]:
    """The probes of each family that are named, by their ids or their family's; all for none.

    Raises RequestError for a name that is neither.
    """
    families = [family.name for family in FAMILIES]
    known = {*families, *(probe.id for family in FAMILIES for probe in family.probes)}
    for name in wanted:
        if name not in known:
            close = get_close_matches(name.lower(), sorted(known), 1)
            remedy = f"did you mean {close[0]}? " if close else ""
            remedy += f"--list names the probes of {', '.join(families)}"
            raise RequestError(f"there is no probe or family {name!r}", remedy=remedy)
    return {
        family.name: tuple(
            probe
            for probe in family.probes
            if not wanted or family.name in wanted or probe.id in wanted
        )
        for family in FAMILIES
    }


def check(sandbox: Sandbox, watch: Watch, wanted: Collection[str] = ()) -> Checked:
    """Try the walls of one backend. `wanted` names probes or families; all for none.

    Raises RequestError for an unknown name, MachineFault or ImageFault where a box, or the host's
    own side of the check, cannot be had.
    """
    probes = chosen(wanted)
    began = time.monotonic()
    answers: list[Answer] = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary("root"))
        folder.chmod(0o755)
        host = stack.enter_context(Host(host_root().python))
        tried = Check(sandbox, _root(sandbox, folder), host)
        total = sum(map(len, probes.values()))
        progress = stack.enter_context(watch.phase(f"{total} probes in {sandbox.name}", total))
        for family in FAMILIES:
            for answer in tried.family(family, probes[family.name]):
                answers.append(answer)
                progress.advance(1)
    return Checked(
        backend=sandbox.name,
        level=sandbox.level,
        lacking=sandbox.lacking(),
        answers=tuple(answers),
        seconds=time.monotonic() - began,
    )


def _root(sandbox: Sandbox, folder: Path) -> Root:
    """A root of its own where the backend can have one; else the interpreter at hand."""
    root = host_root()
    if sandbox.level >= Assurance.L1:
        with contextlib.suppress(ImageFault):
            root = tiny_root(folder)
    sandbox.prepare(root)
    return root
