"""The witness itself: its thread, its bounds, and what it does where there is nothing to see."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.judging import policy, unpacked
from tests.gpus.playing import HERTZ, driver
from tests.gpus.scenes import card, lines
from tests.ledger import samples
from tests.sandbox.conftest import LIMITS
from tests.training.fake_sandbox import FakeSandbox
from verifier.audits.gputrace import GpuTrace, Unreadable, read_trace
from verifier.audits.gpuwatched import judged
from verifier.ledger import Ledger
from verifier.pipeline import gpus
from verifier.pipeline.machine import gpu_models
from verifier.records import Array, BoxSpec, EnvironmentFault, GpuWitness, Root
from verifier.sandbox import gpuwitness
from verifier.sandbox.gpuwitness import GpuWitness as GpuWatcher
from verifier.sandbox.gpuwitness import NoWitness, Trace, witness_of
from verifier.sandbox.nvml import Driver

Libraries = dict[bool, Path]
RUNS_SECONDS = 1.5
SPEC = BoxSpec(
    label="train",
    root=Root(digest="host", python="/usr/bin/python3", pinned=False),
    argv=(),
    environment={},
    inputs=(),
    output=None,
    channel=None,
    working_folder="/",
    limits=LIMITS,
)


def watched(libraries: Libraries, script: str, tmp_path: Path, label: str = "train") -> Array:
    """A box that really runs for a while, under a witness that really looks.

    What the `script` says at 1 holds once the box runs.
    """
    path = tmp_path / "script"
    path.write_text(lines("0 gpus 1", card(), script), encoding="ascii")

    with driver(libraries[False]) as lib:

        def run(spec: BoxSpec, killed: Any) -> int:
            lib.fake_time(1.0)
            return int(killed.wait(RUNS_SECONDS))

        lib.fake_script(str(path).encode())
        lib.fake_time(0.0)
        witness = gpus.witness_for(policy(1))
        with witness:
            sandbox = witness.around(FakeSandbox(run))  # type: ignore[arg-type]
            with sandbox.start(replace(SPEC, label=label)) as box:
                box.wait()
        trace = witness.trace()
    assert trace is not None
    return trace


def test_a_thread_looks_ten_times_a_second_from_before_a_box_until_after_it(
    libraries: Libraries, tmp_path: Path
) -> None:
    """Whoever starts boxes need not know of it; what it saw is readable."""
    trace = read_trace(watched(libraries, f"1 contexts 0 {os.getpid()}:5", tmp_path))
    assert isinstance(trace, GpuTrace)
    (starts,), (started,), (ended,) = (
        trace.of(f"box {what}", "train") for what in ("starts", "started", "ended")
    )
    looks = trace.gpus["0"].looks
    assert looks[0].until <= starts.at <= started.at < ended.at < looks[-1].at
    assert ended.at - started.at >= RUNS_SECONDS
    assert len(looks) <= HERTZ * (looks[-1].until - looks[0].at) + 2
    owned = [c for look in looks for c in look.contexts or () if c.box == "train"]
    assert owned and all(each.owner == "box" for each in owned)
    assert all("ecc_uncorrected" in look.figures for look in (looks[0], looks[-1]))


def test_a_machine_that_was_unfair_is_a_fault_in_the_ledger(
    libraries: Libraries, tmp_path: Path
) -> None:
    """Another run is free; a fair one leaves the trace alone, to be judged again."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        time.sleep(0.05)
        busy = watched(libraries, f"1 contexts 0 {stranger.pid}:5", tmp_path)
    finally:
        stranger.kill()
        stranger.wait()
    fair = watched(libraries, f"1 contexts 0 {os.getpid()}:5", tmp_path)
    for number, (trace, faults) in enumerate(((busy, 1), (fair, 0))):
        with Ledger.create(tmp_path / f"ledger-{number}") as ledger:
            ledger.write_policy(samples.POLICY)
            ledger.append(samples.opening())
            gpus.keep(ledger, trace, policy(1), seed=7, phase="train")
            found = ledger.find(EnvironmentFault, seed=7)
            assert len(found) == faults, found
            assert all(f"used by process {stranger.pid} besides" in f.reason for f in found)
        (kept,) = Ledger.open(tmp_path / f"ledger-{number}").find(GpuWitness, seed=7)
        assert kept.trace.tobytes() == trace.tobytes()


