"""Fifty kills: the verifier dies by SIGKILL at a moment that a seed draws, and is started again.

Every phase is hit in turn, at a moment drawn evenly over as long as it took in an unbroken run; the
phase in which it really died is read from what lies there. Four of five kills are over Docker, one
over bubblewrap; every other round the whole process group dies.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.attacks.faults import seeing
from tests.attacks.faults.scene import Cast, Ended, Scene, scene
from tests.attacks.rows import Planned, Row
from verifier import pipeline
from verifier.errors import BrokenInvariant, LedgerUnfinished
from verifier.ledger import Ledger
from verifier.records import BoxFacts, NonceOpened, Opening, Pass, Replay, Training, Verdict

ROUNDS = ("docker", "docker", "docker", "docker", "bubblewrap")
SEED = 20261127
TRIES = 6
BOX_OF = {Training: ("train", "pack"), Pass: ("pass-",), Replay: ("replay-",)}
"""The labels that boxes of a phase have, by the event that ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What may not differ between a run that was broken and one that was not."""

    nonce_commitment: str
    nonce: str
    draws: str
    asked: str
    score_root: str
    bpb: float | None
    delta_bpb: float | None

    @classmethod
    def of(cls, ledger: Ledger) -> Proven:
        """Of a finished run."""
        (opening,), (nonce,), (scored,), (replay,), (verdict,) = map(
            ledger.find, (Opening, NonceOpened, Pass, Replay, Verdict)
        )
        return cls(
            nonce_commitment=opening.nonce_commitment,
            nonce=nonce.nonce,
            draws=hashlib.sha256(replay.draws.tobytes()).hexdigest(),
            asked=hashlib.sha256(replay.targets.tobytes()).hexdigest(),
            score_root=scored.score_root,
            bpb=verdict.bpb,
            delta_bpb=verdict.delta_bpb,
        )

    def other_than(self, unbroken: Proven) -> list[str]:
        """What differs, in words."""
        ours, theirs = asdict(self), asdict(unbroken)
        return [f"another {name.replace('_', ' ')}" for name in ours if ours[name] != theirs[name]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbroken:
    """A run that nobody disturbed: when each phase began, and what it came to."""

    begins: dict[str, float]
    proven: Proven

    def lasts(self, name: str) -> float:
        """Seconds that a phase took."""
        names = (*seeing.PHASES, "end")
        return self.begins[names[names.index(name) + 1]] - self.begins[name]


def unbroken(place: Path, cast: Cast, backend: str) -> Unbroken:
    """The unbroken run over that backend; kept at `place` for later rows."""
    kept = place / f"unbroken-{backend}.json"
    if kept.exists():
        said = json.loads(kept.read_text())
        return Unbroken(begins=said["begins"], proven=Proven(**said["proven"]))
    with scene(cast, backend) as made:
        process = made.start()
        begins = seeing.begins(made, process)
        ended = made.ended(process)
        if ended.said.get("answer") != "VERIFIED":
            raise BrokenInvariant(f"the unbroken run ended otherwise: {ended.short}")
        found = Unbroken(begins=begins, proven=Proven.of(Ledger.open(made.run / "ledger")))
    kept.write_text(json.dumps(asdict(found)))
    return found


def rows(place: Path, digest: str) -> Iterator[Planned]:
    """One row for each kill, and one that counts them."""
    chance = random.Random(SEED)
    number = 0
    for turn, backend in enumerate(ROUNDS):
        for name in chance.sample(seeing.PHASES, len(seeing.PHASES)):
            number += 1
            kill = Kill(number, backend, name, whole_group=turn % 2 == 1, seed=chance.random())
            run = functools.partial(kill_row, place, kill)
            yield Planned(name=kill.title, digest=digest, run=run)
    count = functools.partial(count_row, place, number)
    yield Planned(name=f"{number} kills", digest=digest, run=count)


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill that is meant for a phase. `seed` draws its moment."""

    number: int
    backend: str
    phase: str
    whole_group: bool
    seed: float

    @property
    def title(self) -> str:
        """The row's name."""
        whom = "group" if self.whole_group else "process"
        return f"kill {self.number:02d} of the {whom}, {self.backend}, meant for {self.phase}"


@dataclass(frozen=True, slots=True)
class Killed:
    """A verifier that died, and how far it had come."""

    phase: str
    seconds: float
    ledger: bytes
    held: seeing.Held


