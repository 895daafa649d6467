"""Can a box use more than it was given?

Each runs alone, held to little, and is ended by a limit seen from outside, or refused within. It
asks for more than its limit and less than twice as much: a limit that was doubled does not hold.
"""

from __future__ import annotations

from verifier.records import EndedBy
from verifier.sandbox.selfcheck.judging import (
    either,
    ended,
    refused,
)
from verifier.sandbox.selfcheck.probe import Company, Evidence, Family, Judge, Probe
from verifier.sandbox.selfcheck.processors import PROCESSORS

MEMORY = 64 << 20
FULL = frozenset({"ENOSPC", "EDQUOT", "EFBIG", "ENOMEM"})
NO_MORE = frozenset({"EAGAIN", "ENOMEM", "EMFILE", "ENFILE"})
# Per process and user instead of per box: a bomb of many parts is not held.
PER_PROCESS = ("memory and processes are limited per process",)


def bomb(
    id: str,
    wall: str,
    tries: str,
    source: str,
    judge: Judge,
    lacks: tuple[str, ...] = (),
    **limits: float,
) -> Probe:
    """A probe in a box of its own, held to `limits` of its own."""
    return Probe(
        id=id,
        wall=wall,
        tries=tries,
        source=source,
        judge=judge,
        company=Company.ALONE,
        limits={"memory_bytes": MEMORY, "wall_seconds": 6.0, **limits},
        lacks=lacks,
    )


def died_of_processes(evidence: Evidence) -> tuple[str, ...]:
    """Nothing in it goes on, and the host counted processes that it did not get."""
    hits = evidence.end.attempts
    counted = any(hit.startswith("more than ") and hit.endswith(" processes") for hit in hits)
    if counted and evidence.end.ended_by is EndedBy.ITSELF and evidence.end.exit_code != 0:
        return ()
    return ("it did not die of a process too many",)


# In folders whose size is bounded, what is written in many files is bounded as a whole.
FILL = """
def fill(place):
    for index in range(6):
        with open(f"{place}/fill{index}", "wb") as file:
            file.write(b"x" * (1 << 20))
"""
held_in_memory = either(
    ended(EndedBy.MEMORY), refused("memory", by=frozenset({"MemoryError: ", "ENOMEM", *FULL}))
)

BOMBS = Family(
    name="bombs",
    title="Limits",
    probes=(
        bomb(
            "bomb-processes",
            "process limit",
            "start more processes than it may",
            """
def start():
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
attempt("processes", start)
""",
            either(refused("processes", by=NO_MORE), died_of_processes),
            pids=24,
            memory_bytes=1 << 30,
        ),
        bomb(
            "bomb-threads",
            "process limit",
            "start more threads than it may",
            """
import threading
def start():
    try:
        for _ in range(40):
            threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "")
threading.stack_size(1 << 16)
attempt("threads", start)
""",
            refused("threads", by=NO_MORE),
            ("threads are bounded by memory",),
            pids=24,
        ),
        bomb(
            "bomb-memory",
            "memory limit",
            "use more memory than it may",
            """
def use():
    held = []
    for _ in range(96):
        held.append(bytearray(b"x") * (1 << 20))
attempt("memory", use)
""",
            held_in_memory,
        ),
        bomb(
            "bomb-memory-shared",
            "memory limit",
            "use more memory than it may, in many processes",
            """
import mmap
def use():
    def part():
        held = mmap.mmap(-1, 22 << 20)
        for place in range(0, 22 << 20, 4096):
            held[place] = 1
        return held
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                held = part()
                time.sleep(1)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        raise OSError(errno.ENOMEM, "")
attempt("memory", use)
""",
            held_in_memory,
            PER_PROCESS,
        ),
        bomb(
            "bomb-memory-files",
            "memory limit",
            "use more memory than it may, in files that lie in memory (memfd)",
            """
def use():
    for index in range(4):
        place = os.memfd_create(f"m{index}")
        for _ in range(24):
            os.write(place, b"x" * (1 << 20))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
attempt("memory", use)
""",
            held_in_memory,
            PER_PROCESS,
            temporary_bytes=64 << 20,
            output_bytes=64 << 20,
        ),
        bomb(
            "bomb-tmp",
            "private folders",
            "fill /tmp beyond its size",
            FILL + 'attempt("fill", fill, "/tmp")',
            refused("fill", by=FULL),
            ("the temporary folder is bounded per file",),
            temporary_bytes=4 << 20,
        ),
        bomb(
            "bomb-cache",
            "private folders",
            "fill /cache beyond its size",
            FILL + 'attempt("fill", fill, "/cache")',
            refused("fill", by=FULL),
            ("the temporary folder is bounded per file",),
            temporary_bytes=4 << 20,
        ),
        bomb(
            "bomb-shm",
            "private folders",
            "fill /dev/shm beyond its size",
            FILL + 'attempt("fill", fill, "/dev/shm")',
            refused("fill", by=FULL | {"EACCES", "EROFS", "EPERM", "ENOENT"}),
            temporary_bytes=4 << 20,
        ),
        bomb(
            "bomb-names",
            "memory limit",
            "make a million files in a private folder",
            """
def make():
    for index in range(1_000_000):
        # Not by `open`, which a recorder looks at one by one.
        os.mknod(f"/tmp/{index}")
attempt("files", make)
""",
            either(ended(EndedBy.MEMORY), refused("files", by=FULL)),
            PER_PROCESS,
            memory_bytes=32 << 20,
            wall_seconds=15.0,
        ),
        bomb(
            "bomb-output",
            "output limit",
            "leave more bytes than it may",
            """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
# Whole pages are counted: half as much again is beyond any rounding.
for index in range(24):
    try:
        with open(f"/out/{index % 8}", "ab") as file:
            file.write(b"x" * 65536)
    except OSError:
        pass
# Where a watcher counts, he must have the time to.
time.sleep(3)
""",
            ended(EndedBy.OUTPUT),
            output_bytes=1 << 20,
        ),
        bomb(
            "bomb-output-files",
            "output limit",
            "leave more files than it may",
            """
for index in range(150):
    try:
        os.mkdir(f"/out/{index}")
    except OSError:
        break
time.sleep(3)
""",
            ended(EndedBy.OUTPUT),
            output_files=100,
        ),
        bomb(
            "bomb-output-hole",
            "output limit",
            "leave a file of a terabyte that is one hole",
            """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def hole():
    with open("/out/hole", "wb") as file:
        file.truncate(1 << 40)
attempt("hole", hole)
""",
            either(ended(EndedBy.OUTPUT), refused("hole", by=FULL)),
        ),
        bomb(
            "bomb-log",
            "log limit",
            "print more than it may",
            """
for _ in range(50):
    os.write(1, b"x" * 30_000 + b"\\n")
    # Only the end of what is printed is kept.
    tell(probe="bomb-log", began=True)
""",
            ended(EndedBy.LOG),
            log_bytes=1 << 20,
        ),
        bomb(
            "bomb-descriptors",
            "limits",
            "open more files than it may",
            """
def open_all():
    for _ in range(6_000):
        os.open("/dev/null", os.O_RDONLY)
attempt("files", open_all)
""",
            refused("files", by=NO_MORE),
        ),
        PROCESSORS,
    ),
)
