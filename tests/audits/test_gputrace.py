"""A trace may have been written by anybody: it is read within bounds, or not at all."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gpus.judging import evidence, made_up, packed, policy, witnessed
from verifier.audits import gputrace, train_budget
from verifier.audits.gputrace import (
    Context,
    Event,
    Gpu,
    GpuTrace,
    Look,
    Unreadable,
    read_trace,
)
from verifier.audits.gpuuse import outlived
from verifier.audits.gpuwatched import machine_fault
from verifier.records import Array, Outcome

POLL = {"kind": "poll", "gpu": "0", "at": 1.0, "until": 1.1, "contexts": []}


def raw(text: bytes) -> Array:
    return np.frombuffer(gzip.compress(text), dtype=np.uint8)


def poll(**changes: Any) -> dict[str, Any]:
    return {**POLL, **changes}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 40_000, "is no JSON"),
        ("9" * 5000, "is no JSON"),
        ("[]", "is no object"),
        ("{}", "is of no known kind"),
        (json.dumps({"kind": "poll", "gpu": 0, "at": 1.0}), "has no name"),
        (json.dumps(poll(at="1")), "has no time"),
        (json.dumps(poll(at=True)), "has no time"),
        ('{"kind": "event", "event": "xid", "at": NaN}', "has no time"),
        ('{"kind": "event", "event": "xid", "at": 1e999}', "has no time"),
        ('{"kind": "event", "event": "xid", "at": 1' + "0" * 400 + "}", "has no time"),
        ('{"kind": "event", "event": "xid", "at": -9007199254740993}', "has no time"),
        (json.dumps(poll(until=0.5)), "ends before it began"),
        (json.dumps({"kind": "poll", "at": 1.0, "contexts": []}), "has no time"),
        (json.dumps(poll(at=None)), "has no time"),
        (json.dumps({"kind": "event", "event": "xid"}), "has no time"),
        (json.dumps({"kind": "event", "at": 1.0}), "has no name"),
        (json.dumps({"kind": "poll", "at": 1.0, "until": 1.0}), "has no list of contexts"),
        (json.dumps(poll(contexts={})), "has no list of contexts"),
        (json.dumps(poll(contexts=[{"pid": True}])), "has a context of nobody"),
        (json.dumps(poll(mps_contexts=7)), "has no list of contexts"),
        (json.dumps({"kind": "machine", "gpu": 7}), "has no name"),
        (json.dumps(poll(contexts=7)), "has no list of contexts"),
        (json.dumps(poll(contexts=[{}] * 2000)), "has no list of contexts"),
        (json.dumps(poll(contexts=["100"])), "has a context of nobody"),
        (json.dumps(poll(contexts=[{"pid": "100"}])), "has a context of nobody"),
        (json.dumps(poll(contexts=[{"pid": 1, "box": 7}])), "has no name"),
        (json.dumps({"kind": "event", "event": 7, "at": 1.0}), "has no name"),
        ('"' + "a" * 70_000 + '"', "is too long"),
    ],
)
def test_a_line_that_no_witness_writes_makes_the_trace_unreadable(line: str, said: str) -> None:
    """Nothing is guessed, nothing is skipped."""
    found = read_trace(raw(line.encode() + b"\n"))
    assert isinstance(found, Unreadable)
    assert found.reason.endswith(said)


def test_a_time_may_be_as_large_as_a_float_counts() -> None:
    """Whatever the clock began with."""
    for at in (1 << 53, -(1 << 53)):
        trace = read_trace(packed([{"kind": "event", "event": "xid", "at": at}]))
        assert isinstance(trace, GpuTrace)
        assert trace.events[0].at == float(at)


def test_an_answer_of_another_shape_tells_nothing() -> None:
    """Neither a crash nor a figure."""
    trace = read_trace(packed([poll(violation_power=7, utilization=[1], mig="ab")]))
    assert isinstance(trace, GpuTrace)
    nothing = {"violation_power_ns": None, "utilization": None, "mig": None}
    assert trace.gpus["0"].looks[0].figures == nothing


def test_looks_stand_in_the_order_of_time() -> None:
    """A look that is older than the one before was put in afterwards."""
    found = read_trace(packed([poll(at=2.0, until=2.1), poll()]))
    assert found == Unreadable("line 2 of its trace is older than the one before")


def test_looks_may_touch_but_not_overlap() -> None:
    """Where one ends the next may begin; of another GPU it may come earlier."""
    told = [poll(), poll(at=1.1, until=1.1), poll(gpu="1")]
    trace = read_trace(packed(told))
    assert isinstance(trace, GpuTrace)
    assert [len(gpu.looks) for gpu in trace.gpus.values()] == [2, 1]
    overlapping = read_trace(packed([*told, poll(at=1.05, until=1.2)]))
    assert overlapping == Unreadable("line 4 of its trace is older than the one before")


FULL = b'{"kind":"full"}\n'


@pytest.mark.parametrize(
    ("bound", "most", "text", "said"),
    [
        ("TEXT_BYTES_AT_MOST", 3 * len(FULL), FULL, "is one too many"),
        ("LINES_AT_MOST", 3, FULL, "is one too many"),
        ("LINE_BYTES_AT_MOST", len(FULL) - 1, FULL, "is too long"),
        ("GPUS_AT_MOST", 1, json.dumps(POLL).encode() + b"\n", "has a GPU too many"),
    ],
)
def test_what_is_read_is_bounded(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, text: bytes, said: str
) -> None:
    """As much as the bound, and not a byte, line or GPU more."""
    monkeypatch.setattr(gputrace, bound, most)
    monkeypatch.setattr(gputrace, "READ_BYTES", len(FULL))
    count = 1 if bound == "GPUS_AT_MOST" else 3
    assert isinstance(read_trace(raw(text * count)), GpuTrace)
    more = {
        "LINE_BYTES_AT_MOST": text[:-1] + b" \n",
        "GPUS_AT_MOST": json.dumps({"kind": "machine", "gpu": "1"}).encode() + b"\n",
    }.get(bound, text)
    found = read_trace(raw(text * count + more))
    assert isinstance(found, Unreadable)
    assert found.reason.endswith(said)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes may unpack to anything: it is read a piece at a time."""
    monkeypatch.setattr(gputrace, "READ_BYTES", 1 << 10)
    monkeypatch.setattr(gputrace, "TEXT_BYTES_AT_MOST", 1 << 16)
    bomb = raw(FULL * 200_000)
    assert len(bomb) < 20_000
    assert read_trace(bomb) == Unreadable("line 4096 of its trace is one too many")
    whole = raw(FULL * 4096)
    assert isinstance(read_trace(whole), GpuTrace)
    monkeypatch.setattr(gputrace, "LINE_BYTES_AT_MOST", 1 << 12)
    unbroken = read_trace(raw(b"a" * 60_000))
    assert unbroken == Unreadable("line 1 of its trace is too long")


