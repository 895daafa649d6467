"""Which boxes does training ask for? The exact specifications, from policy and manifest.

Must never give a box more than its phase's inputs: TRAIN sees code and training data, PACK code
and what TRAIN left (PROTOCOL §2, DESIGN §6). Starts nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from verifier.policy import Policy
from verifier.records import BoxSpec, Limits, Mount, Root
from verifier.sandbox.gpus import chosen

SUBMISSION, DATA, OUT, IN, CACHE = "/submission", "/data", "/out", "/in", "/cache"
PIDS = 256
SEALED_SLACK_SECONDS = 10.0
LOG_BYTES = 64_000_000
TEMPORARY_BYTES = 4_000_000_000
SEED_PLACE = "{seed}"


class Commands(Protocol):
    """What of verify.yaml is run here."""

    @property
    def train(self) -> tuple[str, ...]:
        """The training command; `{seed}` in it stands for the seed."""

    @property
    def pack(self) -> tuple[str, ...] | None:
        """The packing command, if there is one."""

    @property
    def sealed_start(self) -> bool:
        """Whether the data appears only when INIT is over."""


class Trainee(Protocol):
    """A frozen submission, as far as training needs it."""

    @property
    def folder(self) -> Path:
        """Its read-only code."""

    @property
    def manifest(self) -> Commands:
        """Its commands."""


def train_spec(
    trainee: Trainee, seed: int, root: Root, data: Path, out: Path, policy: Policy
) -> BoxSpec:
    """The TRAIN box. `data` appears read-only as $DATA; `out` is the empty $OUT.

    The box's own wall limit includes INIT where the start is sealed, and some slack: the training
    limit proper is then kept by whoever fills `data`.
    """
    seconds = policy.train.limit_seconds
    if trainee.manifest.sealed_start:
        seconds += policy.train.init_seconds + SEALED_SLACK_SECONDS
    return BoxSpec(
        label="train",
        root=root,
        argv=seeded(trainee.manifest.train, seed),
        environment={**_environment(policy), "DATA": DATA},
        inputs=(Mount(source=trainee.folder, target=SUBMISSION), Mount(source=data, target=DATA)),
        output=Mount(source=out, target=OUT),
        channel=None,
        working_folder=SUBMISSION,
        limits=limits(policy, seconds),
        gpus=chosen(policy.hardware.gpus),
    )


def pack_spec(
    trainee: Trainee,
    command: tuple[str, ...],
    root: Root,
    *,
    trained: Path,
    out: Path,
    policy: Policy,
) -> BoxSpec:
    """The PACK box: no GPU, no data. What TRAIN left is $IN, read-only; `out` is the empty $OUT."""
    return BoxSpec(
        label="pack",
        root=root,
        argv=command,
        environment={**_environment(policy), "IN": IN},
        inputs=(Mount(source=trainee.folder, target=SUBMISSION), Mount(source=trained, target=IN)),
        output=Mount(source=out, target=OUT),
        channel=None,
        working_folder=SUBMISSION,
        limits=limits(policy, policy.train.pack_seconds),
    )


def seeded(command: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """The command with `{seed}` replaced; nothing else in it is interpreted."""
    return tuple(argument.replace(SEED_PLACE, str(seed)) for argument in command)


def limits(policy: Policy, wall_seconds: float) -> Limits:
    """What one box of training may use; `policy` bounds what it leaves."""
    return Limits(
        wall_seconds=wall_seconds,
        memory_bytes=policy.hardware.memory_bytes,
        pids=PIDS,
        threads=policy.hardware.threads,
        temporary_bytes=min(TEMPORARY_BYTES, policy.hardware.memory_bytes),
        output_bytes=policy.train.artifact_bytes,
        output_files=policy.train.artifact_files,
        log_bytes=LOG_BYTES,
    )


def _environment(policy: Policy) -> dict[str, str]:
    """The whole environment but for what every backend sets itself (PATH, HOME, TMPDIR)."""
    threads = str(policy.hardware.threads)
    return {
        "OUT": OUT,
        "CACHE": CACHE,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # A spinning thread beside a busy neighbour cost twenty times the time.
        "OMP_WAIT_POLICY": "passive",
    }
