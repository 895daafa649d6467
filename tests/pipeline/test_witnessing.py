"""What the machine did stands in the ledger, and what it spoiled is free again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.audits.traces import trace
from tests.ledger import samples
from tests.pipeline.conftest import Finished
from verifier import pipeline
from verifier import policy as policies
from verifier.audits.waiting import held, read
from verifier.ledger import Ledger
from verifier.pipeline import gpuspeed, usual, witnessing
from verifier.pipeline.grounds import Ground
from verifier.pipeline.witnessing import Watching, note_spoilt, probe_speed
from verifier.policy import Policy
from verifier.records import (
    Answer,
    CpuWitness,
    EndedBy,
    EnvironmentFault,
    NonceOpened,
    SpeedProbe,
)
from verifier.sandbox import speed
from verifier.sandbox.gpuwitness import NoWitness
from verifier.watch import Unwatched

POLICY = policies.load("local_cpu").policy
GPU_POLICY = policies.load("track_10min_16mb").policy
SEED = samples.training().seed
STARVED = {"box": 0.5, "waits": 0.5, "others": 1.5}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A run that was opened, and no more."""
    with Ledger.create(tmp_path / "ledger") as made:
        made.write_policy(samples.POLICY)
        made.append(samples.opening())
        made.append(samples.held_out())
        yield made


class Watch:
    """A watch that has seen what it is told."""

    def __init__(self, *traces: CpuWitness) -> None:
        self._traces = traces

    def traces(self) -> tuple[CpuWitness, ...]:
        return self._traces


class NoSandbox:
    name, level = "none", 0


def watching(*traces: CpuWitness) -> Watching:
    return Watching(NoSandbox(), Watch(*traces), NoWitness())  # type: ignore[arg-type]


class Run:
    """As much of a verification as a probe needs."""

    ground: Ground

    def __init__(self, ledger: Ledger, store: Path, policy: Policy = POLICY) -> None:
        self.ledger, self.store, self.policy = ledger, store, policy
        self.ground = cast(Ground, None)


