"""Recorded traces of NVML: what the witness of the clock will be judged by."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = sorted(Path(__file__).with_name("nvml").glob("*.jsonl.gz"))
PERIOD_SECONDS = 0.2
"""Four polls at 20 Hz: the longest a look was late while the machine was busy."""


def records(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def listed(found: list[dict[str, Any]], pid: int) -> list[float]:
    polls = (each for each in found if each["kind"] == "poll")
    return [
        poll["at"] for poll in polls if any(context["pid"] == pid for context in poll["contexts"])
    ]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.partition(".")[0])
def test_contexts_bound_every_use_of_the_gpu_from_outside(path: Path) -> None:
    """First listed no later than first use, last listed no earlier than last use, less one look."""
    found = records(path)
    assert found[0]["kind"] == "machine"
    assert found[0]["name"]
    events = [each for each in found if each["kind"] == "event"]
    used = {each["pid"] for each in events if each["event"] == "first kernel"}
    for pid in used:
        seen = listed(found, pid)
        first = min(e["at"] for e in events if e["pid"] == pid and e["event"] == "context")
        uses = [e["at"] for e in events if e["pid"] == pid and e["event"].endswith("kernel")]
        assert seen[0] <= first + PERIOD_SECONDS
        assert seen[-1] >= max(uses) - PERIOD_SECONDS
    assert used or path.name.startswith("idle")


def test_no_context_is_listed_once_its_process_is_gone() -> None:
    """A context that outlives its process would be somebody else's."""
    for path in RECORDINGS:
        found = records(path)
        for event in found:
            if event["kind"] == "event" and event["event"] == "reaped":
                assert all(at <= event["at"] + 0.001 for at in listed(found, event["pid"]))
