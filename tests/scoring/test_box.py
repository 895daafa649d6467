"""Answers of a scorer box: what the contract allows is charged, everything else is a fault."""

from __future__ import annotations

import json
import socket
import stat
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.scoring.fake import (
    Clock,
    FakeBox,
    FakeSandbox,
    FakeScorer,
    TakesItsTime,
    documents,
    setting,
    stall,
)
from verifier import wire
from verifier.errors import BoxLost
from verifier.records import BoxSpec, FaultKind
from verifier.scoring.box import LAST_WORDS_SECONDS, Broke, ScorerBox
from verifier.scoring.patience import Patience
from verifier.scoring.plan import Frame, frames

FRAME = next(iter(frames([documents(1).row(0)] * 3 + [documents(1).row(-1)], 8)))
ASK = np.array([True, False, True, False])


class Constant(FakeScorer):
    """Answers every SCORE with one value and every PREDICT with another."""

    def __init__(self, cost: float = 1.0, log: float = -2.0) -> None:
        self.cost, self.log = cost, log

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.full(ids.shape, self.cost)

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.full((len(ids), self.vocabulary), self.log)


def fault_of(make: Callable[[], Any], **changes: Any) -> Any:
    """The fault of a box that is asked for one SCORE and one PREDICT."""
    with pytest.raises(Broke) as caught, ScorerBox(setting(make, **changes), "pass") as box:
        box.reset()
        box.begin()
        box.score(FRAME)
        box.predict(FRAME, ASK)
    return caught.value.fault


