"""Boxes that run out of memory, answer no more, or are taken away by somebody else."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import Broken, NotPlayed, Stage, fault_row, finding_row, mended
from tests.attacks.faults.scene import SAMPLED, Scene, composed, policy_at
from tests.attacks.rows import Row
from tests.cheats.catalog import HERE as CHEATS
from tests.cheats.catalog import SHORT_ANSWERS, SHORT_TRAINING
from tests.cheats.running import cheats_policy

# A neighbour who comes or goes moves the pace of the reference work, and that would be no finding.
ANY_PACE = {"drift_at_most: 0.2": "drift_at_most: 0.95"}
STARTED_SECONDS = 0.5
"""After its first process is there a box is soon running, as the engine sees it."""
LITTLE_MEMORY = {"memory_bytes: 4294967296": "memory_bytes: 536870912"}
TAKES_ALL = """
def take_all():
    held = []
    while True:
        held.append(bytearray(b"x" * (16 << 20)))
"""
TRAINS = {"train.py": f"{TAKES_ALL}\ntake_all()\n"}
SCORES = {
    "scorer.py": f"""from honest import Honest
{TAKES_ALL}

class Scorer(Honest):
    def score(self, chunk):
        take_all()
"""
}
STOPS = {
    "scorer.py": """import os
import signal

from honest import Honest


class Scorer(Honest):
    def score(self, chunk):
        os.kill(os.getpid(), signal.SIGSTOP)
        return super().score(chunk)
"""
}


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    found = functools.partial(finding_row, stage)
    for name, play, code, audit, says in (
        (
            "training that takes more memory than it may",
            functools.partial(changed, TRAINS, LITTLE_MEMORY),
            2,
            "train-budget",
            "memory",
        ),
        (
            "a scorer that takes more memory than it may",
            functools.partial(changed, SCORES, LITTLE_MEMORY),
            2,
            "protocol",
            "memory",
        ),
        (
            "a scorer that falls silent",
            functools.partial(changed, CHEATS / "falls_silent", SHORT_ANSWERS),
            1,
            "protocol",
            "late in answer to SCORE",
        ),
        (
            "training that never ends",
            functools.partial(changed, CHEATS / "trains_too_long", SHORT_TRAINING),
            1,
            "train-budget",
            "stopped at its limit",
        ),
    ):
        yield name, functools.partial(found, play, code=code, audit=audit, says=says)
    # In a container it would be the first process, which nothing of its own can stop.
    yield (
        "a scorer that stops itself",
        functools.partial(
            found,
            functools.partial(changed, STOPS, SHORT_ANSWERS),
            code=1,
            audit="protocol",
            says="late in answer to SCORE",
            backend="bubblewrap",
        ),
    )
    for phase in ("train", "score"):
        yield (
            f"a box that somebody removes in {phase}",
            functools.partial(
                fault_row,
                stage,
                functools.partial(removed, phase),
                code=70,
                whose="the machine's",
                says="BoxLost",
            ),
        )


def changed(files: Mapping[str, str] | Path, rules: Mapping[str, str], made: Scene) -> Broken:
    """The honest submission with other files, texts or a folder's, under other rules."""
    if isinstance(files, Path):
        submission = composed(made.folder / "submission", files)
    else:
        submission = composed(made.folder / "submission")
        for name, text in files.items():
            (submission / name).write_text(text, encoding="utf-8")
    policy = policy_at(made.folder / "policy.yaml", cheats_policy({**SAMPLED, **ANY_PACE, **rules}))
    made.cast = dataclasses.replace(made.cast, submission=submission, policy=policy)
    process = made.start()
    held = seeing.mark_of(process)
    return Broken(ended=made.ended(process), held=(held,))


def removed(phase: str, made: Scene) -> Broken:
    """`docker rm --force` by another hand, of what runs then."""
    process = made.start()
    first = seeing.mark_of(process)
    seeing.until(made, phase, process)
    with contextlib.closing(seeing.engine(None)) as client:
        while not seeing.held(first.mark).processes:
            if process.poll() is not None:
                raise NotPlayed(f"it ended before it had a box: {made.ended(process).short}")
        time.sleep(STARTED_SECONDS)
        for container in seeing.held(first.mark).containers:
            client.remove_container(container, force=True)
    return mended(made, made.ended(process), first, lambda: None)
