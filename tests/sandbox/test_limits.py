"""The limits of a box, each run into on purpose, in every backend there is."""

from __future__ import annotations

import os
import time

import pytest

from tests.sandbox import traces
from tests.sandbox.conftest import LIMITS, Boxes, gvisor_rarely
from verifier.records import Assurance, BoxEnd, EndedBy
from verifier.sandbox import cgroup, output
from verifier.sandbox.gvisor import tasks

# Without a control group, memory is limited per process and processes per user.
GROUPED = cgroup.possible()


# ---------------------------------------------------------------- time


def test_sleeping_past_the_limit_ends_the_box(boxes: Boxes) -> None:
    """The host's clock alone counts, and even the lower end of the interval is past the limit."""
    end = boxes.run("import time; time.sleep(100)", limits={"wall_seconds": 0.5})
    assert end.ended_by is EndedBy.WALL_CLOCK
    assert 0.5 <= end.wall_seconds[0] <= end.wall_seconds[1] < 20
    assert end.wall_seconds[0] < 1.5
    assert end.exit_code == 128 + 9


@gvisor_rarely
def test_a_box_cannot_put_off_its_end(boxes: Boxes) -> None:
    """No signal that could be caught is sent first."""
    source = """
        import signal, time
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(1)
        """
    end = boxes.run(source, limits={"wall_seconds": 0.5})
    assert end.ended_by is EndedBy.WALL_CLOCK
    assert 0.5 <= end.wall_seconds[0] < 1.5


# ---------------------------------------------------------------- processes and memory


def test_too_many_processes_cannot_be_made(boxes: Boxes) -> None:
    """The limit holds, and what it refused is told where the kernel counts it."""
    end = boxes.run(
        """
        import os, time
        made = 0
        try:
            while made < 1000:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
                made += 1
        except OSError:
            pass
        print("made", made)
        time.sleep(0.5)
        """
    )
    assert end.wall_seconds[1] < 10
    if boxes.sandbox.level is Assurance.L3:
        _died_whole(end)
        return
    assert end.ended_by is EndedBy.ITSELF
    assert 0 < int(end.log.split()[1]) <= LIMITS.pids
    if GROUPED:
        assert end.attempts == (f"more than {LIMITS.pids} processes",)


def _died_whole(end: BoxEnd) -> None:
    """gVisor's kernel goes on neither without memory nor without a task the host refuses."""
    if end.ended_by is not EndedBy.MEMORY:
        assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 2)
        assert end.attempts == (f"more than {tasks(LIMITS.pids)} processes",)


@gvisor_rarely
def test_a_fork_bomb_is_taken_away_whole(boxes: Boxes) -> None:
    """What forks as fast as it dies is dead when the box has ended."""
    mark = f"golf-verifier-bomb-{os.getpid()}-{boxes.sandbox.name}"
    source = """
        import os, time
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """
    began = time.monotonic()
    end = boxes.run(source, mark, limits={"wall_seconds": 1.0})
    if boxes.sandbox.level is Assurance.L3:
        _died_whole(end)
    else:
        assert end.ended_by is EndedBy.WALL_CLOCK
    assert time.monotonic() - began < 8
    assert traces.running(mark) == []


def test_too_much_memory_ends_the_box(boxes: Boxes) -> None:
    """The memory limit is named as what ended it."""
    end = boxes.run("x = bytearray(400 << 20); print('had it')")
    if GROUPED:
        assert end.ended_by is EndedBy.MEMORY
    assert end.exit_code != 0 and "had it" not in end.log


@pytest.mark.skipif(not GROUPED, reason="memory is limited per process here: no control groups")
@gvisor_rarely
def test_the_memory_limit_covers_all_processes_together(boxes: Boxes) -> None:
    """Three children that each keep below the limit exceed it."""
    end = boxes.run(
        """
        import os, sys, time
        for _ in range(3):
            if os.fork() == 0:
                held = bytearray(60 << 20)
                time.sleep(20)
                os._exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) != 0)
        """
    )
    assert end.ended_by is EndedBy.MEMORY
    assert end.wall_seconds[1] < 15