def test_a_look_may_list_a_thousand_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here two."""
    monkeypatch.setattr(gputrace, "CONTEXTS_AT_MOST", 2)
    two = [{"pid": 1}, {"pid": 2, "owner": "box", "box": "train"}]
    trace = read_trace(packed([poll(contexts=two)]))
    assert isinstance(trace, GpuTrace)
    assert trace.gpus["0"].looks[0].contexts == (
        Context(1, "unknown", ""),
        Context(2, "box", "train"),
    )
    assert isinstance(read_trace(packed([poll(contexts=[*two, *two])])), Unreadable)


def test_what_breaks_off_or_is_no_gzip_is_not_read() -> None:
    """Half a trace could leave out the half that matters."""
    whole = packed([poll(), poll(at=2.0, until=2.1)])
    assert isinstance(read_trace(whole), GpuTrace)
    assert read_trace(raw(b"")) == GpuTrace({}, (), full=False)
    assert read_trace(whole[:-12]) == Unreadable("line 1 of its trace breaks off")
    assert read_trace(raw(b'{"kind":"full"}')) == Unreadable("line 1 of its trace breaks off")
    assert read_trace(np.zeros(40, np.uint8)) == Unreadable("line 1 of its trace is no gzip")
    assert read_trace(np.zeros(0, np.uint8)) == Unreadable("line 1 of its trace breaks off")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Never an exception: what a stranger's ledger holds is a fact about it."""
    for array in (np.frombuffer(content, dtype=np.uint8), raw(content)):
        assert isinstance(read_trace(array), GpuTrace | Unreadable)


