"""Did it train, in time? One seed: INIT → TRAIN → PACK, each under the host's monotonic clock.

A run that fails is a fact in `Training`, never an exception. Only what came from outside the box
is recorded: times are the host's, and the log is kept for people, never read.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import RequestError, StorageFault
from verifier.policy import Policy
from verifier.records import BoxEnd, BoxFacts, EndedBy, Root, Training
from verifier.sandbox.clock import Stopwatch
from verifier.sandbox.interface import Box, Sandbox
from verifier.scratch import empty
from verifier.training.boxes import Trainee, pack_spec, seeded, train_spec
from verifier.training.seal import bring, forget_ready, is_ready, open_data
from verifier.watch import Progress

LOOK_SECONDS = 0.02
PROGRESS_SECONDS = 0.5
LOG_CHARACTERS = 64 * 1024
TRAINED, PACKED = "trained", "packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One seed's run. `artifact` is the folder to freeze: what PACK left, else what TRAIN left."""

    facts: Training
    boxes: tuple[BoxFacts, ...]
    artifact: Path


@dataclass(frozen=True, slots=True)
class _Ran:
    """A box that ended. `seconds` is [lo, hi]; `init_seconds` what came before it, if sealed."""

    end: BoxEnd
    facts: BoxFacts
    seconds: tuple[float, float]
    init_seconds: float | None = None


def left(out_folder: Path, facts: Training) -> Path:
    """The folder below `out_folder` to freeze after that run: what PACK left, else what TRAIN left.

    It is named by what is recorded, so that a run which was killed since then is not run again.
    """
    return out_folder / (TRAINED if facts.pack_seconds is None else PACKED)


class _Folders:
    """The folders of one seed. `sealed` is filled out of `waiting` when INIT is over."""

    def __init__(self, above: Path) -> None:
        self.trained, self.packed, self.sealed = above / TRAINED, above / PACKED, above / "data"
        self.waiting = above / "waiting"
        try:
            for folder in (self.trained, self.packed, self.sealed, self.waiting):
                empty(folder)
                folder.mkdir(parents=True)
        except OSError as fault:
            raise StorageFault(f"{above}: cannot be made anew: {fault.strerror}") from fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What every phase of one seed needs."""

    submission: Trainee
    seed: int
    sandbox: Sandbox
    root: Root
    data_folder: Path
    policy: Policy
    folders: _Folders
    progress: Progress


def train(
    submission: Trainee,
    seed: int,
    *,
    sandbox: Sandbox,
    root: Root,
    data_folder: Path,
    policy: Policy,
    out_folder: Path,
    progress: Progress,
) -> Trained:
    """Train `submission` once with `seed`, then pack what it left.

    1. The folders of this seed are made anew under `out_folder`: nothing of an earlier attempt
       is left for it to find.
    2. TRAIN runs in its box, after INIT where the start is sealed, and is killed at its limit.
    3. PACK, if there is one and TRAIN ended well, runs in a box of its own, without data.
    4. The whole is recorded as seen from outside.

    `progress` advances in seconds of training. Raises StorageFault when the folders cannot be made
    or filled, RequestError when the policy forbids the sealed start asked for, and what
    `sandbox.start` raises; never because of what the submission did.
    """
    if submission.manifest.sealed_start and policy.train.sealed_start == "forbidden":
        raise RequestError(f"policy {policy.name} allows no sealed start, but verify.yaml asks it")
    fairness = Stopwatch()
    # 1. Folders.
    run = _Run(
        submission=submission,
        seed=seed,
        sandbox=sandbox,
        root=root,
        data_folder=data_folder,
        policy=policy,
        folders=_Folders(out_folder),
        progress=progress,
    )
    # 2. TRAIN.
    trained = _train_sealed(run) if submission.manifest.sealed_start else _train(run)
    # 3. PACK.
    command = submission.manifest.pack
    packed = _pack(run, command) if command is not None and _well(trained.end) else None
    # 4. The record.
    facts = _facts(run, trained, packed, fairness.unfair())
    return Trained(
        facts=facts,
        boxes=(trained.facts,) if packed is None else (trained.facts, packed.facts),
        artifact=left(out_folder, facts),
    )


def _train(run: _Run) -> _Ran:
    spec = train_spec(
        run.submission, run.seed, run.root, run.data_folder, run.folders.trained, run.policy
    )
    with run.sandbox.start(spec) as box:
        # The backend keeps the box's own limit; nothing is added to it here.
        end = _ended(box, math.inf, run.progress)
        return _Ran(end, box.facts, end.wall_seconds)


def _train_sealed(run: _Run) -> _Ran:
    """INIT, then the data, then TRAIN."""
    spec = train_spec(
        run.submission, run.seed, run.root, run.folders.sealed, run.folders.trained, run.policy
    )
    try:
        bring(run.data_folder, run.folders.waiting)
    except OSError as fault:
        raise StorageFault(f"{run.folders.waiting}: {fault.strerror}") from fault
    before = time.monotonic()
    with run.sandbox.start(spec) as box:
        after = time.monotonic()
        end = _initialised(box, run.folders.trained, after + run.policy.train.init_seconds)
        opened = time.monotonic()
        if end is not None:
            return _Ran(end, box.facts, (0.0, 0.0), opened - before)
        try:
            open_data(run.folders.waiting, run.folders.sealed)
        except OSError as fault:
            raise StorageFault(f"{run.folders.sealed}: {fault.strerror}") from fault
        # All of it is there: what our own moving takes is not taken from the limit.
        complete = time.monotonic()
        end = _ended(box, complete + run.policy.train.limit_seconds, run.progress)
        ended = time.monotonic()
        facts = box.facts
    forget_ready(run.folders.trained)
    lo, hi = end.wall_seconds
    # The box's own interval less INIT's, which lies in [opened - after, complete - before].
    least = max(0.0, lo - (complete - before))
    most = max(least, min(ended - opened, hi - (opened - after)))
    return _Ran(end, facts, (least, most), opened - before)


def _initialised(box: Box, out: Path, deadline: float) -> BoxEnd | None:
    """Wait until the box says it is ready or INIT's limit passes (None), or it ends (how)."""
    while (end := box.wait(LOOK_SECONDS)) is None:
        if is_ready(out) or time.monotonic() >= deadline:
            return None
    return end


