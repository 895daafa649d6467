"""How does one unmodified script run in full? One box under the policy's clock, seen from outside.

The box gets the submission, the data where scripts look for it, and what lets a CPU stand in for a
GPU where the policy's hardware is a CPU. Must never read the script's own clock; what it printed is
kept as its claim.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verifier import shadow, training
from verifier.errors import StorageFault
from verifier.heldout import HeldOut
from verifier.pipeline.dating import Dating
from verifier.pipeline.grounds import Ground
from verifier.pipeline.witnessing import Watching, watching
from verifier.policy import Policy
from verifier.records import BoxEnd, BoxFacts, BoxSpec, EndedBy, Mount, ScriptRun
from verifier.sandbox.clock import Stopwatch
from verifier.sandbox.gpus import chosen
from verifier.sandbox.interface import Box
from verifier.scratch import empty
from verifier.shadow import left
from verifier.shadow.claimed import counted
from verifier.shadow.notes import Notes, read_notes
from verifier.shadow.runs import places
from verifier.shadow.toy import Toy
from verifier.source import Program
from verifier.source.logs import Score, read_log
from verifier.watch import Progress

GUEST, WORLD, OUT, SUBMISSION = "/shadow", "/world", "/out", "/submission"
BYTECODE, GIVEN = "/bytecode", "/given"
NOTES = ".shadow"
PIDS = 1024
LOG_CHARACTERS = 64 * 1024
PROGRESS_SECONDS = 0.5
SEED = "SEED"
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """What every run in full of one script needs.

    `folder` is the frozen submission, `data` the data set laid out for it under the names that
    `world` gives it, `label` that of the score it claims; `artifact` are the names of the files
    that it reads back at toy scale.
    """

    folder: Path
    program: Program
    toy: Toy
    data: Path
    world: shadow.World
    ground: Ground
    guest: Path
    bytecode: Path | None
    policy: Policy
    label: str
    artifact: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noting:
    """The streams by which the recorder tells what is scored: held-out and training tokens."""

    held_out: npt.NDArray[np.integer]
    training: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what is recorded of it, its box, and the folder that holds its artifact alone.

    `score` is its claimed score, None where it did not print that or did not end well; `world`
    tells the bytes of its tokens, `notes` is what was noted beside it, if it was to be, `watched`
    what the machine and its GPUs did meanwhile.
    """

    facts: ScriptRun
    box: BoxFacts
    artifact: Path
    score: Score | None
    world: shadow.World
    notes: Notes | None
    watched: Watching


def lay_out_data(
    folder: Path, held_out: HeldOut, stream: npt.NDArray[np.integer], toy: Toy
) -> shadow.World:
    """The data set in `folder`, which is made, as the competition lays it out.

    Training shards are linked, the held-out `stream` (BOS first) is one shard. Raises StorageFault.
    """
    try:
        folder.mkdir()
        world = shadow.world_of(folder.with_name("tokenizer"), held_out.tokenizer_path)
        place = shadow.furnish_held_out(world, folder, stream, names=toy.names, sidecar=toy.sidecar)
        for shard in sorted(held_out.training_folder.glob("fineweb_train_*.bin")):
            training.put(shard, place / shard.name)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault
    return world