def kill_row(place: Path, kill: Kill) -> Row:
    """Kill one verifier, start it again, and compare."""
    cast = Cast.at(place / "cast")
    whole = unbroken(place, cast, kill.backend)
    chance = random.Random(kill.seed)
    for _ in range(TRIES):
        with scene(cast, kill.backend) as made:
            killed = struck(made, kill, chance.random() * whole.lasts(kill.phase))
            if killed is None:
                continue
            wrong = intact(made, killed)
            began = time.monotonic()
            process = made.start()
            again = seeing.mark_of(process)
            ended = made.ended(process)
            seconds = time.monotonic() - began
            wrong += resumed(made, killed.ledger, ended, whole.proven)
            wrong += [f"left: {what}" for what in seeing.left(made, killed.held, again)]
            counted = {"phase": killed.phase, "backend": kill.backend, "group": kill.whole_group}
            folder = place / "kills"
            folder.mkdir(exist_ok=True)
            (folder / f"{kill.number:02d}.json").write_text(json.dumps(counted))
            had, events = len(killed.held.containers), killed.ledger.count(b"\n")
            return Row(
                expected="VERIFIED; finished phases not again; same nonce, positions, root",
                got=f"died in {killed.phase} after {killed.seconds:.2f} s"
                f"{f' with {had} container(s)' if had else ''}, "
                f"{events} events; again: {ended.short} in {seconds:.1f} s",
                wrong="; ".join(wrong),
                figures={**counted, "died_seconds": killed.seconds, "again_seconds": seconds},
            )
    return Row(expected="a kill", got="it ended before", wrong=f"not killed in {TRIES} tries")


def struck(made: Scene, kill: Kill, after_seconds: float) -> Killed | None:
    """Kill a verifier so long after that phase began; None when it ended first."""
    began = time.monotonic()
    process = made.start()
    mark = seeing.mark_of(process).mark
    try:
        if not seeing.until(made, kill.phase, process):
            return None
        time.sleep(after_seconds)
        if kill.whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        seconds = time.monotonic() - began
        if process.wait() != -signal.SIGKILL:
            return None
    except ProcessLookupError:
        return None
    finally:
        process.kill()
        process.wait()
    died_in = seeing.phase(made.out)
    return Killed(died_in, seconds, recorded(made), seeing.held(mark))


def recorded(made: Scene) -> bytes:
    """The lines of the scene's ledger; none where there is no ledger yet."""
    ledgers = [*made.out.glob("*/ledger/ledger.jsonl")]
    return ledgers[0].read_bytes() if ledgers else b""


def intact(made: Scene, killed: Killed) -> list[str]:
    """Whether what the dead one recorded can be read as it lies there, in words."""
    if not killed.ledger:
        return []
    try:
        Ledger.open(made.run / "ledger")
    except LedgerUnfinished:
        return []
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is the row's result
        return [f"the ledger was damaged: {fault}"]
    return []


def resumed(made: Scene, before: bytes, ended: Ended, whole: Proven) -> list[str]:
    """What was not as it should be after the second start, in words.

    `before`: the ledger's lines when the first one ended.
    """
    if ended.code != 0 or ended.said.get("answer") != "VERIFIED":
        return [f"the second start ended with {ended.short}"]
    ledger = Ledger.open(made.run / "ledger")
    whole_lines = before[: before.rfind(b"\n") + 1]
    text = (made.run / "ledger" / "ledger.jsonl").read_bytes()
    wrong = [] if text.startswith(whole_lines) else ["what was recorded was not kept"]
    wrong += Proven.of(ledger).other_than(whole)
    kept = whole_lines.count(b"\n")
    boxes = [each.label for each in ledger.records[kept:] if isinstance(each, BoxFacts)]
    finished = {type(each) for each in ledger.records[:kept]}
    for event, labels in BOX_OF.items():
        if event in finished and any(label.startswith(labels) for label in boxes):
            wrong.append(f"{event.__name__.lower()} was run again")
    found = pipeline.recheck(pipeline.Asked(named=str(made.run)))
    if found.forged or found.verdict is None:
        wrong.append(f"recheck: {found.forged or 'no verdict'}")
    wrong += strangers(made.run / "ledger", ledger)
    return wrong


def strangers(folder: Path, ledger: Ledger) -> list[str]:
    """Files in a ledger's folder that nothing names."""
    known = {*ledger.files, "ledger.lock", "signature.json"}
    there = (path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)) for path in there}
    return [f"a stray file {name}" for name in sorted(names - known)]


def count_row(place: Path, number: int) -> Row:
    """How many were killed where: fewer than planned is wrong, and a phase that was never hit."""
    found: list[dict[str, Any]] = [
        json.loads(path.read_text()) for path in sorted((place / "kills").glob("*.json"))
    ]
    hit = Counter(each["phase"] for each in found)
    over = Counter(each["backend"] for each in found)
    missed = [name for name in seeing.PHASES if not hit[name]]
    wrong = [f"{len(found)} of {number} were killed"] if len(found) != number else []
    wrong += [f"nobody died in {', '.join(missed)}"] if missed else []
    groups = sum(each["group"] for each in found)
    return Row(
        expected=f"{number} killed, in every phase",
        got=", ".join(f"{name} {hit[name]}" for name in seeing.PHASES)
        + f"; {', '.join(f'{n} over {name}' for name, n in over.items())}; {groups} as a group",
        wrong="; ".join(wrong),
        figures={"kills": len(found), **hit},
    )
