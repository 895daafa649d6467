"""Can a box last longer than its time, or make time go slower?

The clock is the host's; whatever the box does with its own is nothing to it.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.bombs import bomb, died_of_processes
from verifier.sandbox.selfcheck.judging import either, ended_in_time, only
from verifier.sandbox.selfcheck.probe import Family

LATE = Family(
    name="late",
    title="Time",
    probes=(
        bomb(
            "late-fork-storm",
            "killed as a whole",
            "fork faster than it can be killed",
            """
while True:
    try:
        if os.fork():
            time.sleep(0.001)
    except OSError:
        pass
""",
            either(ended_in_time, died_of_processes),
            pids=48,
            wall_seconds=1.5,
            memory_bytes=1 << 30,
        ),
        bomb(
            "late-sleep",
            "host's clock",
            "sleep past its time",
            "time.sleep(60)",
            ended_in_time,
            wall_seconds=1.0,
        ),
        bomb(
            "late-loop",
            "host's clock",
            "never let go of the processor",
            "while True:\n    pass",
            ended_in_time,
            wall_seconds=1.0,
        ),
        bomb(
            "late-stopped",
            "host's clock",
            "stop itself and its clock (SIGSTOP), and all it started",
            """
import signal
child = os.fork()
if child == 0:
    while True:
        time.sleep(0.2)
        os.kill(os.getppid(), signal.SIGCONT)
        os.kill(os.getppid(), signal.SIGSTOP)
while True:
    os.kill(os.getpid(), signal.SIGSTOP)
""",
            ended_in_time,
            wall_seconds=1.0,
        ),
        bomb(
            "late-deaf",
            "killed as a whole",
            "ignore every signal",
            """
import signal
for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True:
    time.sleep(1)
""",
            ended_in_time,
            wall_seconds=1.0,
        ),
        bomb(
            "late-clock",
            "host's clock",
            "see a clock that it changed",
            """
before = time.clock_gettime(time.CLOCK_MONOTONIC)
for name in ("clock_settime", "settimeofday", "adjtimex"):
    try:
        call(name, 1, struct.pack("@qq", 0, 0)) if name == "clock_settime" else call(name,
            struct.pack("@qq", 0, 0), 0)
    except OSError:
        pass
try:
    call("unshare", 0x80)
    open("/proc/self/timens_offsets", "w").write("monotonic -100000 0")
except OSError:
    pass
slipped = time.clock_gettime(time.CLOCK_MONOTONIC) - before
note("clock", "as it was" if 0 <= slipped < 5 else slipped)
""",
            only("as it was", "clock"),
        ),
    ),
)
