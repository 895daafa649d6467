"""Is the box that was made the box that was asked for? One structure compared with another.

Backends say what they expect and what they observe as two flat mappings from a wall's name to its
state in words; this room compares them once, and reads what the kernel says of a process. Must
never correct a difference: a box that differs is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BoxNotAsAsked

NO_CAPABILITIES = "0000000000000000"
PROCESS_WALLS: Mapping[str, str] = {
    "no new privileges": "1",
    "system call filter": "2",
    "effective capabilities": NO_CAPABILITIES,
    "permitted capabilities": NO_CAPABILITIES,
    "bounding capabilities": NO_CAPABILITIES,
}
STATUS_FIELDS = {
    "no new privileges": "NoNewPrivs",
    "system call filter": "Seccomp",
    "system call filters": "Seccomp_filters",
    "effective capabilities": "CapEff",
    "permitted capabilities": "CapPrm",
    "bounding capabilities": "CapBnd",
}
# proc_pid_stat(5): flags, counted after the name; PF_EXITING of the kernel's linux/sched.h
FLAGS, EXITING = 6, 0x4
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def require_same(label: str, expected: Mapping[str, str], observed: Mapping[str, str]) -> None:
    """Raise BoxNotAsAsked that names every difference; what was not observed is one too."""
    differences = [
        f"{wall} is {observed.get(wall, 'not to be seen')}, asked for {wanted}"
        for wall, wanted in expected.items()
        if observed.get(wall) != wanted
    ]
    if differences:
        raise BoxNotAsAsked(f"{label}: {'; '.join(differences)}")


def process_walls(pid: int) -> dict[str, str] | None:
    """What the kernel says of process `pid`; None when it is gone or only a zombie."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    if fields.get("State", "Z").startswith(("Z", "X")):
        return None
    walls = {wall: fields.get(name, "not to be seen") for wall, name in STATUS_FIELDS.items()}
    walls["user"] = " ".join(sorted(set(fields.get("Uid", "").split())))
    walls["groups"] = fields.get("Groups", "").strip()
    return walls


def is_leaving(pid: int) -> bool:
    """Whether `pid` is gone, or ends now: what it was in is taken from it before it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return bool(int(text.rpartition(")")[2].split()[FLAGS]) & EXITING)


def separate_namespaces(pid: int) -> dict[str, str] | None:
    """For each kind of namespace whether `pid` is in another one than we are; None when gone."""
    walls = {}
    for kind in NAMESPACES:
        try:
            theirs, ours = (os.readlink(f"/proc/{who}/ns/{kind}") for who in (pid, "self"))
        except OSError:
            return None
        walls[f"{kind} namespace"] = "own" if theirs != ours else "the host's"
    return walls


def children(pid: int) -> tuple[int, ...]:
    """The processes that the first thread of `pid` started and that are there; none when gone."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return ()
    return tuple(map(int, text.split()))


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount as a process sees it: where, whether read-only, and what the source is called."""

    place: str
    read_only: bool
    source: str


def mount_points(pid: int | str = "self") -> Iterator[MountPoint]:
    """Every mount that `pid` sees, the topmost last; none when it is gone."""
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        seen, source = line.split(" - ", 1)
        fields = seen.split()
        options = fields[5].split(",")
        yield MountPoint(_plain(fields[4]), "ro" in options, _plain(source.split()[1]))


def _plain(text: str) -> str:
    """The kernel writes blanks and backslashes as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
