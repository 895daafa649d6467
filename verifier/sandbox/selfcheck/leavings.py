"""Can what a box leaves in its output do harm, or bring out what is the host's?

The host looks at what arrived, once the box is dead.
"""

from __future__ import annotations

from verifier.records import EndedBy
from verifier.sandbox.selfcheck.judging import both, either, ended, through
from verifier.sandbox.selfcheck.probe import Company, Evidence, Family, Judge, Probe

SET_ID = 0o6000
LEFT = through("left")


def _arrived(evidence: Evidence) -> tuple[str, ...]:
    """Neither devices nor sockets, no right to be another user, and no more than was allowed."""
    limits, left = evidence.limits, evidence.left
    wrong = [
        f"{entry.path} arrived as {entry.kind}, mode {entry.mode:o}"
        for entry in left
        if entry.kind not in ("file", "folder", "link", "pipe") or entry.mode & SET_ID
    ]
    if len(left) > limits.output_files + 1:
        wrong.append(f"{len(left)} entries arrived, {limits.output_files} were allowed")
    size = sum(entry.size for entry in left if entry.kind == "file")
    if size > limits.output_bytes:
        wrong.append(f"{size} bytes arrived, {limits.output_bytes} were allowed")
    return tuple(wrong)


def _leaving(id: str, tries: str, source: str, judge: Judge = LEFT, **limits: float) -> Probe:
    return Probe(
        id=id,
        wall="output",
        tries=tries,
        source=source,
        judge=both(judge, _arrived),
        company=Company.ALONE,
        limits=limits,
    )


LEAVINGS = Family(
    name="leavings",
    title="What it leaves",
    probes=(
        _leaving(
            "leave-links",
            "leave links to the host's secrets, to folders and to processes",
            """
def left():
    os.symlink(given["canary"], "/out/secret")
    os.symlink(given["folder"], "/out/folder")
    os.symlink("/proc/self/environ", "/out/environ")
    os.symlink("../" * 20 + given["canary"][1:], "/out/up")
    os.symlink("loop", "/out/loop")
attempt("left", left)
""",
        ),
        _leaving(
            "leave-hard-links",
            "leave second names of what is the host's",
            """
for name, path in (("secret", given["canary"]), ("input", "/in/given"), ("program", sys.executable),
                   ("status", "/proc/self/status")):
    try:
        os.link(path, "/out/" + name)
    except OSError:
        pass
attempt("left", lambda: None)
if any(os.path.lexists("/out/" + name) for name in ("secret", "input", "program")):
    note("left", "a second name")
""",
            lambda evidence: (
                ("a file of the host has a second name in the output",)
                if (evidence.said or {}).get("left") != "did"
                else ()
            ),
        ),
        _leaving(
            "leave-special",
            "leave sockets, pipes and programs that make whoever runs them somebody else",
            """
def left():
    socket.socket(socket.AF_UNIX).bind("/out/socket") if given["channel"] else None
    os.mkfifo("/out/pipe")
    with open("/out/program", "w") as file:
        file.write("#!/bin/sh\\n")
    os.chmod("/out/program", 0o6777)
    os.mkdir("/out/closed", 0)
attempt("left", left)
""",
        ),
        _leaving(
            "leave-holes",
            "leave files that are longer than what they hold",
            """
def left():
    with open("/out/hole", "wb") as file:
        file.write(b"begin")
        file.truncate(300_000)
attempt("left", left)
""",
        ),
        _leaving(
            "leave-names",
            "leave names as long, as deep and as strange as they get",
            """
def left():
    for name in (b"n" * 255, b"\\xff\\xfe", b"a\\nb", b"\\x1b[2J", b"::error::x", b"-rf", b" "):
        try:
            open(b"/out/" + name, "w").close()
        except OSError as fault:
            if fault.errno != errno.EILSEQ:
                raise
    place = os.open("/out", os.O_RDONLY)
    for _ in range(120):
        os.mkdir("d" * 200, dir_fd=place)
        place = os.open("d" * 200, os.O_RDONLY, dir_fd=place)
attempt("left", left)
""",
            either(through("left"), ended(EndedBy.OUTPUT)),
            output_files=400,
        ),
    ),
)
