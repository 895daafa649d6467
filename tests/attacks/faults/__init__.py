"""Faults: the verifier, its engine, its disk, its clock and its boxes are broken, for real.

Each row must end in a typed error or a finding that says whose fault it was, with the ledger intact
and nothing left behind; and once the fault is over the same command must end well.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.faults import boxes, clocks, disks, engines, folders, kills
from tests.attacks.faults.breaking import NotPlayed, Stage
from tests.attacks.faults.scene import Cast
from tests.attacks.rows import Planned, Row
from verifier.errors import MachineFault
from verifier.sandbox.docker import Docker
from verifier.watch import Watch

MODULES = (disks, folders, engines, boxes, clocks)


def planned(place: Path, watch: Watch) -> Iterator[Planned]:
    """Every row: what breaks around a verifier first, then its own fifty deaths."""
    del watch
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            whole.update(path.read_bytes())
    digest = whole.hexdigest()

    @functools.cache
    def stage() -> Stage:
        require_possible()
        return Stage(place, Cast.at(place / "cast"))

    def played(module: int, number: int) -> Row:
        _, row = list(MODULES[module].plays(stage()))[number]
        try:
            return row()
        except (NotPlayed, subprocess.SubprocessError) as why:
            return Row(expected="an answer that can be compared", got="none", wrong=str(why))

    names = Stage(place, Cast(submission=place, policy=place, key=place))
    for module, each in enumerate(MODULES):
        for number, (name, _) in enumerate(each.plays(names)):
            yield Planned(name=name, digest=digest, run=functools.partial(played, module, number))
    yield from kills.rows(place, digest)


def require_possible() -> None:
    """Raises MachineFault where the machine cannot play these faults."""
    if os.geteuid() != 0:
        raise MachineFault("file systems are mounted and engines started here: root is needed")
    Docker().close()
