"""Do ported scripts give the numbers of the scripts? `make port CLONE=…`: three merged records.

Usage: python -m tests.porting.check CLONE [--keep FOLDER] [RECORD …]

For each record, at toy scale, on a CPU, in boxes: `init --from`, the kept changes of a person,
training and export by what was ported and by the script, the script's own evaluation one document
at a time, and the Scorer by the real pass and a blind replay of every 16th position. Prints a
table; ends with 1 where a number is more than 1e-4 bits per byte off. Reads records from the
clone, keeps nothing of them. Never a part of CI: it needs the clone.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from verifier import image, policy, porting, store
from verifier import submission as submissions
from verifier.heldout import shards
from verifier.pipeline.boxes import scoring_spec
from verifier.pipeline.harness import lay_out
from verifier.pipeline.shadowing import ShadowRequest, open_stage
from verifier.records import Mount, Root
from verifier.scoring.box import Setting
from verifier.scoring.passing import Scoring, Targets, run_pass
from verifier.scoring.plan import plan
from verifier.scoring.replay import blind_batches, run_replay
from verifier.shadow.running import Result, Script, Stage, run
from verifier.shadow.streams import BOS, Source, Stream, tempting
from verifier.shadow.toy import find_toy
from verifier.shadow.world import World
from verifier.shadow.world import lay_out as lay_out_world
from verifier.source import Launch, Tree, read_program
from verifier.training.boxes import train_spec
from verifier.watch import Unwatched

TRACK = "records/track_10min_16mb"
AT_MOST = 1e-4
"""Bits per byte between the script's evaluation and the Scorer."""
SEED = 1337
TRAINING_TOKENS = 60_000
ASKED = 16
"""Of so many positions one is replayed blind: each costs a whole window."""
ISOLATED = Path(__file__).with_name("isolated.py")
MARK = "val_loss: 0.0 marks where the evaluation"
"""As isolated.py prints it, which only boxes can import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A merged record. `environment` goes over the toy's; `lengths` are those of the documents in
    targets; `changes` are (file, before, after): the lines that a person still had to change."""

    name: str
    folder: str
    lengths: tuple[int, ...]
    environment: tuple[tuple[str, str], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()


LEARNS = (
    ("ITERATIONS", "40"), ("WARMDOWN_ITERS", "10"), ("MAX_WALLCLOCK_SECONDS", "0"),
    ("TIED_EMBED_LR", "0.05"), ("MATRIX_LR", "0.04"), ("SCALAR_LR", "0.04"),
    ("MUON_MOMENTUM_WARMUP_STEPS", "20"),
)  # fmt: skip
"""So that the model learns something, at the script's own rates."""
ANY = (9, 17, 40, 64, 96, 120, 127, 128, 129, 160, 200, 250, 333, 391, 500, 700)
RECORDS = (
    Record(
        name="baseline",
        folder="2026-03-17_NaiveBaseline",
        # Its evaluation drops what fills no window: documents of whole windows.
        lengths=(128, 128, 128, 128, 256, 256, 384, 128, 512, 640, 128, 256),
        environment=LEARNS,
    ),
    Record(
        name="sliding window",
        folder="2026-03-19_SlidingWindowEval",
        lengths=ANY,
        environment=LEARNS,
    ),
    Record(
        name="LoRA",
        folder="2026-03-17_LoRA_TTT",
        # The last chunk of a document longer than its window sees more text there the sooner the
        # document ends, which no Scorer can know: such documents end with a whole chunk.
        lengths=(9, 17, 40, 64, 96, 120, 127, 128, 160, 192, 256, 384, 512, 704),
        environment=LEARNS,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. bits per byte; `blind`: the largest |blind − charge| in nats."""

    name: str
    counts: porting.Counts
    person: int
    printed: str
    script: float
    scorer: float
    blind: float
    targets: int
    same_artifact: bool

    @property
    def difference(self) -> float:
        """How far apart the two are."""
        return abs(self.script - self.scorer)


def main() -> int:
    """Check the records that are named, else all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("records", nargs="*")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    chosen = [each for each in RECORDS if not asked.records or each.name in asked.records]
    stage = open_stage(ShadowRequest(reference="", seconds=900.0), Unwatched())
    rows = []
    with tempfile.TemporaryDirectory(prefix="gv-port-") as name:
        scratch = asked.keep or Path(name)
        scratch.mkdir(exist_ok=True, parents=True)
        scratch.chmod(0o755)
        for record in chosen:
            place = scratch / record.name.replace(" ", "_")
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            print(f"{record.name} …", file=sys.stderr, flush=True)
            rows.append(checked(record, asked.clone, stage, place))
            say(rows[-1:])
    if len(rows) > 1:
        say(rows)
    return 0 if all(row.difference <= AT_MOST for row in rows) else 1


def checked(record: Record, clone: Path, stage: Stage, place: Path) -> Row:
    """Port one record, train both ways, score both ways."""
    tree = read_record(clone, record.folder)
    program = read_program(tree)
    assert program is not None
    toy = find_toy(program)
    environment = {**dict(toy.environment), **dict(record.environment)}
    launch = Launch(
        script=program.launch.script, environment=environment, processes=None, told_by="toy scale"
    )
    made = porting.port(porting.Given(tree=tree, script=launch.script, launch=launch))
    porting.write(made, place / "ported")
    person = changed_by_hand(record, place / "ported")
    world = lay_out_world(place / "world", toy.vocabulary)
    training, heldout = streams(world, record.lengths, toy.sequence)
    trained = train(place, stage, world, training)
    own = evaluated(program, tree, made, environment, stage, world, (heldout, training), place)
    script_costs, printed = counted(own, record.lengths)
    charges, blind = scored(place, trained, record.lengths, heldout, toy.vocabulary)
    used = used_positions(record.lengths)
    target_bytes = world.target_bytes(heldout)[used].sum()
    artifacts = [each for each in (place / "own").rglob("*.ptz")]
    return Row(
        name=record.name,
        counts=made.counts,
        person=person,
        printed=printed,
        script=float(script_costs.sum() / math.log(2) / target_bytes),
        scorer=float(charges.astype(np.float64).sum() / math.log(2) / target_bytes),
        blind=blind,
        targets=len(charges),
        same_artifact=any(
            each.read_bytes() == (trained / each.name).read_bytes() for each in artifacts
        ),
    )


def read_record(clone: Path, folder: str) -> Tree:
    """Script, README and submission.json of a merged record, in memory."""
    files = {}
    for name in ("train_gpt.py", "README.md", "submission.json"):
        asked = ["git", f"--git-dir={git_dir(clone)}", "show", f"main:{TRACK}/{folder}/{name}"]
        files[name] = subprocess.run(asked, capture_output=True, check=True).stdout
    return Tree(files=files)


def git_dir(clone: Path) -> Path:
    return clone / ".git" if (clone / ".git").exists() else clone


def changed_by_hand(record: Record, folder: Path) -> int:
    """Make the kept changes. Returns their lines. Raises ValueError where one no longer fits."""
    lines = 0
    for name, before, after in record.changes:
        text = (folder / name).read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise ValueError(f"{record.name}: the change of {name} no longer fits: {before!r}")
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")
        lines += len(after.split("\n"))
    return lines


# ---------------------------------------------------------------- data


def streams(
    world: World, lengths: tuple[int, ...], window: int
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """(training, held-out) tokens of one chain; the held-out documents have so many targets.

    A BOS ends the last document, and filler after it makes whole windows of the stream.
    """
    needed = sum(lengths)
    filler = 2 * window - needed % window
    drawn = tempting(
        TRAINING_TOKENS + needed + filler + 1, world.alphabet, np.random.default_rng(7)
    ).ids
    plain = np.where(drawn == BOS, world.alphabet[0], drawn).astype(np.uint16)
    training, heldout = drawn[:TRAINING_TOKENS], plain[TRAINING_TOKENS:]
    heldout[np.concatenate(([0], np.cumsum(lengths)))] = BOS
    return training, heldout


def used_positions(lengths: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Where in the stream the targets stand: all but the first BOS, up to the last END."""
    return np.arange(1, sum(lengths) + 1)


# ---------------------------------------------------------------- the ported submission


def train(place: Path, stage: Stage, world: World, training: npt.NDArray[np.uint16]) -> Path:
    """Run the ported training in its box, with the CPU in CUDA's place. Returns $OUT."""
    data, out, spec = place / "data", place / "trained", place / "spec"
    for folder in (data, out, spec):
        folder.mkdir()
    shards.write(data / "fineweb_train_000000.bin", training)
    shutil.copyfile(world.folder / world.tokenizer, data / "tokenizer.model")
    told = {"ranks": 1, "threads": 1, "seed": 0, "newer": "/shadow/newer", "world": "/data"}
    (spec / "spec.json").write_text(json.dumps(told))
    submission = submissions.pull(str(place / "ported"), store.root())
    assert isinstance(submission, submissions.Submission)
    rules = policy.load("local_cpu").policy
    box = train_spec(submission, SEED, stage.root, data, out, rules)
    box = replace(
        box,
        argv=(
            "python3",
            "/shadow/run.py",
            "/spec/spec.json",
            "/submission/train.py",
            *box.argv[2:],
        ),
        inputs=(
            *box.inputs,
            Mount(source=stage.guest, target="/shadow"),
            Mount(source=spec, target="/spec"),
        ),
        working_folder="/tmp",
        environment={**box.environment, "TRITON_INTERPRET": "1"},
    )
    with stage.sandbox.start(box) as started:
        end = started.wait()
    assert end is not None
    if end.exit_code != 0:
        raise RuntimeError(f"the ported training failed:\n{end.log[-3000:]}")
    return out


def scored(
    place: Path,
    trained: Path,
    lengths: tuple[int, ...],
    heldout: npt.NDArray[np.uint16],
    vocabulary: int,
) -> tuple[npt.NDArray[np.float32], float]:
    """The charges of the real pass, and how far a blind replay of every position is from them."""
    from verifier.sandbox import choose

    rules, shelf = policy.load("local_cpu").policy, store.root()
    submission = submissions.pull(str(place / "ported"), shelf)
    assert isinstance(submission, submissions.Submission)
    shipment = submissions.freeze(trained, submission, shelf / "shipments", rules)
    sandbox, _ = choose("auto")
    root: Root
    root, _ = image.build("cpu", shelf, locked=False, watch=Unwatched())
    sandbox.prepare(root)
    terms = submission.manifest
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    targets = Targets(heldout[used_positions(lengths)].astype(np.int32), offsets)
    setting = Setting(
        sandbox=sandbox,
        spec=scoring_spec(
            root,
            lay_out(shelf),
            image.bytecode(root, sandbox, shelf),
            shipment.folder,
            terms.scorer,
            rules,
        ),
        rows=terms.rows,
        chunk=terms.chunk,
        vocabulary=vocabulary,
        threads=1,
        start_seconds=120.0,
        answer_seconds=60.0,
        budget_seconds=math.inf,
        seed=SEED,
        opened=lambda _: None,
        ended=lambda _, __: None,
    )
    batches = plan(list(lengths), terms.rows, terms.adaptation)
    course = Scoring(setting, targets, batches, terms.adaptation, 1, lambda _: None)
    result = run_pass(course)
    if result.faults:
        raise RuntimeError(f"the pass broke: {result.faults[0].message}")
    asked = {d: np.arange(d % ASKED, n, ASKED) for d, n in enumerate(lengths)}
    asked = {d: positions for d, positions in asked.items() if len(positions)}
    rows = blind_batches(b"port", targets, batches, asked, [])
    replayed = run_replay(course, rows)
    if replayed.faults:
        raise RuntimeError(f"the replay broke: {replayed.faults[0].message}")
    return result.charges, float(np.nanmax(np.abs(replayed.blind - result.charges)))


# ---------------------------------------------------------------- the script's own evaluation


def evaluated(
    program: Any,
    tree: Tree,
    made: porting.Port,
    environment: dict[str, str],
    stage: Stage,
    world: World,
    data: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]],
    place: Path,
) -> Result:
    """Run the script whole, its evaluation one document at a time, and note every cost."""
    folder = place / "script"
    folder.mkdir()
    for name, content in tree.files.items():
        (folder / name).write_bytes(content)
    shutil.copyfile(ISOLATED, folder / "isolated.py")
    told = {
        "module": program.launch.script.removesuffix(".py"),
        "main": "main",
        "evaluation": made.evaluation,
        "tokens": made.tokens,
        "adapters": made.adapters,
    }
    (folder / "isolated.json").write_text(json.dumps(told))
    heldout, training = data
    script = Script(
        folder=folder,
        entry="isolated.py",
        arguments=(),
        environment={
            **environment,
            "SEED": str(SEED),
            "DATA_PATH": f"/world/{world.datasets}",
            "TOKENIZER_PATH": f"/world/{world.tokenizer}",
        },
        steps=(0.0,),
    )
    stream = Stream(source=Source.TEMPTING, ids=heldout, costs=np.zeros(len(heldout)))
    result = run(stage, script, world, stream, training, "port", place / "own")
    if result.end.exit_code != 0:
        raise RuntimeError(f"the script failed:\n{result.end.log[-3000:]}")
    return result


def counted(result: Result, lengths: tuple[int, ...]) -> tuple[npt.NDArray[np.float64], str]:
    """Nats of each target at its first visit in the last evaluation, and the last printed line."""
    notes = result.notes
    assert notes is not None and not notes.cut
    begin = [each.block for each in notes.lines if each.text == f"{MARK} begins"][-1]
    end = [each.block for each in notes.lines if each.text == f"{MARK} ends"][-1]
    inside = ~notes.training[notes.block] & (notes.block >= begin) & (notes.block < end)
    position, cost = notes.position[inside], notes.cost[inside]
    costs = np.full(len(result.stream), np.nan)
    costs[position[::-1]] = cost[::-1]  # of several visits the first is written last
    costs = costs[used_positions(lengths)]
    if np.isnan(costs).any():
        raise RuntimeError(f"{int(np.isnan(costs).sum())} targets were never scored")
    lines = [each.text for each in notes.lines if "final" in each.text]
    return costs, lines[-1] if lines else ""


def say(rows: list[Row]) -> None:
    """The table."""
    print("context: document")
    head = ("record", "kept", "dropped", "changed", "by hand", "targets", "script's bpb",
            "Scorer's bpb", "difference", "|blind − charge|", "same artifact")  # fmt: skip
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        cells = (
            row.name, str(row.counts.kept), str(row.counts.dropped),
            str(row.counts.changed + row.counts.added), str(row.person), str(row.targets),
            f"{row.script:.6f}", f"{row.scorer:.6f}", f"{row.difference:.1e}",
            f"{row.blind:.1e} nats", "yes" if row.same_artifact else "no",
        )  # fmt: skip
        print("| " + " | ".join(cells) + " |")
    for row in rows:
        print(f"{row.name} printed: {row.printed}")


if __name__ == "__main__":
    sys.exit(main())