def _ended(box: Box, deadline: float, progress: Progress) -> BoxEnd:
    """Wait for the box to end, killing it at `deadline` on the host's monotonic clock."""
    last = time.monotonic()
    while last < deadline:
        end = box.wait(min(deadline - last, PROGRESS_SECONDS))
        now = time.monotonic()
        progress.advance(now - last)
        last = now
        if end is not None:
            return end
    return box.kill(EndedBy.WALL_CLOCK)


def _pack(run: _Run, command: tuple[str, ...]) -> _Ran:
    spec = pack_spec(
        run.submission,
        seeded(command, run.seed),
        run.root,
        trained=run.folders.trained,
        out=run.folders.packed,
        policy=run.policy,
    )
    with run.sandbox.start(spec) as box:
        end = _ended(box, math.inf, run.progress)
        return _Ran(end, box.facts, end.wall_seconds)


def _well(end: BoxEnd) -> bool:
    return end.ended_by is EndedBy.ITSELF and end.exit_code == 0


def _facts(run: _Run, trained: _Ran, packed: _Ran | None, unfair: str) -> Training:
    """One record of both boxes: the end that counts is the last one's."""
    last = trained if packed is None else packed
    ends = [trained.end] if packed is None else [trained.end, packed.end]
    return Training(
        seed=run.seed,
        wall_seconds=trained.seconds,
        init_seconds=trained.init_seconds,
        pack_seconds=None if packed is None else packed.seconds[1],
        limit_seconds=run.policy.train.limit_seconds,
        ended_by=last.end.ended_by,
        exit_code=last.end.exit_code,
        cpu_seconds=_sum([end.cpu_seconds for end in ends]),
        memory_peak_bytes=_largest([end.memory_peak_bytes for end in ends]),
        unfair=unfair,
        log="".join(end.log for end in ends)[-LOG_CHARACTERS:],
        attempts=tuple(attempt for end in ends for attempt in end.attempts),
    )


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _largest(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None