def test_what_was_refused_is_not_known_and_what_was_not_asked_is_absent() -> None:
    """Neither is zero."""
    refused = {"error": 3}
    told = [
        poll(contexts=refused, throttle_reasons=refused, mps_contexts=refused, mig=refused),
        poll(at=2.0, until=2.1, utilization={"gpu": 7}, ecc_uncorrected=-1, remapped_rows=[0, 0]),
        {"kind": "machine", "gpu": "0", "name": refused},
        {"kind": "machine", "gpu": "0", "name": "later"},
        {"kind": "full"},
    ]
    trace = read_trace(packed(told))
    assert isinstance(trace, GpuTrace) and trace.full
    first, second = trace.gpus["0"].looks
    assert (first.contexts, second.contexts) == (None, ())
    assert first.figures == {"throttle_reasons": None, "mig": None, "mps": None}
    assert second.figures == {
        "utilization": 7,
        "ecc_uncorrected": None,
        "rows_pending": None,
        "rows_failed": None,
    }
    assert trace.gpus["0"].name == "a GPU that told no name"


def test_every_figure_stands_where_the_driver_put_it() -> None:
    """A recording of one GPU does not say which; a time may be a whole number."""
    answers = {
        "utilization": {"gpu": 1, "memory": 99},
        "memory_used": 2,
        "energy_mj": 3,
        "throttle_reasons": 4,
        "mig": [5, 99],
        "power_limit_mw": 6,
        "sm_mhz": 7,
        "violation_power": {"violationTime": 8},
        "violation_thermal": {"violationTime": 9},
        "ecc_corrected": 10,
        "ecc_uncorrected": 11,
        "remapped_rows": [99, 99, 12, 13],
        "mps_contexts": [
            {"pid": 1, "owner": "box"},
            {"pid": 2, "owner": "foreign"},
            {"pid": 3, "owner": "me"},
        ],
    }
    trace = read_trace(packed([{"kind": "poll", "at": 1, "until": 1, "contexts": [], **answers}]))
    assert isinstance(trace, GpuTrace)
    assert trace.full is False
    (look,) = trace.gpus["0"].looks
    assert (repr(look.at), repr(look.until)) == ("1.0", "1.0")
    assert look.figures == {
        "utilization": 1,
        "memory_used": 2,
        "energy_mj": 3,
        "throttle_reasons": 4,
        "mig": 5,
        "power_limit_mw": 6,
        "sm_mhz": 7,
        "violation_power_ns": 8,
        "violation_thermal_ns": 9,
        "ecc_corrected": 10,
        "ecc_uncorrected": 11,
        "rows_pending": 12,
        "rows_failed": 13,
        "mps": 2,
    }


@pytest.mark.parametrize(
    ("mig", "told"),
    [
        ([0], 0),
        ([2**64 - 1], 2**64 - 1),
        ([2**64], None),
        ([True], None),
        ([-1], None),
        ([], None),
        ({"0": 1}, None),
        (1, None),
    ],
)
def test_a_figure_is_a_whole_number_or_not_told(mig: Any, told: int | None) -> None:
    """0 is told; what stands elsewhere is not."""
    trace = read_trace(packed([poll(mig=mig)]))
    assert isinstance(trace, GpuTrace)
    assert trace.gpus["0"].looks[0].figures == {"mig": told}


