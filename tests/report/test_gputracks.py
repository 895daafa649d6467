"""Recordings of a real GPU as tracks: what people see is what NVML said."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.audits import evidence as make
from tests.audits.traces import trace
from verifier.report import timeline
from verifier.report.gputracks import CONTEXTS, HELD_BACK, beside, stretches, tracks
from verifier.report.phases import Phase
from verifier.report.timeline import Placed
from verifier.report.watched import watched

RECORDINGS = sorted((Path(__file__).parents[1] / "sandbox" / "nvml").glob("*.jsonl.gz"))


def looks(name: str) -> list[dict[str, Any]]:
    path = next(path for path in RECORDINGS if path.name.startswith(f"{name}."))
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def started(found: list[dict[str, Any]]) -> float:
    return float(next(look["at"] for look in found if look["kind"] == "poll"))


def poll(at: float, **said: Any) -> dict[str, Any]:
    return {"kind": "poll", "at": at, "until": at + 0.01, **said}


def test_two_processes_have_two_stretches_of_context() -> None:
    """As long as the recording says that each was listed."""
    found = looks("two_processes")
    began = started(found)
    contexts = [s for s in stretches(found, began) if s.panel == CONTEXTS]
    pids = {event["pid"] for event in found if event["kind"] == "event"}
    assert {each.name for each in contexts} == {f"process {pid}" for pid in pids}
    for each in contexts:
        listed = [
            look["at"] - began
            for look in found
            if look["kind"] == "poll"
            and any(each.name == f"process {c['pid']}" for c in look["contexts"])
        ]
        assert each.begin == pytest.approx(listed[0])
        assert each.end == pytest.approx(listed[-1], abs=0.1)


def test_contexts_one_after_another_are_stretches_of_their_own() -> None:
    """A context that went and came back left a gap."""
    found = looks("context_again")
    contexts = [s for s in stretches(found, started(found)) if s.panel == CONTEXTS]
    assert len(contexts) >= 2
    for before, after in itertools.pairwise(contexts):
        assert before.end < after.begin


def test_utilisation_and_power_are_what_the_driver_counted() -> None:
    """Energy between two looks over the time between them."""
    found = looks("one_process")
    polls = [look for look in found if look["kind"] == "poll"]
    used, power = tracks(found, started(found))
    assert max(value for value in used.values if value is not None) >= 90
    assert (used.unit, used.top, power.unit) == ("%", 100, "W")
    seconds = [b - a for a, b in zip(power.seconds, power.seconds[1:], strict=False)]
    spent = sum(s * (w or 0) for s, w in zip(seconds, power.values, strict=False))
    at_last = power.seconds[-1] + polls[0]["at"]
    last = min(polls, key=lambda look: abs(look["at"] - at_last))
    assert spent == pytest.approx((last["energy_mj"] - polls[0]["energy_mj"]) / 1000, rel=1e-6)


def test_what_a_driver_did_not_say_is_a_gap() -> None:
    """An error is no zero, a counter that was set back no negative power."""
    silent = {"error": 3}
    said: list[dict[str, Any]] = [
        poll(0.0, utilization=silent, contexts=silent, throttle_reasons=silent, energy_mj=silent),
        poll(1.0, utilization={"gpu": 50}, contexts=[{"pid": 7}, 3], energy_mj=5000),
        poll(2.0, utilization={"gpu": 60}, contexts=[{}], energy_mj=1000),
        poll(3.0, utilization={"gpu": 70}, contexts=[], energy_mj=101_000),
    ]
    used, power = tracks(said, 0.0)
    assert used.values == (None, 50.0, 60.0, 70.0)
    assert power.values == (None, 100.0, 100.0)
    (context,) = stretches(said, 0.0)
    assert (context.begin, context.end) == (1.0, 1.01)
    assert tracks([], 0.0) == stretches([], 0.0) == ()
    (only,) = tracks([poll(0.0, utilization={"gpu": 1})], 0.0)
    assert only.unit == "%"


def test_heat_and_power_brake_are_told_by_name() -> None:
    """Bits of NVML; idle and asked-for clocks are no reason."""
    bits = [0x01, 0x20, 0x60, 0x80, 0x04 | 0x08, 0x02]
    said = [poll(float(i), contexts=[], throttle_reasons=bit) for i, bit in enumerate(bits)]
    found = {(s.name, s.begin, s.end) for s in stretches(said, 0.0) if s.panel == HELD_BACK}
    assert found == {
        ("heat", 1.0, 2.01),
        ("power brake", 3.0, 3.01),
        ("power limit", 4.0, 4.01),
        ("hardware slowdown", 4.0, 4.01),
    }


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.partition(".")[0])
def test_every_recording_can_be_drawn_beside_the_processors(path: Path) -> None:
    """On the same seconds, without a colour of its own."""
    found = looks(path.name.partition(".")[0])
    seed = make.with_seed(make.evidence(), cpu={"train": trace(seconds=8)}).seeds[0]
    (seen,) = watched(seed, make.local())
    both = beside(seen, found, started(found))
    svg = timeline.picture([Placed(0.0, 14.0, (Phase("train", 8.0, 300.0),), both)])
    assert "GPU utilisation" in svg and "processors in use" in svg