def probing(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    """The reference work takes these times, one after the other."""
    told = iter(times)
    monkeypatch.setattr(speed, "probe", lambda _: {"interpreter": next(told)})


def test_the_first_trace_of_a_phase_stands(ledger: Ledger) -> None:
    """Like the first record of a run: a second one is of another run."""
    first, other = trace(seconds=2), trace(seconds=3)
    watching(first, replace(first, phase="pack")).note(ledger)
    watching(other, replace(other, seed=2)).note(ledger)
    found = ledger.find(CpuWitness)
    assert [(each.seed, each.phase, len(each.looks)) for each in found] == [
        (1, "train", len(first.looks)),
        (1, "pack", len(first.looks)),
        (2, "train", len(other.looks)),
    ]


def test_the_node_is_probed_before_and_after_each_seed_and_never_again(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that resumes keeps what it has; the probe says what is usual here."""
    probing(monkeypatch, 1.0, 3.0, 2.0, 9.0)
    for seed, moment in ((7, "before"), (7, "before"), (7, "after"), (8, "before")):
        probe_speed(Run(ledger, tmp_path), seed, moment)
    found = ledger.find(SpeedProbe)
    assert [(p.seed, p.moment, p.seconds["interpreter"]) for p in found] == [
        (7, "before", 1.0),
        (7, "after", 3.0),
        (8, "before", 2.0),
    ]
    assert [(p.usual_of, p.usual_seconds.get("interpreter")) for p in found] == [
        (0, None),
        (1, 1.0),
        (2, 2.0),
    ]
    ledger.append(NonceOpened(nonce="9" * 64, signature="f" * 128))
    probe_speed(Run(ledger, tmp_path), 8, "after")
    assert len(ledger.find(SpeedProbe)) == 3


def test_work_on_gpus_stands_beside_the_processors_in_one_probe(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is usual only among as many GPUs of the same models."""
    probing(monkeypatch, 1.0)
    monkeypatch.setattr(gpuspeed, "probe", lambda *_: {"GPU memory copy": 0.25})
    run = Run(ledger, tmp_path, GPU_POLICY)
    probe_speed(run, 7, "before")
    (found,) = ledger.find(SpeedProbe)
    assert found.seconds == {"interpreter": 1.0, "GPU memory copy": 0.25}
    threads, gpus = GPU_POLICY.hardware.threads, GPU_POLICY.hardware.gpus
    assert usual.seconds(tmp_path, threads, gpus) == (found.seconds, 1)
    assert usual.seconds(tmp_path, threads) == ({}, 0)


def test_a_fault_of_the_machine_is_noted_once(ledger: Ledger) -> None:
    """However often the run resumes."""
    late = samples.training(
        wall_seconds=(300.0, 300.5), ended_by=EndedBy.WALL_CLOCK, pack_seconds=None
    )
    ledger.append(late)
    note_spoilt(ledger, POLICY)
    assert not ledger.find(EnvironmentFault)
    ledger.append(trace(seconds=300, **STARVED, seed=SEED))  # type: ignore[arg-type]
    note_spoilt(ledger, POLICY)
    note_spoilt(ledger, POLICY)
    (fault,) = ledger.find(EnvironmentFault)
    assert (fault.seed, fault.phase) == (SEED, "train")


# ---------------------------------------------------------------- what is usual


def test_what_is_usual_is_the_median_of_the_last_probes(tmp_path: Path) -> None:
    """And the oldest are forgotten."""
    assert usual.seconds(tmp_path, 1) == ({}, 0)
    for time in range(1, usual.KEPT + 11):
        usual.add(tmp_path, 1, {"interpreter": float(time)})
    found, count = usual.seconds(tmp_path, 1)
    assert count == usual.KEPT
    assert found == {"interpreter": 10 + (usual.KEPT + 1) / 2}
    assert usual.seconds(tmp_path, 2) == ({}, 0), "another number of threads is another machine"


@pytest.mark.parametrize(
    "line", ["no JSON", "[1]", '{"interpreter": "fast"}', '{"interpreter": -1.0}', "{", "\0"]
)
def test_a_damaged_store_is_passed_over(line: str, tmp_path: Path) -> None:
    """It is shown, never judging, so it can be lost."""
    usual.add(tmp_path, 1, {"interpreter": 2.0})
    (place,) = (tmp_path / "speed").iterdir()
    place.write_text(f"{line}\n{place.read_text()}")
    assert usual.seconds(tmp_path, 1) == ({"interpreter": 2.0}, 1)


def test_a_store_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    """A file stands where its folder should."""
    (tmp_path / "speed").write_text("")
    usual.add(tmp_path, 1, {"interpreter": 2.0})
    usual.add(tmp_path / "other", 1, {})
    assert usual.seconds(tmp_path, 1) == ({}, 0)


# ---------------------------------------------------------------- on real boxes


def test_every_phase_of_a_run_is_watched(finished: Finished) -> None:
    """And the report shows it: JSON, a picture, the node before and after."""
    report = finished.report
    ledger = Ledger.open(report.folder / "ledger")
    traces = {each.phase: each for each in ledger.find(CpuWitness)}
    assert set(traces) == {"train", "pass", "replay"}
    for each in traces.values():
        found = read(each)
        assert found is not None
        assert held(found) is not None
        assert found.column("box_cpu_seconds")[-1] > 0.1
    assert [probe.moment for probe in ledger.find(SpeedProbe)] == ["before", "after"]
    page = json.loads((report.folder / "report.json").read_text(encoding="utf-8"))
    (seed,) = page["seeds"]
    assert [watched["phase"] for watched in seed["watched"]] == ["train", "pass", "replay"]
    assert seed["speed"]["drift"] is not None
    assert pipeline.checked_verdict(report.folder) == report.verdict


def test_a_run_that_others_spoiled_is_free_again(
    request_of: pipeline.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nonce stays closed, and the next run has the same one."""

    def unfair(evidence: Any, _: Any) -> tuple[EnvironmentFault, ...]:
        (seed,) = evidence.opening.seeds
        return (EnvironmentFault(seed=seed, phase="train", reason="others had its processors"),)

    with monkeypatch.context() as patched:
        patched.setattr(witnessing, "spoilt", unfair)
        spoilt = pipeline.verify(request_of, Unwatched())
    assert spoilt.verdict.answer is Answer.INCONCLUSIVE
    assert not Ledger.open(spoilt.folder / "ledger").find(NonceOpened)
    again = pipeline.verify(request_of, Unwatched())
    assert again.verdict.answer is Answer.VERIFIED
    assert (again.folder / "ledger-unfair-1").exists()