def run_in_full(
    full: Full,
    seed: int,
    at: Path,
    progress: Progress,
    noting: Noting | None = None,
) -> Ran:
    """Run the script once with `seed`; `at` is made anew for what it leaves.

    With `noting` the recorder stands beside it. A run that fails is a fact. Raises StorageFault,
    and what `sandbox.start` raises.
    """
    out, given = at / "out", at / "given"
    try:
        empty(at)
        out.mkdir(parents=True)
        given.mkdir()
        noted = {} if noting is None else _noted(given, noting)
        spec = {**_spec(full.policy), **noted}
        (given / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    except OSError as fault:
        raise StorageFault(f"{at}: cannot be made anew: {fault.strerror}") from fault
    fairness, dates = Stopwatch(), Dating(out)
    with (
        watching(full.ground.sandbox, full.policy, seed) as watched,
        watched.sandbox.start(_box(full, seed, given, out)) as box,
    ):
        dates.box_started()
        end = _ended(box, dates, progress)
        facts = box.facts
    artifact = _artifact(full.artifact, out)
    unfair = fairness.unfair() or dates.unfair()
    score, is_claimed = counted(read_log(end.log.encode()), full.label)
    well = end.ended_by is EndedBy.ITSELF and end.exit_code == 0
    return Ran(
        facts=ScriptRun(
            seed=seed,
            wall_seconds=end.wall_seconds,
            artifact_seconds=dates.since(artifact),
            artifact=tuple(name for name, _ in artifact),
            artifact_sha256=_digest(artifact),
            printed=score.quote.text if score else "",
            loss=score.loss if score else None,
            bpb=score.bpb if score else None,
            rounding=shadow.rounding(score) if score else 0.0,
            is_claimed=is_claimed and score is not None,
            ended_by=end.ended_by,
            exit_code=end.exit_code,
            cpu_seconds=end.cpu_seconds,
            memory_peak_bytes=end.memory_peak_bytes,
            unfair=unfair,
            log=end.log[-LOG_CHARACTERS:],
            attempts=end.attempts,
        ),
        box=facts,
        artifact=_alone(artifact, left_alone(at)),
        score=score if is_claimed and well else None,
        world=full.world,
        notes=None if noting is None else read_notes(out / NOTES, len(noting.held_out)),
        watched=watched,
    )


def left_alone(at: Path) -> Path:
    """The folder below `at` that holds nothing but the artifact of what was run there."""
    return at / "artifact"


def _digest(artifact: Iterable[tuple[str, Path]]) -> str:
    """sha256 over the length-prefixed names, and sha256, of the files of an artifact."""
    whole = hashlib.sha256()
    for name, path in artifact:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        named = name.encode(errors="surrogateescape")
        whole.update(len(named).to_bytes(8, "big") + named + content)
    return whole.hexdigest()


def _artifact(known: Iterable[str], out: Path) -> list[tuple[str, Path]]:
    """The files left that are its artifact: those it reads back, else all that are no logs.

    Numbers in a name may be others at toy scale: of steps, layers, seeds.
    """
    left_over = dict(left.files(out))
    plain = {_NUMBERS.sub("#", name) for name in known}
    chosen = {name for name in left_over if _NUMBERS.sub("#", name) in plain}
    names = chosen or filter(left.is_artifact, left_over)
    return [(name, left_over[name]) for name in sorted(names)]


def _alone(artifact: list[tuple[str, Path]], folder: Path) -> Path:
    """A folder that holds nothing but the artifact."""
    try:
        folder.mkdir()
        for name, path in artifact:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name, follow_symlinks=False)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault
    return folder


def _ended(box: Box, dates: Dating, progress: Progress) -> BoxEnd:
    """Wait for the box to end, and look at what it leaves meanwhile; it keeps its own limit."""
    last = time.monotonic()
    while (end := box.wait(PROGRESS_SECONDS)) is None:
        dates.look()
        now = time.monotonic()
        progress.advance(now - last)
        last = now
    return end


def seconds_at_most(policy: Policy) -> float:
    """How long a run may take in all, before it is ended."""
    train, score = policy.train, policy.score
    limits = train.limit_seconds + train.pack_seconds + score.limit_seconds
    return limits + score.start_seconds


def _spec(policy: Policy) -> Mapping[str, object]:
    return {
        "submission": SUBMISSION,
        "world": WORLD,
        "newer": f"{GUEST}/newer",
        "ranks": 1,
        "threads": policy.hardware.threads,
        "device": "cuda" if policy.hardware.gpus else "cpu",
        "seed": 0,
    }


def _noted(given: Path, noting: Noting) -> Mapping[str, object]:
    """What the recorder needs, of which the streams are put into the folder `given`."""
    np.save(given / "heldout.npy", noting.held_out.astype(np.uint16))
    np.save(given / "train.npy", noting.training.astype(np.uint16))
    return {
        "heldout": f"{GIVEN}/heldout.npy",
        "train": f"{GIVEN}/train.npy",
        "notes": f"{OUT}/{NOTES}",
        "clock": "real",
        "reading": 0.0,
        "step": [0.0],
    }


def _box(full: Full, seed: int, given: Path, out: Path) -> BoxSpec:
    policy, launch = full.policy, full.program.launch
    inputs = [
        Mount(source=full.guest, target=GUEST),
        Mount(source=full.data, target=WORLD),
        Mount(source=given, target=GIVEN),
        Mount(source=full.folder, target=SUBMISSION),
    ]
    compiled = {}
    if full.bytecode is not None:
        inputs.append(Mount(source=full.bytecode, target=BYTECODE))
        compiled["PYTHONPYCACHEPREFIX"] = BYTECODE
    threads, cards = str(policy.hardware.threads), policy.hardware.gpus
    ranks = ("-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={cards}")
    start = ("python3", *(ranks if cards > 1 else ()))
    return BoxSpec(
        label="script",
        root=full.ground.root,
        argv=(*start, f"{GUEST}/run.py", f"{GIVEN}/spec.json", launch.script, *launch.arguments),
        environment={
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            # A spinning thread beside a busy neighbour cost twenty times the time.
            "OMP_WAIT_POLICY": "passive",
            **({} if cards else {"TRITON_INTERPRET": "1"}),
            **compiled,
            **launch.environment,
            **places(full.world, full.toy),
            SEED: str(seed),
        },
        inputs=tuple(inputs),
        output=Mount(source=out, target=OUT),
        channel=None,
        working_folder=OUT,
        limits=replace(training.limits(policy, seconds_at_most(policy)), pids=PIDS),
        gpus=chosen(cards),
    )
