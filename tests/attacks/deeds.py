"""What a hostile guest does to the folder that it may write, to its log and to its own box.

Each deed is the source of a box; `/out` is its output folder. `ends`: every way in which the host
may say that it ended; `says`: what must then be said of what it left, "" where nothing need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier.records import EndedBy

ITSELF = EndedBy.ITSELF


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One guest. `limits` replace those that boxes of tests have."""

    name: str
    source: str
    ends: tuple[EndedBy, ...]
    says: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)


FARM = """
import os
os.chdir("/out")
def tried(make, *names, **more):
    try:
        make(*names, **more)
    except OSError:
        pass
open("weights", "wb").write(b"w" * 100)
for number in range(40):
    tried(os.symlink, "../" * number + "etc/shadow", f"up{number}")
    tried(os.symlink, f"chain{number + 1}", f"chain{number}")
    tried(os.link, "weights", f"again{number}")
tried(os.symlink, "/etc/shadow", "shadow")
tried(os.symlink, "loop", "loop")
tried(os.symlink, "/", "root")
tried(os.symlink, "/proc/self/fd/0", "fd")
tried(os.link, "/etc/shadow", "hard")
tried(os.link, "/in/given", "given")
"""
DEEP = """
import os
place = os.open("/out", os.O_RDONLY)
for _ in range(10_000):
    os.mkdir("d", dir_fd=place)
    inner = os.open("d", os.O_RDONLY, dir_fd=place)
    os.close(place)
    place = inner
"""
NAMES = """
import os
os.chdir(b"/out")
ODD = (b"\\xff\\xfe\\xfd", b"\\n\\x1b[2J", b"\\xed\\xa0\\x80", b" ", b"\\xe2\\x80\\xae")
for name in (b"n" * 255, *ODD):
    open(name, "wb").write(b"w")
os.mkdir(b"\\xff" * 255)
open(b"\\xff" * 255 + b"/" + b"\\xff" * 255, "wb").close()
"""
SPARSE = """
with open("/out/weights", "wb", 0) as file:
    file.write(b"begin")
    for power in range(60, 12, -1):
        try:
            file.truncate(1 << power)
            break
        except OSError:
            continue
"""
ODD = """
import os, socket
os.chdir("/out")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
for kind in (0o060000, 0o020000):
    try:
        os.mknod(f"device{kind}", kind | 0o666, os.makedev(1, 3))
    except OSError:
        pass
open("setuid", "w").close()
os.chmod("setuid", 0o6777)
os.mkdir("closed")
open("closed/file", "w").close()
os.chmod("closed", 0)
"""
MANY = """
import itertools
for number in range(1_000_000):
    open(f"/out/{number}", "wb").close()
"""
NAMED = """
import os
open("/out/x", "wb").write(b"x")
for number in range(1_000_000):
    os.link("/out/x", f"/out/{number}")
"""
FULL = """
with open("/out/x", "wb", 0) as file:
    while True:
        file.write(bytes(1 << 16))
"""
BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
FLOOD = """
import os
while True:
    os.write({stream}, b"x" * 65536)
"""
DRIP = """
import os
while True:
    os.write(2, b"\\x1b")
"""
LAST = """
import os
left = memoryview(b"\\xff" * (4 << 20))
while left:
    left = left[os.write(1, left) :]
"""
MEMORY = """
held = []
while True:
    held.append(bytearray(16 << 20))
"""
NEVER = """
import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(1)
"""

SHORT = {"wall_seconds": 3.0}
DEEDS = (
    Deed(name="a fork bomb", source=BOMB, ends=(EndedBy.WALL_CLOCK, EndedBy.MEMORY), limits=SHORT),
    Deed(name="memory without end", source=MEMORY, ends=(EndedBy.MEMORY, ITSELF), limits=SHORT),
    Deed(name="it never ends", source=NEVER, ends=(EndedBy.WALL_CLOCK,), limits=SHORT),
    Deed(name="it fills its disk", source=FULL, ends=(EndedBy.OUTPUT,)),
    Deed(name="a million files", source=MANY, ends=(EndedBy.OUTPUT,)),
    Deed(name="a million names of one file", source=NAMED, ends=(EndedBy.OUTPUT,)),
    Deed(name="folders ten thousand deep", source=DEEP, ends=(EndedBy.OUTPUT,)),
    Deed(
        name="… where that is not too much",
        source=DEEP,
        # The walls of an ordinary process are asked again for every folder above.
        ends=(ITSELF, EndedBy.OUTPUT, EndedBy.WALL_CLOCK),
        says="deeper than",
        limits={"output_files": 20_000, "memory_bytes": 512 << 20},
    ),
    Deed(
        name="a link farm",
        source=FARM,
        ends=(ITSELF,),
        says="link",
        limits={"output_files": 500},
    ),
    Deed(
        name="names that are no names",
        source=NAMES,
        ends=(ITSELF,),
        says="UTF-8",
        limits={"output_files": 500},
    ),
    Deed(name="the largest hole that it may make", source=SPARSE, ends=(ITSELF,)),
    Deed(name="pipes, sockets, devices, closed folders", source=ODD, ends=(ITSELF,)),
    Deed(name="a flood on stdout", source=FLOOD.format(stream=1), ends=(EndedBy.LOG,)),
    Deed(name="a flood on stderr", source=FLOOD.format(stream=2), ends=(EndedBy.LOG,)),
    Deed(name="a byte at a time on stderr", source=DRIP, ends=(EndedBy.LOG,)),
    Deed(name="a flood with its last breath", source=LAST, ends=(EndedBy.LOG,)),
)
