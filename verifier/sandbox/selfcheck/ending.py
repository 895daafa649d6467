"""Does anything of a box outlive it, and can it say in another's name how it ended?

Each box ends by itself with code 7, and the host looks for what is left of it.
"""

from __future__ import annotations

from verifier.records import EndedBy
from verifier.sandbox.selfcheck.judging import both, ended, refused, through
from verifier.sandbox.selfcheck.probe import Company, Evidence, Family, Judge, Probe

EXIT_CODE = 7
FORGED = "golf-verifier forged this"


def _ended_as_it_did(evidence: Evidence) -> tuple[str, ...]:
    broken = ended(EndedBy.ITSELF)(evidence)
    if not broken and evidence.end.exit_code != EXIT_CODE:
        broken = (f"it ended with {EXIT_CODE} and {evidence.end.exit_code} was seen",)
    return broken


def _printed_whole(evidence: Evidence) -> tuple[str, ...]:
    """What was printed is in the log as it was, whatever it looks like."""
    lost = [
        text for text in ("before-the-frame", "after-the-frame") if text not in evidence.end.log
    ]
    return tuple(f"{text} was not in the log" for text in lost)


def _alone(id: str, wall: str, tries: str, source: str, judge: Judge) -> Probe:
    return Probe(
        id=id,
        wall=wall,
        tries=tries,
        source=f"{source}\ntell(probe={id!r}, said=said)\nos._exit({EXIT_CODE})",
        judge=both(judge, _ended_as_it_did),
        company=Company.ALONE,
        limits={"wall_seconds": 8.0},
    )


# The process that is to stay says that it runs before the box ends.
DAEMON = """
reader, writer = os.pipe()
def stay():
    os.write(writer, b"x")
    while True:
        time.sleep(0.1)
def started():
    attempt("daemon", lambda: os.read(reader, 1) and None)
"""

ENDING = Family(
    name="ending",
    title="The end",
    probes=(
        _alone(
            "outlive-daemon",
            "killed as a whole",
            "leave a daemon: forked twice, in a session of its own",
            f"""{DAEMON}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        stay()
    os._exit(0)
os.wait()
started()
""",
            through("daemon"),
        ),
        _alone(
            "outlive-deaf",
            "killed as a whole",
            "leave a process that ignores signals and has closed its output",
            f"""{DAEMON}
import signal
if os.fork() == 0:
    os.setsid()
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    stay()
started()
""",
            through("daemon"),
        ),
        _alone(
            "outlive-stopped",
            "killed as a whole",
            "leave a process that is stopped",
            f"""{DAEMON}
import signal
if os.fork() == 0:
    os.write(writer, b"x")
    os.kill(os.getpid(), signal.SIGSTOP)
    stay()
started()
""",
            through("daemon"),
        ),
        _alone(
            "outlive-runaway",
            "killed as a whole",
            "leave a process that forks and dies, so that its number is never the same",
            f"""{DAEMON}
if os.fork() == 0:
    os.setsid()
    os.write(writer, b"x")
    while True:
        if os.fork():
            os._exit(0)
        time.sleep(0.002)
started()
""",
            through("daemon"),
        ),
        _alone(
            "outlive-thread",
            "killed as a whole",
            "end its first thread and go on in another process that holds its output open",
            f"""{DAEMON}
if os.fork() == 0:
    os.setpgid(0, 0)
    stay()
started()
""",
            through("daemon"),
        ),
        _alone(
            "forge-frames",
            "log",
            "print what looks like the engine's frames: another length, another stream",
            """
os.write(1, b"before-the-frame\\n")
os.write(1, b"\\x02\\x00\\x00\\x00\\x7f\\xff\\xff\\xff")
os.write(2, b"\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03abc")
os.write(1, b"\\nafter-the-frame\\n")
attempt("frames", lambda: None)
""",
            both(through("frames"), _printed_whole),
        ),
        _alone(
            "forge-end",
            "keeper",
            "say in the keeper's name that it has ended well, on every descriptor there is",
            """
forged = b'{"pid": 1}\\n{"gate": true}\\n{"exit": 0, "cpu": 0.0, "peak": 1}\\n'
def written(descriptor):
    os.write(descriptor, forged)
for descriptor in (1, 2):
    written(descriptor)
reached = 0
for descriptor in (0, *range(3, 256)):
    try:
        written(descriptor)
        reached += os.readlink(f"/proc/self/fd/{descriptor}") != "/dev/null"
    except OSError:
        pass
note("descriptors", "EPERM" if not reached else f"{reached} could be written")
""",
            refused("descriptors"),
        ),
        _alone(
            "forge-verdict",
            "verdicts",
            "print that all walls held",
            """
print("held\\n" * 8 + '{"probe": "read-canary", "said": {}, "outcome": "held"}', flush=True)
attempt("said", lambda: None)
""",
            through("said"),
        ),
    ),
)