@pytest.mark.skipif(not GROUPED, reason="files in memory count for nothing: no control groups")
@gvisor_rarely
def test_files_in_memory_count_as_memory(boxes: Boxes) -> None:
    """Private folders lie in memory; together they cannot hold more than the box may have."""
    source = """
        for place in ("/tmp", "/cache", "/out", "/tmp"):
            with open(f"{place}/x{id(place)}", "wb") as file:
                for _ in range(60):
                    file.write(bytes(1 << 20))
        print("had it")
        """
    limits = {"temporary_bytes": 200 << 20, "output_bytes": 200 << 20}
    end = boxes.run(source, limits=limits)
    assert end.ended_by is EndedBy.MEMORY and "had it" not in end.log


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    "source",
    [
        "f = open('/out/x', 'wb', 0)\nwhile True: f.write(bytes(1 << 16))",
        "import itertools\nfor i in itertools.count(): open(f'/out/{i}', 'w').close()",
        "import itertools, os\nfor i in itertools.count(): os.mkdir(f'/out/{i}')",
        "import itertools, os\nopen('/out/x', 'w')\n"
        "for i in itertools.count(): os.link('/out/x', f'/out/{i}')",
    ],
    ids=["bytes", "files", "folders", "names"],
)
@gvisor_rarely
def test_too_much_output_ends_the_box(boxes: Boxes, source: str) -> None:
    """Bytes and entries are both bounded, and the host's disk never gets more."""
    end = boxes.run(source)
    assert end.ended_by is EndedBy.OUTPUT
    if output.mountable():
        entries = list(boxes.out.iterdir())
        assert len(entries) <= LIMITS.output_files + 1
        pages = (LIMITS.output_files + 2) * output.PAGE_BYTES
        assert sum(path.stat().st_size for path in entries) <= LIMITS.output_bytes + pages


def test_output_is_ended_though_the_box_takes_the_error(boxes: Boxes) -> None:
    """A box that swallows "no space left" has no whole output all the same."""
    source = """
        import time
        with open("/out/x", "wb", 0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        """
    end = boxes.run(source)
    assert end.ended_by is EndedBy.OUTPUT


def test_output_within_its_limits_is_never_too_much(boxes: Boxes) -> None:
    """All the bytes in all the files that are allowed, rounded up by no page."""
    source = """
        files, size = 20, 1 << 20
        for index in range(files):
            with open(f"/out/{index}", "wb") as file:
                file.write(bytes([1]) * (size // files + (index < size % files)))
        """
    end = boxes.run(source)
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    assert sum(path.stat().st_size for path in boxes.out.iterdir()) == LIMITS.output_bytes


@pytest.mark.parametrize("place", ["/tmp", "/cache", "/dev/shm"])
def test_private_folders_are_bounded(boxes: Boxes, place: str) -> None:
    """A disk bomb there fills what was granted and not the host."""
    source = f"""
        written = 0
        try:
            with open("{place}/x", "wb", 0) as file:
                while written < 1 << 26:
                    written += file.write(bytes(1 << 16))
        except OSError:
            pass
        print(written)
        """
    end = boxes.run(source)
    if place == "/dev/shm" and boxes.sandbox.level < Assurance.L1:
        assert end.log == "0\n"
    else:
        # Full to the last page: what is granted can be used.
        assert LIMITS.temporary_bytes - (1 << 17) <= int(end.log) <= LIMITS.temporary_bytes


def test_too_much_log_ends_the_box_and_only_a_tail_is_kept(boxes: Boxes) -> None:
    """A box cannot fill the host's disk or memory by printing."""
    end = boxes.run("while True: print('x' * 1000)")
    assert end.ended_by is EndedBy.LOG
    assert 0 < len(end.log) <= 64 * 1024


@gvisor_rarely
def test_a_log_that_was_too_much_is_so_though_the_box_has_ended(boxes: Boxes) -> None:
    """The limit holds for what was printed at once before the end, too."""
    source = "import os; os.write(1, b'x' * 30000); os.write(1, b'x' * 30000)"
    end = boxes.run(source, limits={"log_bytes": 50000})
    assert end.ended_by is EndedBy.LOG


def test_open_files_and_core_dumps_are_limited(boxes: Boxes) -> None:
    """Limits of each process, as the kernel holds them."""
    source = """
        import resource
        for name in ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_MSGQUEUE"):
            print(*resource.getrlimit(getattr(resource, name)))
        """
    end = boxes.run(source)
    assert end.log.splitlines() == ["0 0", "4096 4096", "0 0"]


@gvisor_rarely
def test_cpu_time_is_no_more_than_the_threads_allow(boxes: Boxes) -> None:
    """Two busy processes of a box with one thread share one CPU, where the kernel can hold them."""
    if not GROUPED:
        pytest.skip("no control groups here: CPU time is not held")
    source = """
        import os, time
        os.fork()
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            pass
        """
    end = boxes.run(source)
    assert end.cpu_seconds is not None
    assert end.cpu_seconds <= end.wall_seconds[1] * 1.1 + 0.1
