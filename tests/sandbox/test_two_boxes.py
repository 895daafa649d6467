"""Two boxes that run at once cannot speak with each other, whatever they agreed on before."""

from __future__ import annotations

import os
from pathlib import Path

from tests.sandbox import traces
from tests.sandbox.conftest import Boxes
from verifier.records import Assurance
from verifier.sandbox import kernel
from verifier.sandbox.supervise import WatchedBox

NAME = "golf-verifier-note"

LEAVE = f"""
import ctypes, os, socket, time
libc = ctypes.CDLL(None, use_errno=True)
held = []
def leave(what, action):
    try:
        held.append(action())
        print("left", what, flush=True)
    except OSError:
        pass
def listening():
    server = socket.socket(socket.AF_UNIX)
    server.bind("\\0{NAME}")
    server.listen()
    return server
def written(path):
    with open(path, "w") as file:
        file.write("note")
def called(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError
leave("socket", listening)
for place in ("/tmp", "/cache", "/dev/shm"):
    leave(place.rpartition("/")[2], lambda: written(place + "/{NAME}"))
for number, arguments in ((248, (b"user", b"{NAME}", b"note", 4, -4)),
                          (29, (7531, 4096, 0o1666)), (68, (7531, 0o1666)),
                          (240, (b"{NAME}", 0o102, 0o666, 0))):
    leave(number, lambda: called(number, *arguments))
open("/out/ready", "w").close()
time.sleep(60)
"""

LOOK = f"""
import ctypes, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def look(what, action):
    try:
        action()
        print("found", what)
    except OSError:
        pass
def called(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError
look("socket", lambda: socket.socket(socket.AF_UNIX).connect("\\0{NAME}"))
for place in ("/tmp", "/cache", "/dev/shm"):
    look(place, lambda: open(place + "/{NAME}"))
look("key", lambda: called(249, b"user", b"{NAME}", 0, -4))
look("shared memory", lambda: called(29, 7531, 4096, 0o666))
look("queue", lambda: called(68, 7531, 0o666))
look("POSIX queue", lambda: called(240, b"{NAME}", 0o2, 0o666, 0))
other = int(sys.argv[1])
look("process", lambda: os.kill(other, signal.SIGKILL))
look("memory", lambda: open(f"/proc/{{other}}/mem", "rb"))
look("root", lambda: os.listdir(f"/proc/{{other}}/root/tmp"))
look("open file", lambda: os.stat(f"/proc/{{other}}/fd/0"))
look("environment", lambda: open(f"/proc/{{other}}/environ").read())
print("looked")
"""


def test_what_one_box_leaves_no_other_finds(boxes: Boxes) -> None:
    """Sockets, files, keys, shared memory, queues, and the other's own process."""
    mark = f"golf-verifier-other-{os.getpid()}-{boxes.sandbox.name}"
    first, second = boxes.beside("first"), boxes.beside("second")
    # Only a box with a channel may open a socket at all where nothing else is its own.
    channels = [folder / "channel" for folder in (first.folder, second.folder)]
    for channel in channels:
        channel.mkdir(mode=0o755)
    with first.running(LEAVE, mark, channel=channels[0]) as box:
        traces.until(first.out / "ready")
        assert isinstance(box, WatchedBox)
        (other,) = _commands(mark) or [box._started.run.processes().pop()]
        end = second.run(LOOK, str(other), channel=channels[1])
        assert box.poll() is None
        left = box.kill().log.split()
    assert (end.exit_code, end.log) == (0, "looked\n")
    # The first box did have something to leave.
    assert {"socket", "tmp", "cache"} <= set(left)
    assert ("shm" in left) == (boxes.sandbox.level >= Assurance.L1)
    assert not {"248", "29", "68", "240"} & set(left)


def test_a_box_finds_no_process_but_its_own(boxes: Boxes) -> None:
    """Where there are no namespaces to hide them, the backend says that boxes see each other."""
    end = boxes.run("import os; print(sum(name.isdigit() for name in os.listdir('/proc')))")
    hidden = boxes.sandbox.level >= Assurance.L1
    assert (int(end.log) <= 2) == hidden
    assert any("can be seen, by other boxes" in w for w in boxes.sandbox.lacking()) != hidden


def _commands(mark: str) -> list[int]:
    """The command itself among the processes that carry `mark`: bubblewrap's own carry it too."""
    return [
        pid
        for pid in traces.running(mark)
        if b"bwrap" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    ]


def test_signals_to_other_boxes_need_landlock_that_stops_them(boxes: Boxes) -> None:
    """Where Landlock is too old for that the backend says so."""
    old = boxes.sandbox.level < Assurance.L1 and kernel.landlock_abi() < 6
    assert any("can be signalled" in wall for wall in boxes.sandbox.lacking()) == (
        old and kernel.landlock_abi() > 0
    )
