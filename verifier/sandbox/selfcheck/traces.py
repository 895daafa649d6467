"""Can one box tell another anything: one that runs beside it, or one that comes later?

Another box of the same image and inputs leaves notes wherever it can; this one looks for them.
"""

from __future__ import annotations

from verifier.sandbox.selfcheck.judging import (
    NO_WAY,
    NOTHING_THERE,
    only,
    refused,
    through,
    unshared,
)
from verifier.sandbox.selfcheck.probe import Evidence, Family, Judge, Probe

NOTHING = NOTHING_THERE | NO_WAY

LEAVE = """
import fcntl
held = []
def left(path):
    with open(path + "/" + given["note"], "w") as file:
        file.write(given["note"])
    held.append(open(path + "/" + given["note"]))
def listening(address):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].bind(address)
    held[-1].listen()
def port():
    held.append(socket.create_server(("127.0.0.1", given["port"])))
for name, place in (("tmp", "/tmp"), ("cache", "/cache"), ("shm", "/dev/shm"),
                    ("system's", "/var/tmp"), ("run", "/run"), ("home", os.environ["HOME"])):
    attempt(name, left, place)
attempt("abstract", listening, "\\0" + given["note"])
attempt("port", port)
attempt("key", call, "add_key", b"user", given["note"].encode(), b"note", 4, -4)
attempt("shared memory", call, "shmget", given["number"], 4096, 0o1666)
attempt("semaphore", call, "semget", given["number"], 1, 0o1666)
attempt("queue", call, "msgget", given["number"], 0o1666)
attempt("POSIX queue", call, "mq_open", given["note"].encode(), 0o102, 0o666, 0)
file = open("/in/given")
attempt("lock", fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
attempt("range lock", fcntl.lockf, file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1)
import signal
def signalled(number, frame):
    os._exit(99)
signal.signal(signal.SIGUSR1, signalled)
tell(probe="first", said=said)
os.close(os.open("/out/ready", os.O_CREAT | os.O_WRONLY))
if given["beside"]:
    time.sleep(60)
os._exit(0)
"""

FILES = """
def find(place):
    with open(place + "/" + given["note"]) as file:
        return file.read()
for name, place in (("tmp", "/tmp"), ("cache", "/cache"), ("shm", "/dev/shm"),
                    ("system's", "/var/tmp"), ("run", "/run"), ("home", os.environ["HOME"])):
    attempt(name, find, place)
attempt("output", os.stat, "/out/ready")
"""
SYSTEM_V = """
attempt("shared memory", call, "shmget", given["number"], 4096, 0o666)
attempt("semaphore", call, "semget", given["number"], 1, 0o666)
attempt("queue", call, "msgget", given["number"], 0o666)
attempt("POSIX queue", call, "mq_open", given["note"].encode(), 0o2, 0o666, 0)
"""
KEYS = """
attempt("key", call, "request_key", b"user", given["note"].encode(), 0, -4)
attempt("keyring", call, "keyctl", 10, -4, b"user", given["note"].encode(), 0)
"""


def _look(id: str, wall: str, tries: str, source: str, judge: Judge, *lacks: str) -> Probe:
    return Probe(id=id, wall=wall, tries=tries, source=source, judge=judge, lacks=lacks)


def _forgotten(evidence: Evidence) -> tuple[str, ...]:
    kept = evidence.earlier.get("names") != "forgotten"
    said = ("the kernel cannot be made to forget which names were looked up",) if kept else ()
    return (*through("look")(evidence), *said)


def _both_times(prefix: str, when: str) -> tuple[Probe, ...]:
    return (
        _look(
            f"{prefix}-files",
            "private folders",
            f"find a file of a box that {when}, in every folder they share the name of",
            FILES,
            unshared(refused("tmp", "cache", "home", by=NOTHING), "tmp", "cache"),
        ),
        _look(
            f"{prefix}-keys",
            "system call filter",
            f"find a key of a box that {when}",
            KEYS,
            refused("key", "keyring"),
        ),
        _look(
            f"{prefix}-memory",
            "own IPC",
            f"find shared memory or a queue of a box that {when}",
            SYSTEM_V,
            refused("shared memory", "queue", "POSIX queue", by=NOTHING),
        ),
    )


BESIDE = Family(
    name="beside",
    title="Another box beside it",
    first=LEAVE,
    beside=True,
    channel=True,
    probes=(
        *_both_times("beside", "runs beside it"),
        _look(
            "beside-sockets",
            "own network",
            "connect to a socket of a box that runs beside it",
            """
def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\\0" + given["note"])
def port():
    socket.create_connection(("127.0.0.1", given["port"]), 1)
attempt("abstract", connect)
attempt("port", port)
""",
            unshared(refused("abstract", "port", by=NO_WAY), "abstract"),
            "Landlock is old",
        ),
        _look(
            "beside-process",
            "own processes",
            "signal, trace or read a box that runs beside it, whichever number it has",
            """
import signal
other = outside(given["neighbour"])
attempt("signal", os.kill, other, signal.SIGUSR1)
attempt("memory", open, f"/proc/{other}/mem", "rb")
attempt("root", os.listdir, f"/proc/{other}/root/tmp")
attempt("environment", lambda: open(f"/proc/{other}/environ").read())
attempt("file", os.stat, f"/proc/{other}/fd/3")
""",
            unshared(refused("signal", "memory", "root", by=NOTHING), "tmp"),
            "Landlock is old",
            "no Landlock",
        ),
        _look(
            "beside-seen",
            "own processes",
            "see that another box runs",
            """
others = 0
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            others += given["neighbour_mark"].encode() in open(f"/proc/{name}/cmdline", "rb").read()
        except OSError:
            pass
note("others", "not seen" if not others else f"{others} seen")
""",
            only("not seen", "others"),
            "no namespaces: processes",
        ),
        _look(
            "beside-locks",
            "own inputs",
            "see that another box has locked an input that both were given",
            """
import fcntl
file = open("/in/given")
def lock():
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another box holds it"
attempt("lock", lock)
""",
            unshared(only("did", "lock"), "lock"),
            "file locks",
        ),
    ),
)

AFTER = Family(
    name="after",
    title="Another box before it",
    first=LEAVE,
    channel=True,
    probes=(
        *_both_times("after", "ran before it"),
        _look(
            "after-socket",
            "killed as a whole",
            "connect to a socket of a box that is gone",
            """
def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\\0" + given["note"])
attempt("abstract", connect)
""",
            unshared(refused("abstract", by=NO_WAY), "abstract"),
        ),
        _look(
            "after-names",
            "forgotten names",
            "find a name in the kernel's memory that a box looked up",
            'attempt("look", lambda: None)',
            _forgotten,
            "the kernel remembers which names",
        ),
    ),
)
