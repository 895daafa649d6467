"""Whatever a guest sends, hangs up on or keeps to itself: a typed fault of its own, and in time.

The guest is at the other end of a real socket; the host's asking and reading is that of passes and
replays. `GUESTS=20000` looks for longer.
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.scoring.fake import documents, setting
from tests.scoring.guests import ACTS, DUE, Act, Beside, Guest, Said, charges, due
from verifier.audits.protocol import weigh
from verifier.records import Adaptation, FaultKind, Outcome, ProtocolFault
from verifier.scoring import passing
from verifier.scoring.box import Broke, ScorerBox, Setting
from verifier.scoring.passing import PassResult, Scoring, run_pass
from verifier.scoring.plan import frames, plan
from verifier.scoring.replay import asked_everywhere, blind_batches, random_rows, run_replay
from verifier.wire import Kind

EXAMPLES = int(os.environ.get("GUESTS", "25"))
ROWS, WIDTH = 4, 8
DOCUMENTS = (3, 1, 9, 7)
IDS = [documents(1).row(0)] * 3 + [documents(1).row(-1)]
FRAME = next(iter(frames(IDS, WIDTH)))
ASK = np.array([True, False, True, False])
PATIENT_SECONDS = 30.0
SOMETIMES = st.integers(0, 3).flatmap(lambda chosen: st.none() if chosen else ACTS)
NUMBERS = {FaultKind.NAN, FaultKind.INFINITE, FaultKind.NEGATIVE}
CALLS: Mapping[Kind, Callable[[ScorerBox], Any]] = {
    Kind.RESET: lambda box: box.reset(),
    Kind.BEGIN: lambda box: box.begin(DOCUMENTS),
    Kind.SCORE: lambda box: box.score(FRAME),
    Kind.OBSERVE: lambda box: box.observe(FRAME),
    Kind.PREDICT: lambda box: box.predict(FRAME, ASK),
}


def patient() -> Setting:
    """Who is slow is waited for: what is silent is told at once (`Beside`)."""
    limits = {"start_seconds": PATIENT_SECONDS, "answer_seconds": PATIENT_SECONDS}
    return setting(lambda: None, rows=ROWS, **limits)


def blames_the_guest(fault: ProtocolFault, request: Kind, kind: FaultKind) -> None:
    """A fault says what was asked, in words, and no machine is in it."""
    assert (fault.kind, fault.request) == (kind, request.name), fault
    assert not fault.host_starved
    reading = weigh(fault)
    assert reading.outcome in (Outcome.BROKEN, Outcome.UNPROVEN)
    assert request.name in reading.reason
    assert fault.message or kind is FaultKind.ERROR
    if kind in NUMBERS:
        assert fault.document in DOCUMENTS and f"of document {fault.document}" in fault.message


class HostileGuest(RuleBasedStateMachine):
    """The host asks one request after the other; the guest answers as it likes."""

    box: ScorerBox | None = None

    @initialize(act=SOMETIMES)
    def starts(self, act: Act | None) -> None:
        self.opens(act)

    @precondition(lambda self: self.box is None)
    @rule(act=SOMETIMES)
    def opens(self, act: Act | None) -> None:
        self.acts: dict[int, Act] = {} if act is None else {0: act}
        self.guest, self.answered = Guest(self.acts), 0
        made = patient()
        self.box = self.told(Kind.HELLO, lambda: Beside(made, "pass", self.guest))
        if self.box is not None:
            self.told(Kind.BEGIN, lambda: self.box.begin(DOCUMENTS))

    @precondition(lambda self: self.box is not None)
    @rule(request=st.sampled_from(list(CALLS)), act=SOMETIMES)
    def asks(self, request: Kind, act: Act | None) -> None:
        if act is not None:
            self.acts[self.answered] = act
        began = time.monotonic()
        answer = self.told(request, lambda: CALLS[request](self.box))
        assert time.monotonic() - began < PATIENT_SECONDS
        if answer is not None and request is Kind.SCORE:
            said = charges(self.guest.diary[-1], ROWS, WIDTH)
            for row, length, sent in zip(answer, FRAME.lengths, said, strict=True):
                assert row[:length].tobytes() == sent.tobytes() and not row[length:].any()

    def told(self, request: Kind, call: Callable[[], Any]) -> Any:
        """Make the call; the fault it ends in is the one that the bytes say."""
        try:
            answer, fault = call(), None
        except Broke as broke:
            answer, fault = None, broke.fault
        well, kind = self.guest.breach(ROWS, WIDTH)
        if fault is None:
            self.answered += 1
            assert well == self.answered
            return answer
        assert kind is not None and well == self.answered, (fault, kind)
        blames_the_guest(fault, request, kind)
        self.teardown()
        return None

    def teardown(self) -> None:
        if self.box is not None:
            self.box.close()
            self.box = None


TestHostileGuest = HostileGuest.TestCase
TestHostileGuest.settings = settings(max_examples=EXAMPLES, stateful_step_count=12, deadline=None)


# ---------------------------------------------------------------- whole passes and replays

TARGETS = documents(5, longest=24)
LENGTHS = np.diff(TARGETS.offsets).tolist()
BATCHES = plan(LENGTHS, ROWS, Adaptation.DOCUMENT)
SCRIPTS = st.dictionaries(st.integers(0, 16), ACTS, max_size=2)


@contextlib.contextmanager
def scripted(acts: dict[int, Act]) -> Iterator[tuple[Scoring, Guest]]:
    """The scoring of TARGETS by one guest that plays `acts`, while the block runs."""
    guest, made = Guest(acts), patient()
    scoring = Scoring(made, TARGETS, BATCHES, Adaptation.DOCUMENT, 1, lambda count: None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passing, "ScorerBox", functools.partial(Beside, guest=guest))
        yield scoring, guest


def answered(guest: Guest, faults: tuple[ProtocolFault, ...], request: Kind) -> list[Said]:
    """What the guest answered well to `request`, in order; the fault is the one it earned."""
    well, kind = guest.breach(ROWS, WIDTH)
    if faults:
        (fault,) = faults
        assert kind is not None and fault.kind is kind, (fault, kind)
        assert weigh(fault).outcome in (Outcome.BROKEN, Outcome.UNPROVEN)
    else:
        assert well == len(guest.diary)
    return [said for said in guest.diary[:well] if said.request is request]


@settings(max_examples=EXAMPLES, deadline=None)
@given(SCRIPTS)
def test_an_honest_prefix_of_a_pass_is_neither_lost_nor_altered(acts: dict[int, Act]) -> None:
    """Promise: what was charged before a breach is what was sent; nothing after it is charged."""
    with scripted(acts) as (made, guest):
        result = run_pass(made)
    sent = iter(answered(guest, result.faults, Kind.SCORE))
    expected = np.full(len(TARGETS.ids), np.nan, np.float32)
    for batch in BATCHES:
        for chunk in frames(TARGETS.rows(batch), WIDTH):
            if (said := next(sent, None)) is None:
                break
            rows = list(charges(said, ROWS, WIDTH))
            for row, document in batch.real():
                first = int(TARGETS.offsets[document]) + chunk.index * WIDTH
                expected[first : first + len(rows[row])] = rows[row]
    assert result.charges.tobytes() == expected.tobytes()
    assert result.faults or not np.isnan(result.charges).any()


@settings(max_examples=EXAMPLES, deadline=None)
@given(SCRIPTS)
def test_a_replay_keeps_what_was_committed_before_a_breach(acts: dict[int, Act]) -> None:
    """Promise: as many blind costs as there were whole answers, then nothing."""
    filler = random_rows(b"key", 8, LENGTHS, None, 8)
    replayed = blind_batches(b"key", TARGETS, BATCHES, asked_everywhere(TARGETS), filler)
    with scripted(acts) as (made, guest):
        result = run_replay(made, replayed)
    sent = answered(guest, result.faults, Kind.PREDICT)
    count = sum(due(said, ROWS, WIDTH)[1].shape[0] for said in sent)
    assert int((~np.isnan(result.blind)).sum()) == count
    assert bool(result.faults) == (count < len(TARGETS.ids))


# ---------------------------------------------------------------- memory

GIANT = struct.pack("<I", 2**32 - 1)


def peak(acts: dict[int, Act]) -> tuple[PassResult, Guest, int]:
    """A pass by a guest that plays `acts`, and the most memory that was held meanwhile, in bytes.

    The guest's own is in it.
    """
    with scripted(acts) as (made, guest):
        tracemalloc.start()
        try:
            result = run_pass(made)
            return result, guest, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("kind", [*{*DUE.values()}, Kind.ERROR])
@pytest.mark.parametrize("at", [0, 3])
def test_an_announced_length_makes_no_room(kind: Kind, at: int) -> None:
    """Attack: announce four gigabytes, send a little and keep the line open."""
    act = Act("giant", lambda _: bytes([kind, 0, 0, 0]) + GIANT + bytes(1000))
    result, _, most = peak({at: act})
    assert len(result.faults) == 1
    assert most < 2 << 20


def test_a_flood_of_answers_is_not_taken_in() -> None:
    """Attack: an honest answer and 32 MiB after it, from a guest of its own thread."""
    flood = bytes(32 << 20)
    guest = Guest({2: Act("flood", lambda honest: honest + flood)})
    made = setting(lambda: guest.talk, rows=ROWS, answer_seconds=PATIENT_SECONDS)
    scoring = Scoring(made, TARGETS, BATCHES, Adaptation.DOCUMENT, 1, lambda count: None)
    tracemalloc.start()
    try:
        result = run_pass(scoring)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [fault.kind for fault in result.faults] == [FaultKind.UNREQUESTED]
    assert guest.diary[2].request is Kind.BEGIN
    assert most < len(flood) + (2 << 20), "the guest's own copy, and next to nothing of ours"
