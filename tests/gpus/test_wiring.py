"""Where phases run they are watched, and what was seen stands in the ledger before their event."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gpus.judging import policy, unpacked
from tests.gpus.playing import driver
from tests.gpus.scenes import card, lines
from tests.ledger import samples
from tests.sandbox.conftest import LIMITS
from tests.training.fake_sandbox import FakeSandbox
from verifier.ledger import Ledger
from verifier.pipeline import reproducing, scripted, seed
from verifier.records import (
    Array,
    BoxSpec,
    EnvironmentFault,
    GpuWitness,
    Pass,
    Root,
    ScriptRun,
    Training,
    Weighing,
)
from verifier.sandbox.interface import Sandbox
from verifier.watch import Unwatched

Libraries = dict[bool, Path]
ROOT = Root(digest="host", python="/usr/bin/python3", pinned=False)
SPEC = BoxSpec(
    label="",
    root=ROOT,
    argv=(),
    environment={},
    inputs=(),
    output=None,
    channel=None,
    working_folder="/",
    limits=LIMITS,
)
UNKEPT = types.SimpleNamespace(objections=("a link",))
"""A shipment that is not remembered for a later trial."""
WEIGHED = next(event for event in samples.every_kind() if isinstance(event, Weighing))


@dataclass(frozen=True)
class Manifest:
    train: tuple[str, ...] = ("python3", "train.py")
    pack: tuple[str, ...] | None = ("python3", "pack.py")
    sealed_start: bool = False


@pytest.fixture
def shared_by_mps(libraries: Libraries, tmp_path: Path) -> Iterator[None]:
    """A machine whose one card is unfair: it is shared."""
    path = tmp_path / "script"
    path.write_text(lines("0 gpus 1", card(), "0 mps 0 950:1"), encoding="ascii")
    with driver(libraries[False]) as lib:
        lib.fake_script(str(path).encode())
        lib.fake_time(1.0)
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.create(tmp_path / "ledger") as made:
        made.write_policy(samples.POLICY)
        made.append(samples.opening())
        made.append(samples.held_out())
        yield made


def sandbox() -> Sandbox:
    made: Any = FakeSandbox(lambda spec, killed: int(killed.wait(0.3)))
    return made


def preparation(ledger: Ledger, folder: Path, gpus: int) -> Any:
    """As much of one as a seed needs."""
    (folder / "data").mkdir()
    return SimpleNamespace(
        ledger=ledger,
        policy=policy(gpus),
        watch=Unwatched(),
        ground=SimpleNamespace(sandbox=sandbox(), root=ROOT),
        submission=SimpleNamespace(folder=folder, manifest=Manifest()),
        script=SimpleNamespace(folder=folder),
        held_out=SimpleNamespace(training_folder=folder / "data"),
        folder=folder,
        store=folder,
        shelf=folder,
        note=lambda facts: None,
        tokens=SimpleNamespace(targets=8),
    )


def seen(trace: Array) -> list[str]:
    """The boxes that were watched, in order."""
    return [each["box"] for each in unpacked(trace) if each.get("event") == "box started"]


@pytest.mark.usefixtures("shared_by_mps")
def test_training_and_packing_are_watched_as_one(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The witness stands before the training that it is about; the fault makes a run free."""
    monkeypatch.setattr(seed.submissions, "freeze", lambda *_: UNKEPT)
    monkeypatch.setattr(seed.submissions, "weigh", lambda *_, **__: WEIGHED)
    seed.train_seed(preparation(ledger, tmp_path, 1), 7)
    (witness,) = ledger.find(GpuWitness, seed=7)
    assert (witness.phase, witness.gpus) == ("train", ("0",))
    assert seen(witness.trace) == ["train", "pack"]
    kinds = [type(record) for record in ledger.records]
    assert kinds.index(GpuWitness) < kinds.index(Training)
    (fault,) = ledger.find(EnvironmentFault, seed=7)
    assert fault.reason == "GPU 0: shared by MPS"


@pytest.mark.usefixtures("shared_by_mps")
def test_scoring_is_watched(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every box of the pass, however the pass starts it."""

    @dataclass(frozen=True)
    class Setting:
        sandbox: Sandbox

    @dataclass(frozen=True)
    class Course:
        setting: Setting

    def run_pass(course: Course) -> Any:
        with course.setting.sandbox.start(replace(SPEC, label="pass-seed-7")) as box:
            box.wait()
        return SimpleNamespace(faults=())

    ready = preparation(ledger, tmp_path, 1)
    monkeypatch.setattr(seed, "trained_well", lambda *_: WEIGHED)
    monkeypatch.setattr(seed, "scoring", lambda _, watched, *__: Course(Setting(watched.sandbox)))
    monkeypatch.setattr(seed, "run_pass", run_pass)
    monkeypatch.setattr(seed, "passed", lambda *_: samples.scored())
    seed.score_seed(ready, 7)
    (witness,) = ledger.find(GpuWitness, seed=7)
    assert witness.phase == "score" and seen(witness.trace) == ["pass-seed-7"]
    kinds = [type(record) for record in ledger.records]
    assert kinds.index(GpuWitness) < kinds.index(Pass)
    assert len(ledger.find(EnvironmentFault, seed=7)) == 1


@pytest.mark.usefixtures("shared_by_mps")
def test_a_script_in_full_is_watched(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its start to its end, and the ledger has it before the run."""
    monkeypatch.setattr(scripted, "_box", lambda *_: replace(SPEC, label="script"))
    full: Any = SimpleNamespace(
        policy=policy(1),
        ground=SimpleNamespace(sandbox=sandbox()),
        artifact=(),
        label="",
        world=None,
    )
    with Unwatched().phase("run", None) as progress:
        ran = scripted.run_in_full(full, 7, tmp_path / "run", progress)
    trace = ran.watched.gpus()
    assert trace is not None and seen(trace) == ["script"]
    ready = preparation(ledger, tmp_path, 1)
    monkeypatch.setattr(reproducing, "_run", lambda *_: ran)
    monkeypatch.setattr(reproducing, "_stream", lambda *_: None)
    monkeypatch.setattr(reproducing, "_ship_data", lambda *_: ())
    monkeypatch.setattr(reproducing.submissions, "freeze", lambda *_: None)
    monkeypatch.setattr(reproducing.submissions, "weigh", lambda *_, **__: WEIGHED)
    data: Any = (None, None)
    reproducing._run_and_weigh(ready, 7, data)
    kinds = [type(record) for record in ledger.records]
    assert kinds.index(GpuWitness) < kinds.index(ScriptRun)
    assert len(ledger.find(EnvironmentFault, seed=7)) == 1


def test_without_gpus_nothing_is_watched_and_nothing_recorded(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU's run costs nothing and its ledger has no new event."""
    monkeypatch.setattr(seed.submissions, "freeze", lambda *_: UNKEPT)
    monkeypatch.setattr(seed.submissions, "weigh", lambda *_, **__: WEIGHED)
    seed.train_seed(preparation(ledger, tmp_path, 0), 7)
    assert ledger.find(GpuWitness) == ledger.find(EnvironmentFault) == ()
    assert len(ledger.find(Training, seed=7)) == 1
