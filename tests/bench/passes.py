"""What does the wire cost? A pass in a box, against the same calls in one process of a like box."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from verifier import installed, pipeline
from verifier import policy as policies
from verifier.pipeline import seed as seeds
from verifier.pipeline.preparation import prepare
from verifier.records import Mount
from verifier.scoring.passing import Scoring, run_pass
from verifier.scoring.plan import frames
from verifier.watch import Unwatched

RUNS = 5
EXAMPLE = "baseline"


def direct_seconds(course: Scoring, folder: Path) -> float:
    """The same calls without a wire, in a box made alike."""
    setting = course.setting
    arrays: dict[str, object] = {"count": len(course.batches)}
    for number, batch in enumerate(course.batches):
        found = list(frames(course.targets.rows(batch), setting.chunk))
        arrays[f"ids{number}"] = np.stack([frame.ids for frame in found])
        arrays[f"lengths{number}"] = np.stack([frame.lengths for frame in found])
    np.savez(folder / "batches.npz", **arrays)  # type: ignore[arg-type]
    (folder / "direct.py").write_bytes(Path(__file__).with_name("direct.py").read_bytes())
    *_, target, artifact = setting.spec.argv
    sizes = map(str, (setting.rows, setting.chunk, setting.vocabulary))
    spec = replace(
        setting.spec,
        label="direct",
        argv=("python3", "/bench/direct.py", target, artifact, "/bench/batches.npz", *sizes),
        inputs=(*setting.spec.inputs, Mount(source=folder, target="/bench")),
    )
    with setting.sandbox.start(spec) as box:
        end = box.wait()
    found_seconds = re.search(r"SECONDS ([0-9.]+)", "" if end is None else end.log)
    assert found_seconds, "" if end is None else end.log
    return float(found_seconds[1])


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Medians of interleaved runs, one torch thread in both arms, all documents."""
    with tempfile.TemporaryDirectory(prefix="gv-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "bench").mkdir(mode=0o755)
        request = pipeline.Request(
            reference=str(installed.path("examples") / EXAMPLE),
            policy=policies.load("local_cpu"),
            out=folder / "out",
            key=folder / "key.pem",
        )
        with prepare(request, Unwatched()) as preparation:
            (seed,) = preparation.seeds
            seeds.train_seed(preparation, seed)
            weighing = seeds.trained_well(preparation, seed)
            assert weighing is not None
            course = seeds.scoring(preparation, seed, weighing, 600.0, lambda _: None)
            boxed, direct = [], []
            for _ in range(RUNS):
                boxed.append(run_pass(course).busy_seconds)
                direct.append(direct_seconds(course, folder / "bench"))
            backend = preparation.ground.sandbox.name
    over, under = sorted(boxed)[RUNS // 2], sorted(direct)[RUNS // 2]
    how = f"{over:.2f} s ÷ {under:.2f} s, medians of {RUNS} interleaved, {EXAMPLE}, {backend}"
    yield "pass ÷ the same scorer in one process", f"{over / under:.3f}", "≤ 1.10", how
