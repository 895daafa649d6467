"""How does one run of the unmodified script end, and what is left of it?

One box: the script with its folder copied into the one place it may write, a small world mounted
beside it, the guest in front of it. What it prints is read from outside; how it ended is the
sandbox's word. A run that fails is a fact, never an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from verifier.errors import BrokenInvariant, StorageFault
from verifier.records import BoxEnd, BoxSpec, EndedBy, Limits, Mount, Root
from verifier.sandbox.interface import Sandbox
from verifier.shadow import left
from verifier.shadow.claimed import counted
from verifier.shadow.notes import Notes, read_notes
from verifier.shadow.reads import Constant
from verifier.shadow.record import Ran
from verifier.shadow.streams import Ids, Stream
from verifier.shadow.world import World, furnish
from verifier.source.logs import Score, Stop, read_log

GUEST, WORLD, OUT, SUBMISSION = "/shadow", "/world", "/out", "/submission"
BYTECODE = "/bytecode"
PIDS = 512
LOG_BYTES = 16 << 20
OUTPUT_BYTES = 1 << 30
OUTPUT_FILES = 4_000
TEMPORARY_BYTES = 1 << 30
LOOK_SECONDS = 0.001
"""What a look at the run's own clock costs on it."""
_WRITES = frozenset("wax+")
_NUMBER = re.compile(r"[0-9]{1,3}\.([0-9]{1,17})(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where runs take place. `guest` is the folder of what runs in front of the script.

    `bytecode` holds the image's compiled modules, None where there are none.
    """

    sandbox: Sandbox
    root: Root
    guest: Path
    bytecode: Path | None
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is run: a folder, the script in it, its arguments and its settings.

    `steps` is what the optimiser's steps cost on the run's own clock, in seconds, the last of them
    each further one; `constants` are sizes that stand in its text, with what they become;
    `sidecar` says whether it reads the bytes of tokens from a shard; `names` are those under which
    it looks for data and tokenizers; `label` is that of the score it claims.
    """

    folder: Path
    entry: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    steps: tuple[float, ...]
    constants: tuple[tuple[Constant, int | float], ...] = ()
    ranks: int = 1
    sidecar: bool = False
    names: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One run: its stream, how it ended, its final score as printed, notes, files left.

    `is_claimed`: the score is of the line that the submission claims; `stop` is where its log says
    that training ended; `artifacts` maps the files that are no logs to their sha256, `names` are
    those of all that it left, `given` those of the submission as it was handed in.
    """

    ran: Ran
    stream: Stream
    end: BoxEnd
    score: Score | None
    is_claimed: bool
    stop: Stop | None
    notes: Notes | None
    artifacts: Mapping[str, str]
    names: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()

    @property
    def finished(self) -> bool:
        """Whether a final score was printed."""
        return self.score is not None

    @property
    def whole(self) -> bool:
        """Whether the claimed score was printed, and the script then ended well."""
        well = self.end.ended_by is EndedBy.ITSELF and self.end.exit_code == 0
        return self.finished and self.is_claimed and well

    def read_back(self, name: str) -> bool:
        """Whether the script opened a file that it made to read it."""
        return any(self._name(path) == name for path in self._read_back)

    @property
    def read_elsewhere(self) -> tuple[str, ...]:
        """The paths of files that it made and read, and that it did not leave."""
        return tuple(path for path in self._read_back if self._name(path) not in self.names)

    @property
    def read_of_its_own(self) -> tuple[str, ...]:
        """The files of the submission, as it was handed in, that the script opened to read."""
        opened = {self._name(path) for path in self._reads if path not in self._writes}
        return tuple(sorted(opened & self.given))

    @property
    def artifact(self) -> tuple[str, ...]:
        """The files that it left, made after it had learned, and opened to read: it scores with."""
        found = {self._name(path) for path in self._read_back if self._holds_training(path)}
        return tuple(sorted(found & self.names))

    @property
    def trained_since_artifact(self) -> int:
        """How often it learned from training tokens after it made its last file.

        Counted are the calls that scored them with a gradient; 0 where no file is made after any
        of them. Logs are no files here.
        """
        paths = {*self._writes, *self._read_back}
        files = [path for path in paths if self._holds_training(path) and left.is_artifact(path)]
        return self._learnings(max(map(self._made, files), default=None), None)

    def _made(self, path: str) -> int:
        """The block before which a file was last written.

        One that was made unseen, by a renaming or another process, was there when first read.
        """
        return self._writes.get(path, self._reads.get(path, 0))

    def _holds_training(self, path: str) -> bool:
        """Whether a file below the run's own folder was made after it had learned something."""
        return path.startswith(f"{OUT}/") and self._learnings(0, self._made(path)) > 0

    def _learnings(self, begin: int | None, end: int | None) -> int:
        """Blocks of training tokens with a gradient from `begin` to `end`; 0 for no beginning."""
        if self.notes is None or begin is None:
            return 0
        return int((self.notes.gradient & self.notes.training)[begin:end].sum())

    @cached_property
    def _writes(self) -> Mapping[str, int]:
        """Path → the block before which it was last opened to be written."""
        files = self.notes.files if self.notes else ()
        return {each.path: each.block for each in files if _WRITES.intersection(each.mode)}

    @cached_property
    def _reads(self) -> Mapping[str, int]:
        """Path → the block before which it was first opened to be read."""
        files = reversed(self.notes.files if self.notes else ())
        return {each.path: each.block for each in files if not _WRITES.intersection(each.mode)}

    @cached_property
    def _read_back(self) -> tuple[str, ...]:
        """The paths of files that the script made, and then opened to be read."""
        written: set[str] = set()
        found: dict[str, None] = {}
        for opened in self.notes.files if self.notes else ():
            if _WRITES.intersection(opened.mode):
                written.add(opened.path)
            elif opened.path in written or self._is_made(opened.path):
                found[opened.path] = None
        return tuple(found)

    def _is_made(self, path: str) -> bool:
        """Whether a path is below the one folder that is the run's, and was not handed in."""
        return path.startswith(f"{OUT}/") and self._name(path) not in self.given

    @staticmethod
    def _name(path: str) -> str:
        """The name, as `left` gives it, of a path in the box."""
        inside = f"{OUT}/{left.INSIDE}/"
        return path.removeprefix(inside if path.startswith(inside) else f"{OUT}/")

    @property
    def last_words(self) -> str:
        """How it ended, and the last line that it printed."""
        lines = [line.strip() for line in self.tail.splitlines() if line.strip()]
        return f"({self.ran.ended}): {lines[-1][:200] if lines else 'nothing'}"

    @property
    def tail(self) -> str:
        """The end of what was printed."""
        return self.end.log[-4_000:]


def run(
    stage: Stage,
    script: Script,
    world: World,
    stream: Stream,
    training: Ids,
    variant: str,
    at: Path,
) -> Result:
    """Run `script` once on `stream`; `at` is a new folder for what goes in and comes out.

    Raises StorageFault where that cannot be written, and what `sandbox.start` raises.
    """
    given, out = at / "world", at / "out"
    try:
        out.mkdir(parents=True)
        furnish(world, given, stream.ids, training, names=script.names, sidecar=script.sidecar)
        np.save(given / "heldout.npy", stream.ids)
        np.save(given / "train.npy", training)
        (given / "spec.json").write_text(json.dumps(_spec(script)), encoding="utf-8")
    except OSError as fault:
        raise StorageFault(f"{at}: cannot be written: {fault.strerror}") from fault
    with stage.sandbox.start(_box(stage, script, given, out, variant)) as box:
        end = box.wait()
    if end is None:
        raise BrokenInvariant("a box without a timeout returned before it ended")
    try:
        (at / "output.txt").write_text(end.log, encoding="utf-8", errors="replace")
    except OSError as fault:
        raise StorageFault(f"{at}: cannot be written: {fault.strerror}") from fault
    log = read_log(end.log.encode())
    score, is_claimed = counted(log, script.label)
    return Result(
        ran=Ran(
            variant=variant,
            seconds=round(end.wall_seconds[1], 2),
            ended=_ended(end),
            printed=score.quote.text if score else "",
            loss=score.loss if score else None,
            bpb=score.bpb if score else None,
            memory_peak_bytes=end.memory_peak_bytes,
        ),
        stream=stream,
        end=end,
        score=score,
        is_claimed=is_claimed,
        stop=log.stop,
        notes=read_notes(out / ".shadow", len(stream)),
        artifacts=left.artifacts(out),
        names=frozenset(name for name, _ in left.files(out)),
        given=frozenset(
            path.relative_to(script.folder).as_posix()
            for path in script.folder.rglob("*")
            if path.is_file()
        ),
    )


def decimals(score: Score) -> int:
    """How many decimals the loss of `score` was printed with."""
    for found in _NUMBER.finditer(score.quote.text):
        if score.loss is not None and float(found[0]) == score.loss:
            return len(found[1])
    return 4


def _spec(script: Script) -> Mapping[str, object]:
    return {
        "heldout": f"{WORLD}/heldout.npy",
        "train": f"{WORLD}/train.npy",
        "submission": SUBMISSION,
        "world": WORLD,
        "notes": f"{OUT}/.shadow",
        "newer": f"{GUEST}/newer",
        "ranks": script.ranks,
        "threads": 1,
        "reading": LOOK_SECONDS,
        "step": list(script.steps),
        "constants": [[each.line, each.value, after] for each, after in script.constants],
        "seed": 0,
    }


def _box(stage: Stage, script: Script, given: Path, out: Path, variant: str) -> BoxSpec:
    inputs = [
        Mount(source=stage.guest, target=GUEST),
        Mount(source=given, target=WORLD),
        Mount(source=script.folder, target=SUBMISSION),
    ]
    compiled = {}
    if stage.bytecode is not None:
        inputs.append(Mount(source=stage.bytecode, target=BYTECODE))
        compiled["PYTHONPYCACHEPREFIX"] = BYTECODE
    return BoxSpec(
        label=f"shadow-{variant}",
        root=stage.root,
        argv=(*_started(script.ranks), f"{WORLD}/spec.json", script.entry, *script.arguments),
        environment={
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
            "TRITON_INTERPRET": "1",
            **compiled,
            **script.environment,
        },
        inputs=tuple(inputs),
        output=Mount(source=out, target=OUT),
        channel=None,
        working_folder=OUT,
        limits=Limits(
            wall_seconds=stage.seconds,
            memory_bytes=stage.memory_bytes,
            pids=PIDS,
            threads=1,
            temporary_bytes=TEMPORARY_BYTES,
            output_bytes=OUTPUT_BYTES,
            output_files=OUTPUT_FILES,
            log_bytes=LOG_BYTES,
        ),
    )


def _started(ranks: int) -> tuple[str, ...]:
    guest = f"{GUEST}/run.py"
    if ranks == 1:
        return ("python3", guest)
    launcher = ("python3", "-m", "torch.distributed.run", "--standalone")
    return (*launcher, f"--nproc_per_node={ranks}", guest)


def _ended(end: BoxEnd) -> str:
    if end.ended_by is EndedBy.ITSELF:
        return f"exit code {end.exit_code}"
    return end.ended_by.value
