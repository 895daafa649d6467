"""A small finished ledger with every kind of event, and a forger who can rewrite it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from verifier.ledger import FORMAT, Ledger
from verifier.records import (
    Adaptation,
    Answer,
    Assurance,
    Behaviour,
    BoxFacts,
    ChainStep,
    Claim,
    Counterfactual,
    CpuWitness,
    EndedBy,
    EnvironmentFault,
    FaultKind,
    Finding,
    GpuWitness,
    HeldOutFacts,
    ImageFacts,
    NonceOpened,
    Opening,
    Outcome,
    Pass,
    PreviousRow,
    ProtocolFault,
    Replay,
    ScorerTerms,
    Screened,
    ScriptRun,
    Secrecy,
    SeedScore,
    SpeedProbe,
    Step,
    SubmissionFacts,
    Tested,
    Training,
    Verdict,
    WaitingToldBy,
    WallHits,
    Weighing,
)

POLICY = b"format: policy/1\nname: tiny\n"
COUNTS = np.array([3, 1, 4], dtype=np.int32)
CHARGES = np.array([0.5, 1.5, 2.5, 0.0, 3.5, 1e-40, 3e38, 7.25], dtype=np.float32)
EVENTS, LINES = "ledger.jsonl", 23


def opening(**changes: Any) -> Opening:
    """Under the tiny policy, two seeds."""
    made = Opening(
        format=FORMAT,
        verifier_version="0.1",
        started_utc="2026-11-24T16:00:00+00:00",
        submission=SubmissionFacts(
            name="naïve",
            author="Ada",
            digest="5" * 64,
            contract="scorer/1",
            claim=Claim(val_bpb=1.25, seeds=(7, 8)),
            scorer=ScorerTerms(
                adaptation=Adaptation.DOCUMENT,
                rows=2,
                chunk=16,
                tokenizer="data",
                sealed_start=False,
            ),
        ),
        policy_name="tiny",
        policy_digest=hashlib.sha256(POLICY).hexdigest(),
        public_key="ab" * 32,
        self_run=True,
        attempt=1,
        nonce_commitment="0" * 64,
        seeds=(7, 8),
        spot_check=False,
        image=ImageFacts(
            recipe="cpu", root_digest="7" * 64, pinned=True, python="3.11", packages={"torch": "2"}
        ),
        backend="docker",
        assurance=Assurance.L2,
        harness_digest="8" * 64,
        hardware={"cpu": "some", "gpus": "0"},
    )
    return dataclasses.replace(made, **changes)


def held_out(**changes: Any) -> HeldOutFacts:
    """Three documents of 3, 1 and 4 targets."""
    made = HeldOutFacts(
        name="django",
        manifest_digest="1" * 64,
        tokenizer_digest="2" * 64,
        tokenizer="data",
        vocabulary=1024,
        targets=8,
        document_bytes=20,
        table_bytes=None,
        unspelled=0,
        first_unspelled=None,
        ids_digest="3" * 64,
        target_counts=COUNTS,
        byte_counts=np.array([8, 2, 10], dtype=np.int32),
    )
    return dataclasses.replace(made, **changes)


def training(**changes: Any) -> Training:
    """A run of seed 7 whose clocks were not all read."""
    made = Training(
        seed=7,
        wall_seconds=(1.5, math.inf),
        init_seconds=None,
        pack_seconds=math.nan,
        limit_seconds=300.0,
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        cpu_seconds=1.25,
        memory_peak_bytes=1 << 40,
        unfair="",
        log="step 1\nstep 2 \x1b[0m ✓",
        attempts=("connect 1.1.1.1:53",),
    )
    return dataclasses.replace(made, **changes)


def scored(seed: int = 7, charges: np.ndarray = CHARGES) -> Pass:
    """The pass of one seed."""
    return Pass(
        seed=seed,
        plan_digest="d" * 64,
        score_root="e" * 64,
        charged=len(charges),
        scorers=1,
        busy_seconds=2.5,
        wall_seconds=3.0,
        charges=charges,
        reference=np.full(len(charges), 4, dtype=np.float32),
    )


def finding() -> Finding:
    """An answer with figures of every JSON type."""
    return Finding(
        audit="coverage",
        outcome=Outcome.KEPT,
        reason="whole",
        evidence={
            "targets": 8,
            "share": 0.5,
            "seeds": {"7": "kept"},
            "none": None,
            "list": [1, "a"],
        },
    )


def every_kind() -> tuple[Any, ...]:
    """One event of each of the 21 kinds, in an order that can happen."""
    weighing = Weighing(
        seed=7,
        artifact_digest="b" * 64,
        shipment_digest="c" * 64,
        artifact_bytes=1000,
        name_bytes=10,
        code_raw_bytes=50,
        code_packed_bytes=20,
        tokenizer_bytes=0,
        tokenizer_free=True,
        tar_bytes=2048,
        files=2,
        objections=("latest: a symbolic link",),
    )
    box = BoxFacts(
        label="score",
        backend="docker",
        assurance=Assurance.NONE,
        root_digest="7" * 64,
        walls={"network": "none"},
        lacking=("memory",),
    )
    replay = Replay(
        seed=7,
        everything=False,
        faults=0,
        busy_seconds=1.0,
        documents=2,
        draws=np.array([4, 4, 0], dtype=np.int64),
        targets=np.array([0, 4], dtype=np.int64),
        blind=np.array([0.5, np.inf], dtype=np.float32),
        log_sums=np.array([0.0, np.nan], dtype=np.float32),
    )
    step = ChainStep(
        seed=7,
        step=Step.EVERY_SYMBOL,
        targets=np.array([4], dtype=np.int64),
        costs=np.array([3.5], dtype=np.float32),
        log_sums=np.array([1e-9], dtype=np.float64),
        largest=1,
    )
    fault = ProtocolFault(
        seed=8, phase="pass", kind=FaultKind.NAN, request="SCORE", message="", document=None
    )
    secrecy = Secrecy(
        seed=7,
        scanned="image",
        files=3,
        scanned_bytes=300,
        windows=9,
        worst_share=0.0,
        worst_document=None,
        worst_file="",
    )
    verdict = Verdict(
        answer=Answer.INCONCLUSIVE,
        line="INCONCLUSIVE · tiny",
        bpb=None,
        bpb_std=None,
        delta_bpb=0.001,
        seeds=(SeedScore(seed=7, bpb=1.5, delta_bpb=None, score_root="e" * 64),),
        findings=(finding(),),
        required=("coverage",),
        disclosed=(),
        policy="tiny",
        assurance=Assurance.L2,
    )
    return (
        opening(),
        held_out(),
        PreviousRow(name="the row before", bpb=(1.5, 1.25)),
        box,
        training(),
        weighing,
        scored(),
        fault,
        NonceOpened(nonce="9" * 64, signature="f" * 128),
        secrecy,
        WallHits(seed=7, phase="train", attempts=("ptrace",)),
        EnvironmentFault(seed=8, phase="replay", reason="the engine died"),
        replay,
        step,
        finding(),
        Screened(answer="review", remarks=("log-missing: none of 3 files is one",)),
        ScriptRun(
            seed=7,
            wall_seconds=(149.5, 150.0),
            artifact_seconds=(99.5, 100.0),
            artifact=("model.ptz",),
            artifact_sha256="e" * 64,
            printed="final val_bpb:1.25",
            loss=None,
            bpb=1.25,
            rounding=0.0,
            is_claimed=True,
            ended_by=EndedBy.ITSELF,
            exit_code=0,
            cpu_seconds=None,
            memory_peak_bytes=None,
            unfair="",
            log="final val_bpb:1.25",
        ),
        Behaviour(
            answer="REFUTED",
            conditions=(
                Tested(
                    condition="future",
                    outcome=Outcome.BROKEN,
                    clause="C3",
                    said="position 7",
                    evidence={"position": 7, "cost": 1.5},
                ),
            ),
            artifact=("model.ptz",),
            opened=(),
            elsewhere=(),
            notes=(),
            drawn_with=1 << 90,
            runs=3,
            seconds=12.5,
        ),
        Counterfactual(
            seed=7,
            printed="final val_bpb:1.3",
            unit="bits a byte",
            number=1.3,
            floor=1.1,
            saved_nats=-90.5,
            threshold_nats=25.5,
            noted=True,
            counted=None,
            learned=3,
            artifact=Outcome.UNPROVEN,
            runs=2,
            wall_seconds=(149.5, 150.0),
            ended_by=EndedBy.ITSELF,
            exit_code=0,
            log="",
        ),
        CpuWitness(
            seed=7,
            phase="train",
            cores=2,
            hertz=10.0,
            waiting=WaitingToldBy.TASKS,
            memory_peak_bytes=1 << 31,
            columns=("seconds", "threads", "waited_seconds"),
            looks=np.array([0.0, 1.0, math.nan, 0.1, 1.0, 0.05]),
        ),
        SpeedProbe(
            seed=7,
            moment="before",
            threads=1,
            seconds={"matrix product": 0.001, "interpreter": 0.25},
            usual_seconds={},
            usual_of=0,
        ),
        GpuWitness(
            seed=7,
            phase="train",
            gpus=("0", "1"),
            hertz=10.0,
            trace=np.array([31, 139, 8, 0, 255], dtype=np.uint8),
        ),
        verdict,
    )


def written(folder: Path, *events: Any) -> Path:
    """A closed ledger of these events, in `folder`."""
    with Ledger.create(folder) as ledger:
        ledger.write_policy(POLICY)
        for event in events:
            ledger.append(event)
    return folder


def finished(folder: Path, *numbers: int) -> Path:
    """A copy, in `folder`, of a closed ledger of the `numbers` of `every_kind`, or of all."""
    for name, content in _files(numbers or tuple(range(LINES))).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@cache
def _files(numbers: tuple[int, ...]) -> dict[str, bytes]:
    """Written once: each append waits for the disk."""
    events = every_kind()
    with tempfile.TemporaryDirectory() as folder:
        return contents(written(Path(folder), *(events[number] for number in numbers)))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a ledger, by its path within."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, NaN like NaN, arrays byte for byte."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return bool(one == other)


# ---------------------------------------------------------------- the forger


def canonical(value: Any) -> bytes:
    """JSON as the ledger's docstring describes it, written without the ledger."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def chained(events: list[dict[str, Any]]) -> bytes:
    """The lines of `events` (kind, data, arrays), each with its place in the chain."""
    lines, previous = [], "0" * 64
    for seq, event in enumerate(events):
        body = {"seq": seq, "previous": previous} | {
            key: value for key, value in event.items() if key not in {"seq", "previous", "hash"}
        }
        previous = hashlib.sha256(canonical(body)).hexdigest()
        lines.append(canonical({**body, "hash": previous}) + b"\n")
    return b"".join(lines)


def forge(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Rewrite the events of a ledger, every hash of the chain right."""
    path = folder / EVENTS
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(events)
    path.write_bytes(chained(events))
