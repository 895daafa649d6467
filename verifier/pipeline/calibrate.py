"""How far may two honest answers be apart on this device? Runs the examples and writes τ down.

Each example is trained, scored and replayed blind as a verification does it, with the same boxes,
calls and ledger; only the verdict is left out. Must never take a submission for an example, nor
give a τ that rests on less than every example and every held-out document (PROTOCOL §4.4).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from verifier import installed, store
from verifier import policy as policies
from verifier import submission as submissions
from verifier.errors import RequestError, StorageFault
from verifier.pipeline.calibration import Calibration, Measured, measure, written
from verifier.pipeline.machine import gpu_models
from verifier.pipeline.precision import Precision, in_precision
from verifier.pipeline.preparation import Preparation, prepare
from verifier.pipeline.request import Request
from verifier.pipeline.verify import run_seeds
from verifier.policy import CPU, PolicyFile
from verifier.scoring.tolerance import TAU_AT_MOST
from verifier.submission import Submission
from verifier.watch import Progress, Watch

BASIS = "local_cpu"
NAME = "calibration"
NOBODY = "calibration"
"""Whom the attempts of a calibration are counted for: they must cost no example's author any."""
GPU_MEMORY_BYTES = 1 << 35
PATIENCE = 10
"""Over the default's limits: what is measured here is no time, and a busy machine is no fault."""
LIMITS = (
    ("train", "limit_seconds"),
    ("train", "init_seconds"),
    ("train", "pack_seconds"),
    ("score", "limit_seconds"),
    ("score", "start_seconds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRequest:
    """One calibration. `examples` empty: all in `folder` (None: those that ship).

    `device`: auto (a GPU where the driver knows one), cpu or gpu. `documents` None: all of them.
    `precisions` empty: float32 on a CPU, every one on a GPU.
    """

    out: Path
    device: str = "auto"
    folder: Path | None = None
    examples: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ()
    documents: int | None = None
    scorers: int = 1
    backend: str = "auto"
    image: str = "pinned"
    key: Path | None = None


def calibrate(request: CalibrationRequest, watch: Watch) -> Calibration:
    """Measure how far honest answers are apart on this device, and write the evidence down.

    1. Find the examples and the device; make the policy of the measurement from the default one.
    2. Train, score and replay each example, in each precision; a re-run resumes.
    3. Compare charges with blind costs, and take τ from the worst of all.
    4. Write the evidence, and the lines for a policy where nothing was left out.

    Raises RequestError for what was asked, MachineFault or ImageFault for what failed here; an
    example that failed is part of the result.
    """
    # 1. examples, device, policy
    folders, partial = chosen(request)
    device = device_named(request.device)
    rules = measuring_policy(device)
    precisions, others = chosen_precisions(request, device)
    # 2. and 3. run and compare
    measured: list[Measured] = []
    ground: Preparation | None = None
    for folder in folders:
        for precision in precisions:
            name = folder.name if precision is Precision.FLOAT32 else f"{folder.name} {precision}"
            made = in_precision(folder, precision, _made(request.out / "copies"))
            with opened(request, made, rules, Named(watch, name)) as preparation:
                run_seeds(preparation)
                measured.append(measure(preparation, folder.name, precision))
                ground = preparation
            if measured[-1].apart.fault:
                set_aside(preparation.folder, watch)
    assert ground is not None
    # 4. the evidence
    left_out = ", ".join(filter(None, (partial, others)))
    return written(request.out, device, ground, tuple(measured), left_out)


# ---------------------------------------------------------------- what is measured, and where


def chosen(request: CalibrationRequest) -> tuple[list[Path], str]:
    """The examples' folders, and what is left out of a whole calibration, "" for nothing.

    Raises RequestError for an example that is not there.
    """
    ships = installed.path("examples")
    above = request.folder or ships
    there = sorted(path.parent for path in above.glob("*/verify.yaml")) if above.is_dir() else []
    if not there:
        raise RequestError(
            f"{above} holds no example",
            remedy="they are the folder examples/ of a checkout of golf-verifier: --from DIR",
        )
    names = {path.name: path for path in there}
    if unknown := sorted(set(request.examples) - set(names)):
        raise RequestError(
            f"there is no example {unknown[0]!r}", remedy=f"one of {', '.join(names)}"
        )
    wanted = [names[name] for name in names if name in request.examples or not request.examples]
    ours = {path.parent.name: path.parent for path in sorted(ships.glob("*/verify.yaml"))}
    taken = {path.name: path for path in wanted}
    left_out = [f"without {name}" for name in ours if name not in taken]
    left_out += [
        f"with {name}, which is not as it ships"
        for name, path in taken.items()
        if name not in ours or _files(path) != _files(ours[name])
    ]
    if request.documents is not None:
        left_out.append(f"on {request.documents} held-out documents")
    return wanted, ", ".join(left_out)


def chosen_precisions(
    request: CalibrationRequest, device: str
) -> tuple[tuple[Precision, ...], str]:
    """The arithmetics to measure, and how they differ from those of a whole calibration, or "".

    One that is left out makes τ too small for it, one too many too large for all others.
    """
    whole = (Precision.FLOAT32,) if device == CPU else tuple(Precision)
    taken = tuple(dict.fromkeys(request.precisions)) or whole
    if set(taken) == set(whole):
        return taken, ""
    return taken, f"in {' and '.join(taken)} instead of {' and '.join(whole)}"


def device_named(device: str) -> str:
    """What a calibration calls the device: `cpu`, or the model of this machine's GPUs.

    Raises RequestError where there is no such device, or GPUs of several models.
    """
    models = sorted(set(gpu_models()))
    if device == "cpu" or (device == "auto" and not models):
        return CPU
    if device not in {"auto", "gpu"}:
        raise RequestError(f"there is no device {device!r}", remedy="auto, cpu or gpu")
    if len(models) != 1:
        said = "no GPU" if not models else f"GPUs of several models: {', '.join(models)}"
        raise RequestError(f"this machine has {said}", remedy="--device cpu, or another machine")
    return models[0]


def measuring_policy(device: str) -> PolicyFile:
    """The default policy with every position asked, and a τ and limits that end nothing early."""
    body: dict[str, Any] = policies.load(BASIS).policy.model_dump(mode="json")
    body["name"], body["title"] = NAME, f"Measures what honest answers differ by on {device}"
    body["replay"] |= {"mode": "all", "draws": 0, "tau_nats": TAU_AT_MOST, "calibrated": None}
    for group, limit in LIMITS:
        body[group][limit] *= PATIENCE
    if device != CPU:
        body["hardware"] |= {"gpus": 1, "model": device, "memory_bytes": GPU_MEMORY_BYTES}
    return policies.parse(yaml.safe_dump(body, sort_keys=False).encode(), NAME)


@contextlib.contextmanager
def opened(
    request: CalibrationRequest, folder: Path, rules: PolicyFile, watch: Watch
) -> Iterator[Preparation]:
    """All that the measurement of one example stands on, its ledger locked meanwhile."""
    asked = Request(
        reference=str(folder),
        policy=rules,
        out=request.out,
        scorers=request.scorers,
        backend=request.backend,
        image=request.image,
        key=request.key,
        documents=request.documents,
    )
    example = submissions.pull(str(folder), store.root())
    if not isinstance(example, Submission):
        raise RequestError(f"{folder} is no example of contract scorer/1")
    nobodys = replace(example, claims=replace(example.claims, author=NOBODY))
    with prepare(asked, nobodys, watch) as preparation:
        yield preparation


def set_aside(folder: Path, watch: Watch) -> None:
    """Keep a run that failed under another name, so that the next calibration tries again."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}-failed-{number}")).exists():
        number += 1
    try:
        folder.rename(aside)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be set aside: {fault.strerror}") from fault
    watch.note(f"it failed and is kept as {aside.name}; the same command tries it again")


def _files(folder: Path) -> dict[str, bytes]:
    """What an example consists of; what Python leaves beside it does not count."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise RequestError(
            f"{folder} cannot be made: {fault.strerror}", remedy="choose another --out"
        ) from fault
    return folder


@dataclass(frozen=True, slots=True)
class Named:
    """A watch whose phases say which example they are of."""

    watch: Watch
    name: str

    def phase(self, name: str, total: float | None) -> contextlib.AbstractContextManager[Progress]:
        """A phase of this example."""
        return self.watch.phase(f"{self.name}: {name}", total)

    def note(self, text: str) -> None:
        """One sentence worth showing."""
        self.watch.note(f"{self.name}: {text}")