def test_where_there_is_no_gpu_nobody_watches(tmp_path: Path) -> None:
    """No thread, no event, the sandbox itself."""
    witness = witness_of((), 10.0)
    assert isinstance(witness, NoWitness)
    sandbox = FakeSandbox(lambda spec, killed: 0)
    with witness:
        assert witness.around(sandbox) is sandbox  # type: ignore[arg-type, comparison-overlap]
    with Ledger.create(tmp_path / "ledger") as ledger:
        ledger.write_policy(samples.POLICY)
        ledger.append(samples.opening())
        gpus.keep(ledger, witness.trace(), policy(1), seed=7, phase="train")
        assert len(ledger.records) == 1


def test_a_full_trace_says_so_and_keeps_what_it_has() -> None:
    """A run for days must not fill the memory of the host."""
    trace = Trace(at_most=1000)
    for number in range(100):
        trace.add({"kind": "event", "event": "tick", "at": float(number)})
    written = unpacked(trace.close())
    assert written[-1] == {"kind": "full"}
    assert 10 < len(written) < 30
    trace.add({"kind": "event", "event": "late", "at": 100.0})
    assert unpacked(trace.close()) == written
    read = read_trace(trace.close())
    assert not isinstance(read, Unreadable) and read.full


class Hanging(Driver):
    """A driver that answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(("0",))
        self.go = threading.Event()

    def connect(self) -> int | None:
        self.go.wait()
        return 9


def test_a_driver_that_hangs_hangs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen is not known; the run ends all the same."""
    monkeypatch.setattr(gpuwitness, "HANG_SECONDS", 0.2)
    hanging = Hanging()
    witness = GpuWatcher(("0",), HERTZ, driver=hanging)
    sandbox = witness.around(FakeSandbox(lambda spec, killed: 0))  # type: ignore[arg-type]
    with witness, sandbox.start(SPEC) as box:
        assert box.wait() is not None
    packed = witness.trace()
    hanging.go.set()
    assert packed is not None
    trace = read_trace(packed)
    assert isinstance(trace, GpuTrace)
    found = judged(trace, policy(1), "train", None)
    assert found.unknown == "nobody could watch the GPUs: NVML did not answer"


def test_the_library_is_found_where_the_loader_finds_the_driver_s(
    libraries: Libraries, tmp_path: Path
) -> None:
    """Nothing of nvidia-ml-py replaced: its own loader, its own structures."""
    path = tmp_path / "script"
    path.write_text(lines("0 gpus 2", card(), card(1)), encoding="ascii")
    code = (
        "import ctypes\n"
        "lib = ctypes.CDLL('libnvidia-ml.so.1')\n"
        f"lib.fake_script({str(path)!r}.encode())\n"
        "lib.fake_time.argtypes = [ctypes.c_double]\n"
        "lib.fake_time(0.0)\n"
        "from verifier.pipeline.machine import hardware\n"
        "print(hardware()['gpus'], hardware()['gpu'])\n"
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries[False].parent)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "2 NVIDIA H100 80GB HBM3\n"


@pytest.mark.gpu
def test_a_real_driver_answers_every_question(tmp_path: Path) -> None:
    """On a machine with a GPU: all that a ruling needs is told."""
    if not gpu_models():
        pytest.skip("no NVIDIA GPU")
    witness = witness_of(("0",), 10.0)
    with witness:
        time.sleep(1.5)
    trace = witness.trace()
    assert trace is not None
    machine, *rest = unpacked(trace)
    assert machine["kind"] == "machine" and machine["events"] == "told"
    needed = ("contexts", "mps_contexts", "throttle_reasons", "ecc_uncorrected", "remapped_rows")
    first = next(each for each in rest if each["kind"] == "poll")
    assert not any(isinstance(first[name], dict) and "error" in first[name] for name in needed)
