"""What the audits say of a trace: evidence around it, and recordings in the witness's form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.audits import evidence as make
from tests.gpus.scenes import H100, LIMIT_SECONDS, Scene
from verifier.audits import train_budget
from verifier.policy import Policy
from verifier.records import Array, Evidence, Finding, GpuWitness

RECORDINGS = sorted(Path(__file__).parents[1].joinpath("sandbox", "nvml").glob("*.jsonl.gz"))
Record = dict[str, Any]


def policy(gpus: int, model: str = "H100", limit_seconds: float = LIMIT_SECONDS) -> Policy:
    """The default policy's rules for a run on GPUs."""
    changed = make.changed(make.local(), hardware={"gpus": gpus, "model": model})
    return make.changed(changed, train={"limit_seconds": limit_seconds})


def evidence(trace: Array | None, gpus: int, name: str = H100, **training: Any) -> Evidence:
    """The smallest evidence, trained under the eyes of a witness, on such GPUs."""
    made = make.with_opening(make.evidence(), hardware={"gpus": str(gpus), "gpu": name})
    seed = made.seeds[0]
    witness = () if trace is None else (witnessed(trace, seed.seed),)
    given = {"limit_seconds": LIMIT_SECONDS, **training}
    return make.with_part(make.with_seed(made, gpus=witness), "training", **given)


def witnessed(trace: Array, seed: int = 1, phase: str = "train") -> GpuWitness:
    return GpuWitness(seed=seed, phase=phase, gpus=("0",), hertz=10.0, trace=trace)


def judged(scene: Scene, trace: Array) -> Finding:
    """The training budget's answer to a scene."""
    (_, start, end), *_ = scene.stage.boxes
    given = evidence(
        trace,
        scene.gpus,
        wall_seconds=scene.wall or (end - start - 0.1, end - start),
        init_seconds=scene.init_seconds,
        pack_seconds=scene.pack_seconds,
    )
    return train_budget.AUDIT.judge(given, policy(scene.gpus))


def made_up(gpus: int = 1, seconds: float = 10.0, label: str = "train") -> list[Record]:
    """What a witness writes of fair cards that a box of so many seconds uses, without a driver."""
    facts = {"kind": "machine", "name": H100, "power_default_mw": 7, "events": "told"}
    names = [str(number) for number in range(gpus)]
    marks = [("box starts", 1.0), ("box started", 1.05), ("box ended", 1.0 + seconds)]
    told = [{"kind": "event", "event": what, "at": at, "box": label} for what, at in marks]
    answers = {
        "mps_contexts": [],
        "throttle_reasons": 4,
        "mig": [0, 0],
        "ecc_uncorrected": 0,
        "remapped_rows": [0, 0, 0, 0],
        "power_limit_mw": 7,
    }
    for number in range(round((seconds + 2) * 10)):
        at = number / 10
        held = 1.5 < at < seconds + 0.5
        contexts = [{"pid": 7, "owner": "box", "box": label}] if held else []
        look = {"kind": "poll", "at": at, "until": at + 0.01, **answers, "contexts": contexts}
        told += [{**look, "gpu": name} for name in names]
    return [{**facts, "gpu": name} for name in names] + told


# ---------------------------------------------------------------- recordings


def packed(records: Iterable[Record]) -> Array:
    """Records as a witness keeps them."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    return np.frombuffer(gzip.compress(text.encode()), dtype=np.uint8)


def unpacked(trace: Array) -> list[Record]:
    return [json.loads(line) for line in gzip.decompress(trace.tobytes()).splitlines()]


def recorded(path: Path) -> list[Record]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def first_worker(records: list[Record]) -> set[int]:
    """The process that was spawned first: whoever comes later is a stranger."""
    return {next(e["pid"] for e in records if e.get("event") == "spawned")}


def every_worker(records: list[Record]) -> set[int]:
    return {each["pid"] for each in records if each.get("event") == "spawned"}


def as_witnessed(records: list[Record], box: set[int]) -> list[Record]:
    """A recording as a witness would have written it, had the processes `box` run in one.

    The recorder did not ask for Xids, nor each time for what changes seldom: those answers are put
    in, the card's own.
    """
    machine, *rest = records
    mine = [each for each in rest if each["kind"] == "event" and each.get("pid") in box]
    started, ended = mine[0]["at"], max(e["at"] for e in mine if e["event"] == "reaped")
    marks = [
        {"kind": "event", "event": "box starts", "at": started, "box": "train"},
        {"kind": "event", "event": "box started", "at": started, "box": "train"},
        {"kind": "event", "event": "box ended", "at": ended, "box": "train"},
    ]
    facts = {"power_default_mw": machine["power_limit_mw"], "events": "told"}
    polls = [_owned(each, box, machine) for each in rest if each["kind"] == "poll"]
    return [{**machine, **facts}, *sorted([*marks, *polls], key=lambda each: each["at"])]


def _owned(poll: Record, box: set[int], machine: Record) -> Record:
    contexts = [
        {**each, "owner": "box", "box": "train"}
        if each["pid"] in box
        else {**each, "owner": "foreign", "box": ""}
        for each in poll["contexts"]
    ]
    seldom = {name: machine[name] for name in ("mig", "remapped_rows", "power_limit_mw")}
    return {**seldom, **poll, "contexts": contexts}


OWNERS: dict[str, Callable[[list[Record]], set[int]]] = {"foreign_process": first_worker}


def judged_recording(path: Path) -> tuple[str, Finding | None]:
    """(its name, the training budget's answer had it been a run); None where nothing ran."""
    name, records = path.name.partition(".")[0], recorded(path)
    if not every_worker(records):
        return name, None
    box = OWNERS.get(name, every_worker)(records)
    trace = packed(as_witnessed(records, box))
    spawned = [e["at"] for e in records if e.get("event") == "spawned" and e["pid"] in box]
    reaped = [e["at"] for e in records if e.get("event") == "reaped" and e["pid"] in box]
    wall = max(reaped) - min(spawned)
    given = evidence(trace, 1, "NVIDIA H200", wall_seconds=(wall - 0.05, wall))
    return name, train_budget.AUDIT.judge(given, policy(1, "H200"))


def judged_witnessed(path: Path) -> Finding:
    """The training budget's answer to what tools/record_witness.py wrote."""
    records = recorded(path)
    name = str(records[0].get("name", "no GPU"))
    at = {e["event"]: e["at"] for e in records if e.get("box") == "train"}
    wall = at["box ended"] - at["box starts"]
    given = evidence(packed(records), 1, name, wall_seconds=(max(0.0, wall - 0.2), wall))
    return train_budget.AUDIT.judge(given, policy(1, name))
