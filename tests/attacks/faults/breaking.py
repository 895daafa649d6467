"""What every row about one fault needs: how it ended, whose fault that says, what is left after it.

A row is wrong where it ended in another way than expected, where no remedy is said, where the
ledger cannot be read, where something is left behind, and where the same command does not end well
once the fault is over.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.faults import seeing
from tests.attacks.faults.kills import Proven, recorded, resumed, unbroken
from tests.attacks.faults.scene import Cast, Ended, Scene, scene
from tests.attacks.rows import Row
from verifier import errors
from verifier.errors import LedgerUnfinished, MachineFault, RequestError
from verifier.ledger import Ledger
from verifier.records import Verdict


class NotPlayed(Exception):
    """A row came to nothing that can be compared: it is wrong, and this is why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where rows are played: a kept folder and who is verified."""

    place: Path
    cast: Cast

    def proven(self, backend: str) -> Proven:
        """What an unbroken run over that backend came to."""
        return unbroken(self.place, self.cast, backend).proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A scene in which a verifier met a fault: how that ended, and how the same command after it.

    `before`: the ledger's lines when it had ended. `again` is None where nothing is to be run
    again: the fault was a finding.
    """

    ended: Ended
    held: tuple[seeing.Held, ...]
    before: bytes = b""
    again: Ended | None = None


Play = Callable[[Scene], Broken]


def met(made: Scene, mend: Callable[[], object], **settings: str) -> Broken:
    """Run into a fault that is there already, mend it, and run again."""
    process = made.start(**settings)
    first = seeing.mark_of(process)
    return mended(made, made.ended(process), first, mend)


def mended(made: Scene, ended: Ended, first: seeing.Held, mend: Callable[[], object]) -> Broken:
    """The fault is over: the same command again."""
    before, wrong = recorded(made), read_whole(made, finished=False)
    if wrong:
        raise NotPlayed("; ".join(wrong))
    mend()
    process = made.start()
    held = (first, seeing.mark_of(process))
    return Broken(ended=ended, held=held, before=before, again=made.ended(process))


def told(ended: Ended) -> str:
    """Whose fault an ending says that it was."""
    if not ended.fault:
        return {0: "nobody's", 1: "the submission's", 2: "open"}.get(ended.code, "not said")
    kind = getattr(errors, str(ended.fault["kind"]), None)
    if kind is None:
        return "not said"
    if issubclass(kind, MachineFault):
        return "the machine's"
    return "the asker's" if issubclass(kind, RequestError) else "the verifier's"


def fault_row(
    stage: Stage, play: Play, *, code: int, whose: str, says: str, backend: str = "docker"
) -> Row:
    """An error of ours: its exit code, whose fault, what it says; then the same command ends well.

    `says` must stand in what the error, its remedy, or its kind says.
    """
    with scene(stage.cast, backend) as made:
        broken = play(made)
        wrong = ending(broken.ended, code, whose, says)
        if not broken.ended.fault.get("remedy"):
            wrong.append("no remedy is said")
        got = f"{told(broken.ended)}: {broken.ended.short}"
        if broken.again is not None:
            got += f"; afterwards {broken.again.short}"
            wrong += resumed(made, broken.before, broken.again, stage.proven(made.backend))
        wrong += [f"left: {what}" for what in seeing.left(made, *broken.held)]
    return Row(
        expected=f"{code}, {whose}: {says}; then VERIFIED with the same root",
        got=got,
        wrong="; ".join(wrong),
    )


def finding_row(
    stage: Stage, play: Play, *, code: int, audit: str, says: str, backend: str = "docker"
) -> Row:
    """A finding about the submission: which audit, and what its reason says."""
    with scene(stage.cast, backend) as made:
        broken = play(made)
        ended = broken.ended
        wrong = [] if ended.code == code else [f"ended with {ended.short}"]
        findings = {each["audit"]: each for each in ended.said.get("findings", ())}
        reason = str(findings.get(audit, {}).get("reason", ""))
        if says not in reason:
            wrong.append(f"{audit} says {reason!r}")
        wrong += read_whole(made, finished=True)
        wrong += [f"left: {what}" for what in seeing.left(made, *broken.held)]
    return Row(
        expected=f"{code}, the submission's: {audit} says {says!r}",
        got=f"{ended.code} {ended.said.get('answer', ended.short)}: {audit}: {reason[:160]}",
        wrong="; ".join(wrong),
    )


def ending(ended: Ended, code: int, whose: str, says: str) -> list[str]:
    """What is not as expected of an error, in words."""
    wrong = [] if ended.code == code else [f"exit code {ended.code}"]
    wrong += [] if told(ended) == whose else [f"it is said to be {told(ended)}"]
    if says not in f"{ended.fault.get('kind')} {ended.fault.get('message')}":
        wrong.append(f"{says!r} is not said")
    wrong += ["a traceback"] if "Traceback" in ended.words else []
    wrong += ["called a bug"] if "bug:" in ended.words else []
    return wrong


def read_whole(made: Scene, *, finished: bool) -> list[str]:
    """Whether the ledger reads back whole, in words; where there is none yet nothing is wrong."""
    folders = list(made.out.glob("*/ledger"))
    if not folders:
        return ["there is no ledger"] if finished else []
    try:
        ledger = Ledger.open(folders[0])
    except LedgerUnfinished:
        return ["the ledger has no verdict"] if finished else []
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is the row's result
        return [f"the ledger was damaged: {fault}"]
    return ["the ledger has no verdict"] if finished and not ledger.find(Verdict) else []


def shell(*words: str) -> None:
    """Run a command of the system's. Raises CalledProcessError."""
    subprocess.run(words, check=True, capture_output=True)
