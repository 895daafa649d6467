"""A clock that jumps while a verifier runs: its wall clock, or the machine slept for an hour.

The verifier's process is preloaded with a library that moves the clock once a file is there. What
is measured rests on the monotonic clock, so a wall clock may jump as it likes; a machine that slept
is told, and the run is free again.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.faults import seeing
from tests.attacks.faults.breaking import Stage, read_whole
from tests.attacks.faults.kills import Proven
from tests.attacks.faults.scene import ENDS_SECONDS, Ended, Scene, scene
from tests.attacks.rows import Row
from verifier.ledger import Ledger
from verifier.records import CpuWitness, EnvironmentFault, Pass, Training

HOUR = 3600
SOURCE = Path(__file__).parent / "clock_shim.c"


def plays(stage: Stage) -> Iterator[tuple[str, functools.partial[Row]]]:
    """Name and row of each."""
    for seconds, phase in ((HOUR, "train"), (-HOUR, "score"), (HOUR, "replay")):
        yield (
            f"a wall clock that is set by {seconds:+} s in {phase}",
            functools.partial(set_row, stage, seconds, phase),
        )
    yield "a machine that sleeps for an hour in train", functools.partial(slept_row, stage)


def built(folder: Path) -> Path:
    """The library that moves clocks."""
    made = folder / "clock.so"
    words = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True)
    return made


def jumped(made: Scene, clock: str, seconds: int, phase: str) -> tuple[Ended, seeing.Held]:
    """A verifier whose clock jumps when that phase has begun."""
    jump = made.folder / "jump"
    process = made.start(
        LD_PRELOAD=str(built(made.folder)),
        CLOCK_JUMP_FILE=str(jump),
        CLOCK_JUMP_CLOCK=clock,
        CLOCK_JUMP_SECONDS=str(seconds),
    )
    held = seeing.mark_of(process)
    seeing.until(made, phase, process)
    jump.touch()
    return made.ended(process), held


def set_row(stage: Stage, seconds: int, phase: str) -> Row:
    """Nothing may change, and no duration may hold the jump."""
    with scene(stage.cast) as made:
        ended, held = jumped(made, "wall", seconds, phase)
        wrong = [] if ended.said.get("answer") == "VERIFIED" else [f"ended with {ended.short}"]
        wrong += read_whole(made, finished=True)
        longest = 0.0
        if not wrong:
            ledger = Ledger.open(made.run / "ledger")
            wrong += Proven.of(ledger).other_than(stage.proven("docker"))
            times = durations(ledger)
            longest = max(times)
            if not 0 <= min(times) <= longest < ENDS_SECONDS:
                wrong.append(f"durations from {min(times):.0f} to {longest:.0f} s were recorded")
        wrong += [f"left: {what}" for what in seeing.left(made, held)]
    return Row(
        expected="VERIFIED, the same root; no duration holds the jump",
        got=f"{ended.short}; the longest duration recorded is {longest:.1f} s",
        wrong="; ".join(wrong),
    )


def durations(ledger: Ledger) -> list[float]:
    """All that was measured in seconds."""
    (trained,), (scored,) = ledger.find(Training), ledger.find(Pass)
    looks = [each.looks for each in ledger.find(CpuWitness) if len(each.looks)]
    return [
        *trained.wall_seconds,
        trained.init_seconds or 0.0,
        trained.pack_seconds or 0.0,
        scored.wall_seconds,
        scored.busy_seconds,
        *(float(each.reshape(-1)[0]) for each in looks),
    ]


def slept_row(stage: Stage) -> Row:
    """The machine is at fault, nothing is refuted; the next run is free, under the same nonce."""
    with scene(stage.cast) as made:
        ended, held = jumped(made, "boot", HOUR, "train")
        wrong = [] if ended.code == 2 else [f"ended with {ended.short}"]
        wrong += read_whole(made, finished=True)
        faults = Ledger.open(made.run / "ledger").find(EnvironmentFault) if not wrong else ()
        reason = "; ".join(fault.reason for fault in faults)
        wrong += [] if "suspended for 36" in reason else ["nobody said that it slept"]
        again = made.verified()
        if again.said.get("answer") == "VERIFIED":
            ledger = Ledger.open(made.run / "ledger")
            wrong += Proven.of(ledger).other_than(stage.proven("docker"))
        else:
            wrong.append(f"afterwards {again.short}")
        wrong += [f"left: {what}" for what in seeing.left(made, held)]
    return Row(
        expected="2, the machine's: it was suspended; then VERIFIED, same nonce and root",
        got=f"{ended.short}: {reason}; afterwards {again.short}",
        wrong="; ".join(wrong),
    )