def test_a_machine_that_was_told_of_but_not_looked_at_has_no_looks() -> None:
    """Its first word stands; events are kept in order, with all that was told of them."""
    first = {"kind": "machine", "gpu": "3", "name": "card", "more": 1}
    xid = {"kind": "event", "event": "xid", "at": 0.0, "gpu": "3", "code": 79}
    box = {"kind": "event", "event": "box starts", "at": 2.0, "box": "train"}
    trace = read_trace(packed([first, {**first, "more": 2}, xid, box, poll()]))
    assert trace == GpuTrace(
        {"3": Gpu("card", first, ()), "0": Gpu("a GPU that told no name", {}, (LOOK,))},
        (Event("xid", 0.0, xid), Event("box starts", 2.0, box)),
        full=False,
    )
    assert trace.of("box starts", "train") == trace.of("box starts") == (Event(*BOX, box),)
    assert trace.of("box starts", "pass") == trace.of("box") == ()


BOX = ("box starts", 2.0)
LOOK = Look(at=1.0, until=1.1, contexts=(), figures={})


def test_what_was_told_just_outside_a_window_is_known_in_it() -> None:
    """The last answer before and the first one after; nothing was asked in between."""
    told = [poll(at=at, until=at, **figures) for at, figures in TOLD]
    trace = read_trace(packed(told))
    assert isinstance(trace, GpuTrace)
    gpu = trace.gpus["0"]
    assert gpu.told("energy_mj", 3.0, 5.0) == [2, 3, None, 5, 7]
    assert gpu.told("energy_mj", 3.5, 3.5) == [3, None]
    assert gpu.told("energy_mj", 0.0, 0.5) == [1]
    assert gpu.told("energy_mj", 8.0, 9.0) == [7, 8]
    assert gpu.told("energy_mj", 8.5, 9.0) == [8]
    assert gpu.told("sm_mhz", 0.0, 9.0) == []


TOLD: list[tuple[float, dict[str, Any]]] = [
    *((float(at), {"energy_mj": at}) for at in (1, 2, 3)),
    (4.0, {"energy_mj": {"error": 3}}),
    (5.0, {"energy_mj": 5}),
    (6.0, {}),
    *((float(at), {"energy_mj": at}) for at in (7, 8)),
]


def test_a_trace_that_cannot_be_read_is_no_pass_and_no_fault() -> None:
    """Nobody's fault that can be named; so nothing is kept, and no run is free."""
    nothing = np.zeros(3, np.uint8)
    found = train_budget.AUDIT.judge(evidence(nothing, 1, wall_seconds=(9.0, 10.0)), policy(1))
    assert found.outcome is Outcome.UNPROVEN
    assert "cannot be read" in found.reason
    assert machine_fault(witnessed(nothing), policy(1), None) == ""


def test_a_trace_that_tells_of_no_box_is_no_pass() -> None:
    """Whose use it was, and when its clock ran, is not known then."""
    boxless = packed([poll()])
    found = train_budget.AUDIT.judge(evidence(boxless, 1, wall_seconds=(9.0, 10.0)), policy(1))
    assert found.outcome is Outcome.UNPROVEN
    assert "of no box" in found.reason
    assert machine_fault(witnessed(boxless), policy(1), None) == ""
    trace = read_trace(boxless)
    assert isinstance(trace, GpuTrace) and outlived(trace, "train") is None


def test_without_a_witness_nothing_is_kept_and_nothing_broken() -> None:
    """Fair or not, nobody can say."""
    for wall in ((9.0, 10.0), (30.0, 31.0)):
        found = train_budget.AUDIT.judge(evidence(None, 1, wall_seconds=wall), policy(1))
        assert found.outcome is Outcome.UNPROVEN
        assert "nobody watched the GPUs" in found.reason


def test_a_rehearsal_needs_no_witness_and_is_refuted_by_none() -> None:
    """Its limits are meant for other hardware; what was seen is shown all the same."""
    rules = policy(1).model_copy(update={"rehearsal": True})
    within, late = (
        evidence(packed(made_up()), 1, "A100", wall_seconds=wall)
        for wall in ((9.0, 10.0), (30.0, 31.0))
    )
    alone = evidence(None, 1, "A100", wall_seconds=(9.0, 10.0))
    answers = [train_budget.AUDIT.judge(each, rules).outcome for each in (within, late, alone)]
    assert answers == [Outcome.KEPT, Outcome.UNPROVEN, Outcome.KEPT]