def rogue(answer: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A box that greets as it should and then answers its first request with `answer`."""

    def talk(stream: socket.socket) -> None:
        _, size = wire.receive_header(stream)
        wire.receive_exactly(stream, size)
        wire.send(stream, wire.Kind.READY, b"{}")
        wire.receive_header(stream)
        answer(stream)
        stream.recv(1)

    return talk


def test_an_honest_box_answers_every_call() -> None:
    """Promise: the contract's five calls pass, and the busy clock runs."""
    with ScorerBox(setting(FakeScorer), "pass") as box:
        box.reset()
        box.begin()
        costs = box.score(FRAME)
        logs = box.predict(FRAME, ASK)
        box.observe(FRAME)
        assert (costs.shape, costs.dtype) == ((4, 8), np.float32)
        assert costs[0, 0] == pytest.approx(np.log(8))
        assert (logs.shape, logs.dtype) == ((2, 8), np.float32)
        assert 0 < box.busy_seconds < 5


def test_a_box_is_greeted_with_what_it_will_be_asked() -> None:
    """§2: HELLO tells versions, B, C, V, and how many threads the policy gives."""
    told: list[Any] = []

    def listen(stream: socket.socket) -> None:
        kind, size = wire.receive_header(stream)
        told.append((kind, json.loads(bytes(wire.receive_exactly(stream, size)))))
        wire.send(stream, wire.Kind.READY, b"{}")

    with ScorerBox(setting(lambda: listen, rows=3, chunk=5, vocabulary=7, threads=2), "pass"):
        pass
    greeting = {"version": 1, "rows": 3, "chunk": 5, "vocabulary": 7, "threads": 2}
    assert told == [(wire.Kind.HELLO, greeting)]


class Door(FakeSandbox):
    """Keeps how boxes are started, and the modes of the folder and socket that they find."""

    def start(self, spec: BoxSpec) -> FakeBox:
        assert spec.channel is not None
        self.spec, self.channel = spec, spec.channel
        places = (self.channel, self.channel / "wire")
        self.modes = [stat.S_IMODE(place.stat().st_mode) for place in places]
        return super().start(spec)


def test_a_box_finds_one_door_that_closes_behind_it() -> None:
    """Whatever user it runs as; once it is in there is no socket, and afterwards no folder."""
    opened: list[Any] = []
    door = Door(FakeScorer)
    made = setting(FakeScorer, sandbox=door, opened=opened.append, seed=7)
    with ScorerBox(made, "replay") as box:
        assert box._box is not None
        assert opened == [box._box.facts]
        assert door.modes == [0o755, 0o666]
        assert list(door.channel.iterdir()) == []
        assert door.spec == replace(made.spec, channel=door.channel, label="replay-seed-7")
    assert door.channel.name.startswith("golf-verifier-wire-")
    assert not door.channel.exists()


def test_a_box_may_be_closed_twice() -> None:
    """It is ended once, and what it tried is told once."""
    told: list[Any] = []
    made = setting(FakeScorer, sandbox=Watched(FakeScorer), ended=lambda *hit: told.append(hit))
    with ScorerBox(made, "pass") as box:
        box.close()
        assert len(told) == 1
    assert len(told) == 1


def test_a_box_that_cannot_be_greeted_leaves_no_channel() -> None:
    """Nor does it live on."""
    door = Door(lambda: stall(0))
    with pytest.raises(Broke):
        ScorerBox(setting(FakeScorer, sandbox=door), "pass")
    assert not door.channel.exists()


def test_entries_at_padding_are_dropped_before_any_check() -> None:
    """Promise: NaN where there is no token is nobody's fault."""

    class Padded(FakeScorer):
        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            costs = super().score(ids, lengths)
            costs[np.arange(ids.shape[1])[None, :] >= lengths[:, None]] = np.nan
            return costs

    with ScorerBox(setting(Padded), "pass") as box:
        box.begin()
        assert (box.score(FRAME)[3] == 0).all()


@pytest.mark.parametrize("cost", [-0.0, -1e-7, -1e-6])
def test_a_hair_below_zero_is_hashed_as_zero(cost: float) -> None:
    """Promise: −0.0 and [−1e-6, 0) become +0.0, so that digests agree."""
    with ScorerBox(setting(lambda: Constant(cost)), "pass") as box:
        box.begin()
        assert box.score(FRAME).tobytes() == np.zeros((4, 8), "<f4").tobytes()


@pytest.mark.parametrize("cost", [1e-7, 0.5, 1.0])
def test_what_is_above_zero_is_charged_as_it_is(cost: float) -> None:
    """However little."""
    with ScorerBox(setting(lambda: Constant(cost)), "pass") as box:
        box.begin()
        assert box.score(FRAME)[0].tolist() == [np.float32(cost)] * 8


@pytest.mark.parametrize("call", [ScorerBox.reset, ScorerBox.begin, lambda box: box.observe(FRAME)])
def test_a_word_more_than_ok_is_a_fault(call: Callable[[ScorerBox], None]) -> None:
    """Nobody would read it."""

    def talk(stream: socket.socket) -> None:
        _, size = wire.receive_header(stream)
        wire.receive_exactly(stream, size)
        wire.send(stream, wire.Kind.OK, b"more")
        stream.recv(1)

    with (
        ScorerBox(setting(lambda: rogue_at_once(talk)), "pass") as box,
        pytest.raises(Broke, match="answered 4 bytes where 0 were due"),
    ):
        call(box)


def rogue_at_once(talk: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A box that greets as it should and then leaves all to `talk`."""

    def begin(stream: socket.socket) -> None:
        _, size = wire.receive_header(stream)
        wire.receive_exactly(stream, size)
        wire.send(stream, wire.Kind.READY, b"{}")
        talk(stream)

    return begin


@pytest.mark.parametrize(
    ("cost", "kind"),
    [(np.nan, FaultKind.NAN), (np.inf, FaultKind.INFINITE), (-0.1, FaultKind.NEGATIVE)],
)
def test_a_charge_that_is_no_cost_is_a_fault(cost: float, kind: FaultKind) -> None:
    """Attack: charge NaN, infinity or a negative cost."""
    fault = fault_of(lambda: Constant(cost))
    assert (fault.kind, fault.request, fault.phase) == (kind, "SCORE", "pass")


@pytest.mark.parametrize(
    ("log", "kind"),
    [(np.nan, FaultKind.NAN), (np.inf, FaultKind.INFINITE), (-np.inf, FaultKind.INFINITE)],
)
def test_a_distribution_that_cannot_be_normalised_is_a_fault(log: float, kind: FaultKind) -> None:
    """Attack: predict NaN, infinity or nothing at all."""
    assert fault_of(lambda: Constant(log=log)).kind is kind


def test_minus_infinity_beside_finite_logs_is_allowed() -> None:
    """Promise: a symbol may be impossible."""

    class Sure(FakeScorer):
        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            logs = np.full((len(ids), self.vocabulary), -np.inf)
            logs[:, 2] = 0.0
            return logs

    with ScorerBox(setting(Sure), "replay") as box:
        box.begin()
        assert np.isneginf(box.predict(FRAME, ASK)).sum() == 14


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            lambda s: wire.send(s, wire.Kind.COSTS, b"1234"),
            FaultKind.UNREQUESTED,
            "answered frame 66 where OK was due",
        ),
        (lambda s: wire.send(s, wire.Kind.READY, b""), FaultKind.UNREQUESTED, "answered frame 64"),
        (lambda s: s.sendall(wire.HEADER.pack(99, 0)), FaultKind.UNKNOWN_KIND, "answered frame 99"),
        (
            lambda s: wire.send(s, wire.Kind.OK, b"more"),
            FaultKind.SHAPE,
            "answered 4 bytes where 0 were due",
        ),
        (
            lambda s: s.sendall(wire.HEADER.pack(wire.Kind.OK, 2**32 - 1)),
            FaultKind.SHAPE,
            "answered 4294967295 bytes where 0 were due",
        ),
        (lambda s: wire.send(s, wire.Kind.ERROR, b"oh no \xff"), FaultKind.ERROR, "oh no \ufffd"),
        (
            lambda s: s.sendall(wire.HEADER.pack(wire.Kind.ERROR, 2**31) + b"x"),
            FaultKind.DIED,
            "ended by itself, exit code 0: last words",
        ),
        (lambda s: s.close(), FaultKind.DIED, "ended by itself, exit code 0: last words"),
        (lambda s: s.sendall(b"\x41\x00"), FaultKind.LATE, "no answer in 0 s"),
    ],
)
def test_a_wrong_frame_is_a_fault(
    answer: Callable[[socket.socket], None], kind: FaultKind, said: str
) -> None:
    """Attack: frames of another kind, length or time; giant and torn ones."""

    def hang_up(stream: socket.socket) -> None:
        answer(stream)
        if kind is FaultKind.DIED and stream.fileno() >= 0:
            stream.shutdown(socket.SHUT_RDWR)

    seconds = 0.3 if kind is FaultKind.LATE else 5.0
    fault = fault_of(lambda: rogue(hang_up), answer_seconds=seconds)
    assert (fault.kind, fault.request, fault.seed) == (kind, "RESET", 1)
    assert (fault.document, fault.host_starved) == (None, False)
    assert said in fault.message


@pytest.mark.parametrize("more", [0, 1])
def test_an_error_is_shown_up_to_its_bound(more: int) -> None:
    """§2: 64 KiB of UTF-8."""
    text = b"a" + b"b" * (wire.ERROR_BYTES - 1) + b"c" * more
    fault = fault_of(lambda: rogue(lambda s: wire.send(s, wire.Kind.ERROR, text)))
    assert fault.message == "a" + "b" * (wire.ERROR_BYTES - 1)


@pytest.mark.parametrize(("length", "broken"), [(wire.ERROR_BYTES, False), (65537, True)])
def test_what_a_box_greets_with_has_a_bound(length: int, broken: bool) -> None:
    """It is advice and nothing else."""

    def talk(stream: socket.socket) -> None:
        _, size = wire.receive_header(stream)
        wire.receive_exactly(stream, size)
        wire.send(stream, wire.Kind.READY, b" " * length)
        stream.recv(1)

    if broken:
        assert fault_of(lambda: talk).message == "answered 65537 bytes where None were due"
    else:
        with ScorerBox(setting(lambda: talk), "pass") as box:
            assert box.busy_seconds == 0


def test_a_greeting_longer_than_its_bound_is_refused_unread() -> None:
    """Attack: a READY of four gigabytes."""

    def talk(stream: socket.socket) -> None:
        stream.recv(1, socket.MSG_PEEK)
        stream.sendall(wire.HEADER.pack(wire.Kind.READY, 2**32 - 1))
        stream.recv(1)

    assert fault_of(lambda: talk).kind is FaultKind.SHAPE


def test_a_frame_nobody_asked_for_is_a_fault() -> None:
    """Attack: pipelined answers, sent before their question."""

    def eager(stream: socket.socket) -> None:
        wire.send(stream, wire.Kind.OK)
        wire.send(stream, wire.Kind.OK)

    with ScorerBox(setting(lambda: rogue(eager)), "pass") as box:
        box.reset()
        with pytest.raises(Broke) as caught:
            while True:
                box.begin()
    assert caught.value.fault.kind is FaultKind.UNREQUESTED
    assert caught.value.fault.message == "sent a frame that was not asked for"


def test_a_box_that_hung_up_between_requests_has_died() -> None:
    """Promise: the end of the stream is told from a frame nobody asked for."""
    gone = threading.Event()

    def leave(stream: socket.socket) -> None:
        wire.send(stream, wire.Kind.OK)
        stream.shutdown(socket.SHUT_RDWR)
        gone.set()

    with ScorerBox(setting(lambda: rogue(leave)), "pass") as box:
        box.reset()
        gone.wait(2)
        with pytest.raises(Broke) as caught:
            box.begin()
    assert caught.value.fault.kind is FaultKind.DIED
    assert "last words" in caught.value.fault.message


def test_a_box_that_hung_up_on_what_it_had_not_read_has_died() -> None:
    """Attack: leave so that the host's stream is reset rather than ended."""
    gone = threading.Event()

    def leave(stream: socket.socket) -> None:
        wire.send(stream, wire.Kind.OK)
        wire.receive_header(stream)
        wire.send(stream, wire.Kind.OK)
        stream.close()
        gone.set()

    with ScorerBox(setting(lambda: rogue(leave)), "pass") as box:
        box.reset()
        box.begin()
        gone.wait(2)
        with pytest.raises(Broke) as caught:
            box.score(FRAME)
    assert caught.value.fault.kind is FaultKind.DIED


def test_a_box_is_stopped_when_it_has_been_busy_for_too_long(clock: Clock) -> None:
    """§2: each answer in time, all of them together not; from request sent to answer read."""
    with ScorerBox(setting(lambda: TakesItsTime(clock), budget_seconds=4.0), "pass") as box:
        assert box.busy_seconds == 0
        for busy in (2.0, 4.0):
            clock.now += 99.0
            box.reset()
            assert box.busy_seconds == busy
        with pytest.raises(Broke, match=r"was busy for more than 4\.0 s") as caught:
            box.reset()
    assert caught.value.fault.kind is FaultKind.BUDGET


def test_greeting_and_loading_have_a_time_of_their_own(clock: Clock) -> None:
    """Neither the time for an answer nor the budget: a checkpoint takes as long as it takes."""
    made = setting(
        lambda: TakesItsTime(clock), start_seconds=4.0, answer_seconds=1.0, budget_seconds=1.0
    )
    with ScorerBox(made, "pass") as box:
        assert box.busy_seconds == 0


class Neighbours(FakeSandbox):
    """A machine on which a box waits for a processor for a share of the time."""

    def __init__(self, make: Callable[[], Any], waits: float) -> None:
        super().__init__(make)
        self.waits = waits

    def start(self, spec: BoxSpec) -> FakeBox:
        box = super().start(spec)
        box.waits = self.waits
        return box


@pytest.mark.parametrize(("waits", "starved"), [(0.9, True), (0.6, True), (0.4, False), (0, False)])
def test_silence_is_late_and_says_whether_the_box_was_starved(waits: float, starved: bool) -> None:
    """Promise: lateness is excused by what the box itself lacked, not by how busy the host is."""
    silent = Neighbours(lambda: rogue(lambda s: s.recv(1)), waits)
    fault = fault_of(FakeScorer, sandbox=silent, answer_seconds=0.4)
    assert (fault.kind, fault.host_starved) == (FaultKind.LATE, starved)
    assert fault.message == "no answer in 0 s"


def test_a_prompt_box_is_never_looked_at() -> None:
    """Promise: asking how long a box waited costs honest answers nothing."""

    class Unwatched(FakeSandbox):
        def start(self, spec: BoxSpec) -> FakeBox:
            box = super().start(spec)
            box.waited_seconds = lambda: pytest.fail("looked at")  # type: ignore[method-assign]
            return box

    with ScorerBox(setting(FakeScorer, sandbox=Unwatched(FakeScorer)), "pass") as box:
        box.reset()
        box.begin()
        box.score(FRAME)


def test_a_request_that_is_not_taken_is_late_too() -> None:
    """Attack: never read, so that the host's own sending blocks."""

    def deaf(stream: socket.socket) -> None:
        _, size = wire.receive_header(stream)
        wire.receive_exactly(stream, size)
        wire.send(stream, wire.Kind.READY, b"{}")
        threading.Event().wait(1)

    wide = setting(lambda: deaf, rows=64, chunk=4096, answer_seconds=0.3)
    frame = next(iter(frames([documents(1).row(0)] * 64, 4096)))
    with ScorerBox(wide, "pass") as box, pytest.raises(Broke) as caught:
        box.observe(frame)
    assert caught.value.fault.kind is FaultKind.LATE


def test_a_dead_request_does_not_look_at_a_box_that_had_no_time() -> None:
    """A limit that was over before the first look excuses nothing."""
    patience = Patience(FakeBox.__new__(FakeBox), 0.0)
    with pytest.raises(TimeoutError):
        patience.left()
    assert not patience.starved()


def test_a_dripping_answer_is_late_as_a_whole() -> None:
    """Attack: one byte at a time, each in time."""

    def drip(stream: socket.socket) -> None:
        for byte in wire.HEADER.pack(wire.Kind.OK, 0):
            threading.Event().wait(0.1)
            stream.sendall(struct.pack("B", byte))

    assert fault_of(lambda: rogue(drip), answer_seconds=0.3).kind is FaultKind.LATE


def test_a_box_that_never_connects_is_late() -> None:
    """Attack: start and do nothing."""

    class Mute(FakeSandbox):
        def start(self, spec: BoxSpec) -> FakeBox:
            box = FakeBox(spec, stall(0))
            box.thread.join()
            box.poll = lambda: None  # type: ignore[method-assign]
            return box

    changes = {"sandbox": Mute(FakeScorer), "start_seconds": 0.2}
    connected = fault_of(FakeScorer, **changes)
    assert connected.kind in {FaultKind.LATE, FaultKind.DIED}


def test_a_box_that_ends_before_it_connects_has_died() -> None:
    """Promise: an import error of the scorer is shown, the end of it, and not waited for."""

    class Stillborn(FakeSandbox):
        def start(self, spec: BoxSpec) -> FakeBox:
            assert spec.channel is not None
            (spec.channel / "wire").unlink()
            box = FakeBox(spec, stall(0))
            box.thread.join()
            box.log = "a" + "b" * 2000
            return box

    fault = fault_of(FakeScorer, sandbox=Stillborn(FakeScorer))
    assert (fault.kind, fault.request) == (FaultKind.DIED, "HELLO")
    assert fault.message == "ended before it connected: " + "b" * 2000


@pytest.mark.parametrize(("waits", "starved"), [(0.9, True), (0.0, False)])
def test_a_box_that_never_connects_and_never_ends_is_late(waits: float, starved: bool) -> None:
    """Attack: hold the host at the door."""

    class Doorstep(FakeSandbox):
        def start(self, spec: BoxSpec) -> FakeBox:
            assert spec.channel is not None
            (spec.channel / "wire").unlink()
            box = FakeBox(spec, stall(0))
            box.thread.join()
            box.poll = lambda: None  # type: ignore[method-assign]
            box.waits = waits
            return box

    fault = fault_of(FakeScorer, sandbox=Doorstep(FakeScorer), start_seconds=0.2)
    assert (fault.kind, fault.host_starved) == (FaultKind.LATE, starved)
    assert fault.message == "did not connect in 0 s"


class Watched(FakeSandbox):
    """A wall stopped what its boxes tried."""

    def start(self, spec: BoxSpec) -> FakeBox:
        box = super().start(spec)
        box.attempts = ("connect 192.0.2.1:80",)
        return box


@pytest.mark.parametrize(
    ("sandbox", "hits"),
    [(Watched, [("pass", ("connect 192.0.2.1:80",))]), (FakeSandbox, [])],
)
def test_wall_hits_of_a_box_are_handed_on(sandbox: type[FakeSandbox], hits: list[Any]) -> None:
    """Promise: attempts that a wall stopped are listed; where there are none nothing is."""
    told: list[tuple[str, tuple[str, ...]]] = []
    changes = {"sandbox": sandbox(FakeScorer), "ended": lambda *hit: told.append(hit)}
    with ScorerBox(setting(FakeScorer, **changes), "pass"):
        pass
    assert told == hits


def test_a_box_that_the_machine_lost_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its engine died under it: that is told, and the channel goes all the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def lost() -> None:
        raise BoxLost("the engine died")

    with pytest.raises(BoxLost), ScorerBox(setting(FakeScorer), "pass") as box:
        assert [path.is_dir() for path in tmp_path.iterdir()] == [True]
        assert box._box is not None
        box._box.kill = lost  # type: ignore[assignment, method-assign]
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_with_a_long_name_holds_a_wire_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel takes 107 bytes for a socket's path; boxes see the channel under a short one."""
    above, short = tmp_path / ("n" * 150), tmp_path / "channel"
    above.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(above))

    class Mounting(FakeSandbox):
        def start(self, spec: BoxSpec) -> FakeBox:
            assert spec.channel is not None
            short.symlink_to(spec.channel)
            return super().start(replace(spec, channel=short))

    with ScorerBox(setting(FakeScorer, sandbox=Mounting(FakeScorer)), "pass") as box:
        box.reset()


def test_a_box_that_lives_on_without_its_wire_is_said_to() -> None:
    """Attack: close the wire and keep working in the background."""
    with ScorerBox(setting(lambda: rogue(lambda s: s.close())), "pass") as box:
        assert box._box is not None
        waited: list[float | None] = []
        box._box.wait = waited.append  # type: ignore[assignment,method-assign]
        with pytest.raises(Broke) as caught:
            box.reset()
    assert caught.value.fault.message == str(caught.value) == "closed the wire and runs on"
    assert waited == [LAST_WORDS_SECONDS]


class Wrong(FakeScorer):
    """Honest but for `charged` costs, at (row, column), and the `predicted` vectors of rows."""

    charged: ClassVar[dict[tuple[int, int], float]] = {}
    predicted: ClassVar[dict[int, float]] = {}

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        costs = super().score(ids, lengths)
        for place, nats in self.charged.items():
            costs[place] = nats
        return costs

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        logs = super().predict(ids, lengths)
        for row, log in self.predicted.items():
            logs[row, 5] = log
        return logs


THIRD = Frame(3, FRAME.ids, np.array([8, 8, 5, 4], dtype=np.int32))


@pytest.mark.parametrize(
    ("charged", "kind", "said"),
    [
        ({(1, 2): np.nan, (2, 1): np.nan}, FaultKind.NAN, "NaN for token 26 of document 9"),
        ({(0, 7): np.inf}, FaultKind.INFINITE, "an infinite cost for token 31 of document 0"),
        ({(0, 7): -np.inf}, FaultKind.INFINITE, "an infinite cost for token 31 of document 0"),
        ({(2, 4): -0.25, (2, 1): -0.5}, FaultKind.NEGATIVE, "-0.5 nats for token 25 of row 2"),
        ({(3, 0): -1.5}, FaultKind.NEGATIVE, "-1.5 nats for token 24 of row 3"),
    ],
)
def test_a_wrong_charge_is_named_with_its_document_and_token(
    charged: dict[tuple[int, int], float], kind: FaultKind, said: str
) -> None:
    """A person can go and look; where nobody said which document it is, the row is named."""

    class Charges(Wrong):
        pass

    Charges.charged = charged
    with ScorerBox(setting(Charges), "pass") as box:
        box.begin((0, 9, -1))
        with pytest.raises(Broke) as caught:
            box.score(THIRD)
    fault = caught.value.fault
    assert (fault.kind, fault.message) == (kind, f"charged {said}")
    document = said.partition("document ")[2]
    assert fault.document == (int(document) if document else None)


@pytest.mark.parametrize(
    ("predicted", "kind", "said"),
    [
        ({0: np.nan, 2: np.nan}, FaultKind.NAN, "NaN for token 32 of document 7"),
        ({2: np.nan}, FaultKind.NAN, "NaN for token 29 of document 0"),
        ({2: np.inf, 0: -np.inf}, FaultKind.INFINITE, "no finite distribution for token 29 of"),
    ],
)
def test_a_wrong_distribution_is_named_with_its_document_and_token(
    predicted: dict[int, float], kind: FaultKind, said: str
) -> None:
    """The token asked for, that of the first row whose answer is wrong; others are as they were."""

    class Predicts(Wrong):
        pass

    Predicts.predicted = predicted
    with ScorerBox(setting(Predicts), "replay") as box:
        box.begin((7, 9, 0, -1))
        with pytest.raises(Broke) as caught:
            box.predict(THIRD, ASK)
    fault = caught.value.fault
    assert (fault.kind, fault.phase) == (kind, "replay")
    assert fault.message.startswith(f"predicted {said}")


def test_a_row_in_which_nothing_is_possible_is_no_distribution() -> None:
    """Attack: the other rows are as they should be."""

    class Impossible(FakeScorer):
        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            logs = super().predict(ids, lengths)
            logs[2] = -np.inf
            return logs

    with ScorerBox(setting(Impossible), "replay") as box:
        box.begin((7, 9, 0, -1))
        with pytest.raises(Broke, match="no finite distribution for token 29 of document 0"):
            box.predict(THIRD, ASK)


def test_before_a_batch_has_begun_no_document_is_named() -> None:
    """Whoever asks so is told of the row."""
    with ScorerBox(setting(lambda: Constant(np.nan)), "pass") as box:
        with pytest.raises(Broke, match="charged NaN for token 0 of row 0"):
            box.score(FRAME)
        assert box.document is None


def test_a_later_fault_is_not_blamed_on_an_earlier_document() -> None:
    """Each batch has its own documents, none of which is named before it is at fault."""

    class Charges(Wrong):
        charged: ClassVar[dict[tuple[int, int], float]] = {(1, 0): np.nan}

    with ScorerBox(setting(Charges), "pass") as box:
        for said, named in (((7, 9, 5, 6), 9), ((), None)):
            box.begin(said)
            assert box.document is None
            with pytest.raises(Broke):
                box.score(FRAME)
            assert box.document == named


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda box: box.score(FRAME), "answered 28 numbers where 4 rows × 8 tokens were due"),
        (
            lambda box: box.predict(FRAME, ASK),
            "answered 14 numbers where 2 rows asked × 8 symbols were due",
        ),
    ],
)
def test_a_wrong_shape_is_told_in_numbers(call: Callable[[ScorerBox], object], said: str) -> None:
    """Bytes would leave an author to divide."""

    class Short(FakeScorer):
        def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return super().score(ids, lengths)[:, 1:]

        def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return super().predict(ids, lengths)[:, 1:]

    with ScorerBox(setting(Short), "pass") as box:
        box.begin()
        with pytest.raises(Broke, match=said):
            call(box)
