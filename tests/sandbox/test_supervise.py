"""Who ended a box, and when: the watch over a run, whatever the run does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.sandbox.conftest import LIMITS
from verifier.errors import BoxLost, BrokenInvariant, StorageFault, VerifierError
from verifier.records import Assurance, BoxFacts, EndedBy, Limits
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.cgroup import Usage
from verifier.sandbox.output import Output
from verifier.sandbox.supervise import Started, WatchedBox

FACTS = BoxFacts(
    label="box", backend="none", assurance=Assurance.NONE, root_digest="", walls={}, lacking=()
)
USED = Usage(0.5, 1000, 0)


@dataclass
class ScriptedRun:
    """A run that lasts `seconds` unless it is killed; each step can be made to fail."""

    seconds: float = 0.0
    code: int | None = 0
    used: Usage = USED
    failing: dict[str, BaseException] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._until = time.monotonic() + self.seconds

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self.failing:
            raise self.failing[what]

    def ended(self, timeout_seconds: float) -> bool:
        if "ended" in self.failing:
            raise self.failing["ended"]
        left = max(0.0, self._until - time.monotonic())
        return self._over.wait(min(timeout_seconds, left)) or time.monotonic() >= self._until

    def kill(self) -> None:
        self._over.set()
        self._do("kill")

    def exit_code(self) -> int | None:
        return self.code

    def usage(self) -> Usage:
        self._do("usage")
        return self.used

    def remove(self) -> None:
        self._do("remove")


@dataclass
class ScriptedOutput(Output):
    """An output folder that fills up, or whose disk fails."""

    fills: bool = False
    left_out: tuple[str, ...] = ()
    fault: VerifierError | None = None
    discarded: bool = False

    def full(self) -> bool:
        return self.fills

    def keep(self) -> tuple[str, ...]:
        if self.fault is not None:
            raise self.fault
        return self.left_out

    def discard(self) -> None:
        self.discarded = True


def watched(
    run: ScriptedRun,
    log: BoxLog | None = None,
    output: Output | None = None,
    limits: Limits = LIMITS,
    release: Callable[[], None] = lambda: None,
    started_seconds_ago: float = 0.0,
) -> WatchedBox:
    """A box of a scripted run, whose start took so long."""
    now = time.monotonic()
    log = log or BoxLog([b"said"], 1 << 20)
    return WatchedBox(
        Started(
            run=run,
            facts=FACTS,
            limits=limits,
            log=log,
            output=output,
            began=now - started_seconds_ago,
            running=now,
            release=release,
        )
    )


def folder(**changes: object) -> ScriptedOutput:
    """A scripted output."""
    made = ScriptedOutput(Path("/nowhere"), LIMITS, mounted=True, below=-1)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_an_end_is_told_with_all_that_was_counted() -> None:
    """And only once everything is taken away."""
    run = ScriptedRun(code=3)
    end = watched(run).wait(5)
    assert end is not None
    assert (end.ended_by, end.exit_code, end.log) == (EndedBy.ITSELF, 3, "said")
    assert (end.cpu_seconds, end.memory_peak_bytes) == (0.5, 1000)
    assert run.done == ["kill", "usage", "remove"]


def test_the_interval_holds_the_truth() -> None:
    """At least as long as it was seen running, at most until it was gone."""
    end = watched(ScriptedRun(seconds=0.3)).wait(5)
    assert end is not None
    assert 0.2 <= end.wall_seconds[0] <= 0.3 <= end.wall_seconds[1] < 1


def test_waiting_is_over_when_its_time_is() -> None:
    """A box that runs has no end yet."""
    box = watched(ScriptedRun(seconds=30))
    assert box.wait(0.05) is None and box.poll() is None
    assert box.kill().ended_by is EndedBy.HOST


@pytest.mark.parametrize(
    ("used", "code", "by"),
    [
        (Usage(1.0, 1, 1), 137, EndedBy.MEMORY),
        (Usage(1.0, 1, 1), 1, EndedBy.MEMORY),
        (Usage(1.0, 1, 1), 0, EndedBy.ITSELF),
        (Usage(1.0, 1, 0), 137, EndedBy.ITSELF),
    ],
)
def test_memory_is_named_when_it_ended_the_command(used: Usage, code: int, by: EndedBy) -> None:
    """A child that died of it while the command went on well is not the end."""
    end = watched(ScriptedRun(used=used, code=code)).wait(5)
    assert end is not None and end.ended_by is by


def test_a_limit_that_held_is_told_as_an_attempt() -> None:
    """Nothing else names the limit of processes."""
    end = watched(ScriptedRun(used=Usage(1.0, 1, 0, refused_processes=4))).wait(5)
    assert end is not None and end.attempts == ("more than 64 processes",)


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_a_log_that_is_too_much_ends_the_box(seconds: float) -> None:
    """Running or already ended."""
    end = watched(ScriptedRun(seconds=seconds), BoxLog([b"x" * 100], 50)).wait(5)
    assert end is not None and end.ended_by is EndedBy.LOG


def test_what_is_printed_at_the_very_end_is_counted_too() -> None:
    """Attack: print too much and be gone before the log was read."""

    def late() -> Iterator[bytes]:
        time.sleep(0.2)
        yield b"x" * 100

    end = watched(ScriptedRun(), log=BoxLog(late(), 50)).wait(5)
    assert end is not None and end.ended_by is EndedBy.LOG


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_an_output_that_is_full_ends_the_box(seconds: float) -> None:
    """Running or already ended."""
    end = watched(ScriptedRun(seconds=seconds), output=folder(fills=True)).wait(5)
    assert end is not None and end.ended_by is EndedBy.OUTPUT


def test_the_wall_limit_ends_the_box() -> None:
    """And only a box that was seen running after it."""
    short = replace(LIMITS, wall_seconds=0.1)
    end = watched(ScriptedRun(seconds=30), limits=short).wait(5)
    assert end is not None and end.ended_by is EndedBy.WALL_CLOCK
    assert 0.1 <= end.wall_seconds[0] <= end.wall_seconds[1] < 1


def test_a_slow_start_of_ours_is_not_taken_from_the_limit() -> None:
    """An engine that needs long would else end an honest run before its time."""
    short = replace(LIMITS, wall_seconds=0.5)
    end = watched(ScriptedRun(seconds=0.1), limits=short, started_seconds_ago=3.0).wait(5)
    assert end is not None and end.ended_by is EndedBy.ITSELF
    assert end.wall_seconds[0] < 0.5 and end.wall_seconds[1] > 3.0


def test_what_was_left_out_of_the_output_is_in_the_log() -> None:
    """Whoever weighs must know of it; a thousand are named by sixteen."""
    names = tuple(f"'{index}': a socket or device" for index in range(1000))
    end = watched(ScriptedRun(), output=folder(left_out=names)).wait(5)
    assert end is not None
    assert "[left out of the output: '0': a socket" in end.log and "'16'" not in end.log


# ---------------------------------------------------------------- what fails


@pytest.mark.parametrize("step", ["ended", "kill", "usage"])
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (BoxLost("gone"), BoxLost),
        (OSError(5, "input/output error"), BoxLost),
        (StorageFault("full"), StorageFault),
    ],
)
def test_a_watch_that_fails_is_told_to_whoever_waits(
    step: str, fault: Exception, raised: type[Exception]
) -> None:
    """And the box is killed and taken away all the same, its output with it."""
    output = folder()
    run = ScriptedRun(failing={step: fault})
    box = watched(run, output=output)
    for _ in range(2):
        with pytest.raises(raised):
            box.wait(5)
    assert run.done[-1] == "remove" and "kill" in run.done
    assert output.discarded


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_watch_is_told_and_nobody_waits_for_ever() -> None:
    """Not even for an error that nobody thought of."""
    run = ScriptedRun(failing={"usage": RecursionError("deep")})
    box = watched(run)
    with pytest.raises(BrokenInvariant, match="its watch broke off"):
        box.wait(5)
    box._thread.join()
    assert run.done[-1] == "remove"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_end_is_told_though_cleaning_up_failed() -> None:
    """What is known is not lost for what could not be removed."""

    def release() -> None:
        raise RuntimeError("a bug")

    box = watched(ScriptedRun(code=5), release=release)
    end = box.wait(5)
    box._thread.join()
    assert end is not None and end.exit_code == 5


def test_an_output_that_cannot_be_kept_is_a_storage_fault() -> None:
    """An artifact that is not whole is no artifact."""
    with pytest.raises(StorageFault, match="disk"):
        watched(ScriptedRun(), output=folder(fault=StorageFault("disk"))).wait(5)


def test_leaving_the_block_tells_of_a_lost_box_unless_worse_is_on_its_way() -> None:
    """The first failure is the one to read."""
    with pytest.raises(BoxLost), watched(ScriptedRun(failing={"kill": BoxLost("gone")})):
        pass
    with (
        pytest.raises(KeyError),
        watched(ScriptedRun(failing={"kill": BoxLost("gone")})),
    ):
        raise KeyError("ours")