def test_a_trace_that_became_full_is_the_machine_s_fault() -> None:
    """What came later was not watched."""
    trace = packed([*made_up(), {"kind": "full"}])
    found = train_budget.AUDIT.judge(evidence(trace, 1, wall_seconds=(9.0, 10.0)), policy(1))
    assert found.outcome is Outcome.UNPROVEN and "its trace is full" in found.reason
    assert "its trace is full" in machine_fault(witnessed(trace), policy(1), None)


def test_many_faults_are_said_in_short() -> None:
    """Whoever reads needs the first few, and that there are more."""
    told = [{**each, "mig": [1, 1]} if each["kind"] == "poll" else each for each in made_up(6)]
    said = machine_fault(witnessed(packed(told)), policy(1), None)
    assert said.count("cut into parts") == 3 and said.endswith(" and 3 more")
    crowd = [{"pid": pid, "owner": "foreign", "box": ""} for pid in range(100, 109)]
    told = [{**each, "contexts": crowd} if each["kind"] == "poll" else each for each in made_up()]
    said = machine_fault(witnessed(packed(told)), policy(1), None)
    assert said == "GPU 0: used by process 100, 101, 102 … besides"


# ---------------------------------------------------------------- cheats between the looks


def _of_ten_seconds(**changes: Any) -> list[dict[str, Any]]:
    """A fair run of 10 s, every poll of it changed by what a function makes of its time."""
    told = made_up()
    for line in told:
        if line["kind"] == "poll":
            line |= {name: what(line["at"]) for name, what in changes.items()}
    return told


def _rarely_looked_at() -> list[dict[str, Any]]:
    """Ten looks in the tenth of a second that is left of every other second."""
    told = made_up(seconds=18.0)
    return [e for e in told if e["kind"] != "poll" or int(e["at"]) % 2 or e["at"] % 1 <= 0.05]


STRANGE_BOX = [{"pid": 9, "owner": "box", "box": "pass"}]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (_rarely_looked_at(), "nobody looked at it for 10.0 s, added up"),
        (
            _of_ten_seconds(contexts=lambda at: STRANGE_BOX if 4 < at < 5 else []),
            "used by process 9, of which nobody can tell whose it is",
        ),
        (_of_ten_seconds(power_limit_mw=lambda at: 9), "allowed 0.009 W, its own are 0.007"),
        (
            _of_ten_seconds(
                throttle_reasons=lambda at: (0x20, 0x80, 8, 2, *[4] * 36)[int(at * 10) % 40]
            ),
            "of the time, by several causes",
        ),
    ],
    ids=["gaps timed to hide", "a box that nobody watched", "more power", "causes in turn"],
)
def test_what_hides_between_the_looks_is_never_kept(told: list[dict[str, Any]], says: str) -> None:
    """Attacks: come while nobody looks, under a watched name, on a faster card, a bit of each."""
    trace = packed(told)
    found = train_budget.AUDIT.judge(evidence(trace, 1, wall_seconds=(9.9, 10.0)), policy(1))
    assert found.outcome is Outcome.UNPROVEN
    assert says in found.reason
    assert says in machine_fault(witnessed(trace), policy(1), None)


def test_another_card_under_the_same_number_is_not_read() -> None:
    """Attack: begin on one card and go on on another; a card that told no name is none other."""
    told = made_up()
    other = {**told[0], "name": "NVIDIA H200", "at": 0.5}
    found = read_trace(packed([*told, other]))
    assert isinstance(found, Unreadable)
    assert found.reason.endswith("tells of another card under the same number")
    assert isinstance(read_trace(packed([*told, {**other, "name": {"error": 3}}])), GpuTrace)
    assert isinstance(read_trace(packed([*told, told[0]])), GpuTrace)
