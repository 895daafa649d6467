"""Traces of a real card, judged as if they had been a run's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gpus.judging import (
    RECORDINGS,
    as_witnessed,
    every_worker,
    judged_recording,
    packed,
    recorded,
)
from verifier.audits.gputrace import GpuTrace, read_trace
from verifier.audits.gpuuse import use_of
from verifier.records import Outcome

BY_NAME = {path.name.partition(".")[0]: path for path in RECORDINGS}
RAN = sorted(set(BY_NAME) - {"idle"})


@pytest.mark.parametrize("name", RAN)
def test_a_recorded_run_is_kept_unless_a_stranger_was_there(name: str) -> None:
    """What a real driver tells of an honest run is enough to keep it."""
    _, found = judged_recording(BY_NAME[name])
    assert found is not None
    if name == "foreign_process":
        assert found.outcome is Outcome.UNPROVEN
        assert "used by process 546 besides" in found.reason
    else:
        assert found.outcome is Outcome.KEPT, found.reason


@pytest.mark.parametrize("name", RAN)
def test_the_interval_holds_what_the_processes_said_they_did(name: str) -> None:
    """First and last kernel, as the workers noted them, lie within the bounds."""
    records = recorded(BY_NAME[name])
    trace = read_trace(packed(as_witnessed(records, every_worker(records))))
    assert isinstance(trace, GpuTrace)
    use = use_of(trace, "train")
    kernels = [e["at"] for e in records if e.get("event") in {"first kernel", "last kernel"}]
    assert use is not None
    assert use.begins[0] <= min(kernels)
    assert max(kernels) <= use.ends[1]
    assert use.begins[1] - use.begins[0] < 0.3
    assert use.ends[1] - use.ends[0] < 0.3


def test_an_idle_card_was_used_by_nobody() -> None:
    """Nothing is made of noise: no context, no use."""
    records = recorded(BY_NAME["idle"])
    assert every_worker(records) == set()
    trace = read_trace(packed(records))
    assert isinstance(trace, GpuTrace)
    assert len(trace.gpus["0"].looks) > 50
    assert use_of(trace, "train") is None


def test_a_recording_gives_what_a_witness_asks(tmp_path: Path) -> None:
    """Every figure that a ruling reads was told by the real driver, at every look."""
    trace = read_trace(packed(recorded(BY_NAME["one_process"])))
    assert isinstance(trace, GpuTrace)
    looks = trace.gpus["0"].looks
    wanted = {"utilization", "throttle_reasons", "ecc_uncorrected", "violation_thermal_ns"}
    assert all(wanted <= set(look.figures) for look in looks)
    assert not any(look.figures[name] is None for look in looks for name in wanted)
