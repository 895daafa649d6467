"""L0: an ordinary process behind Landlock, a system call filter and limits.

For machines that have no namespaces to give. It sees the host's paths, so box paths are rewritten;
it can open no internet socket at all, loopback neither. Where Landlock or the filter is missing,
its level is NONE and it says so. Must never pretend a wall that the kernel did not confirm.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from verifier.errors import BoxNotAsAsked, ImageFault, MachineFault, StorageFault
from verifier.records import Assurance, BoxFacts, BoxSpec, Root
from verifier.sandbox import attempts, cgroup, gpus, kernel, local, output, seccomp, syscalls
from verifier.sandbox.attempts import Recording
from verifier.sandbox.interface import Box
from verifier.sandbox.kept import LocalRun
from verifier.sandbox.local import CHANNEL, Preparing
from verifier.sandbox.readback import PROCESS_WALLS, process_walls, require_same
from verifier.sandbox.roots import HostView, host_view, resolve_command, search_path

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# torch and the C library look at the CPU they run on.
MACHINE_FILES = ("/proc", "/sys/devices/system/cpu", "/sys/devices/system/node")
SCOPE_ABI = 6
# Of the 107 that the kernel takes for a socket some are for its name in the channel.
CHANNEL_BYTES = 99
# What starts ranks. Even a single one is met at a socket of the loopback.
LAUNCHERS = frozenset({"torchrun", "torch.distributed.run", "torch.distributed.launch"})


class Plain:
    """The L0 backend."""

    name = "plain"

    def __init__(self) -> None:
        """Find out what this kernel has."""
        self._abi = kernel.landlock_abi()
        self._filter = _filter_possible()
        walled = self._abi > 0 and self._filter
        # Without Landlock no wall stops what is opened.
        self._recording = walled and attempts.possible()
        self.level = Assurance.L0 if walled else Assurance.NONE
        local.sweep()

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        lacks = [
            "no namespaces: processes and their names can be seen, by other boxes too",
            "one process only: no network at all, not even a loopback by which ranks could meet",
            "the host's disk is shared: which files lie in memory, and when they were read, tells",
            "a Unix socket open to its user can be connected to by a box with a channel or a GPU",
            "processes of its user can be slowed down and held to less, those of other boxes too",
            *local.shared_lacks(cgroup.possible()),
            "names of keys that its user has in the kernel can be read",
        ]
        if self._abi == 0:
            lacks.append("no Landlock: files of the host can be read")
        elif self._abi < SCOPE_ABI:
            lacks.append("Landlock is old: other processes of the same user can be signalled")
        if os.geteuid() != 0:
            lacks.append("rights and times of inputs can be changed: their owner runs the box")
        if not self._filter:
            lacks.append("no system call filter")
        if not output.mountable():
            lacks.append("the temporary folder is bounded per file, not as a whole")
        return tuple(lacks)

    def prepare(self, root: Root) -> None:
        """Only the interpreter at hand can run here. Raises ImageFault for a root file system."""
        if root.folder is not None or root.tar is not None:
            raise ImageFault(
                "an ordinary process cannot change its root file system",
                remedy="install bubblewrap or Docker, or take --image host",
            )
        host_view(root)

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box."""
        self.prepare(spec.root)
        spec = local.possible(spec)
        require_no_launcher(spec)
        if spec.gpus:
            gpus.require_no_services(spec.label, gpus.open_services())
        view = host_view(spec.root)
        uid = _reachable_uid(view)
        preparing = local.prepare_box(spec, uid)
        try:
            return self._start(spec, preparing, view, uid)
        except BaseException:
            preparing.undo()
            raise

    def _start(self, spec: BoxSpec, preparing: Preparing, view: HostView, uid: int) -> Box:
        paths = _Paths(spec, preparing, uid)
        path = search_path(spec.root)
        asked = local.base_environment(spec, path, "/tmp", CHANNEL)
        environment = {name: paths.rewrite(value) for name, value in asked.items()}
        # Where the host's programs lie is written in host paths already.
        environment["PATH"] = spec.environment.get("PATH", path)
        # CUDA does not start without a Unix socket of its own to listen at.
        local_sockets = spec.channel is not None or spec.gpus
        families = syscalls.ONLY_LOCAL_FAMILIES if local_sockets else ()
        libraries = [str(source.resolve()) for source, _ in preparing.gpus.libraries]
        readable = [*map(str, view.paths), *MACHINE_FILES, *paths.readable, *libraries]
        nodes = [str(source) for source, _ in preparing.gpus.nodes]
        writable = [*DEVICES, *paths.writable, *nodes]
        recording: Recording | None = None
        program = seccomp.program(families) if self._filter else b""
        if self._recording:
            recording = attempts.of_process(families, (*readable, *writable))
            program = recording.wall()
        command = resolve_command(spec.root, spec.argv, path)
        plan = {
            "argv": [command[0], *(paths.rewrite(argument) for argument in command[1:])],
            "environment": environment,
            "folder": paths.rewrite(spec.working_folder),
            "uid": uid if os.geteuid() == 0 else None,
            "cgroup": list(preparing.group.entries) if preparing.group else [],
            "rlimits": local.resource_limits(spec, preparing.group),
            "stage": None,
            "recorder": recording and recording.plan(),
            "guard": {
                "landlock": self._abi > 0,
                "readable": readable,
                "writable": writable,
                "filter": base64.b64encode(program).decode(),
            },
        }
        run = preparing.run = LocalRun(plan, (), preparing.group)
        pid = run.expect("pid")
        if pid is None or run.expect("gate") is None:
            said = (run.log_pipe.read(4096) or b"").decode("utf-8", "replace").strip()
            raise BoxNotAsAsked(f"{spec.label}: the walls could not be put up: {said}")
        walls = self._read_back(spec, preparing, pid, uid)
        run.go()
        lacks = self.lacking()
        if uid == 0:
            lacks += ("the box runs as root without capabilities: nobody cannot reach its image",)
        facts = BoxFacts(
            label=spec.label,
            backend=self.name,
            assurance=self.level,
            root_digest=spec.root.digest,
            walls=walls,
            lacking=lacks,
        )
        return preparing.watch(facts)

    def _read_back(self, spec: BoxSpec, preparing: Preparing, pid: int, uid: int) -> dict[str, str]:
        """What the kernel says of the process that waits at its gate."""
        expected = {
            **PROCESS_WALLS,
            **(local.expected_limits(spec) if preparing.group is not None else {}),
            "user": str(uid),
        }
        if os.geteuid() != 0:
            # Only root can empty the bounding set; without new privileges nothing comes from it.
            del expected["bounding capabilities"]
        if not self._filter:
            del expected["system call filter"]
        if self._recording:
            expected |= attempts.two_filters()
        observed = {**(process_walls(pid) or {}), **local.limits_walls(preparing.group)}
        require_same(spec.label, expected, observed)
        landlock = f"ABI {self._abi}" if self._abi else "none"
        return {**{wall: observed[wall] for wall in expected}, "Landlock": landlock}


def require_no_launcher(spec: BoxSpec) -> None:
    """Raises BoxNotAsAsked for a command that starts ranks: they would wait for one another."""
    words = " ".join(spec.argv).split()
    found = next((word for word in words if word.rpartition("/")[2] in LAUNCHERS), None)
    if found is not None:
        raise BoxNotAsAsked(
            f"{spec.label}: {found} needs a loopback, and an ordinary process has none of its own",
            remedy="install bubblewrap or Docker",
        )


class _Paths:
    """Box paths and the host paths they stand for."""

    def __init__(self, spec: BoxSpec, preparing: Preparing, uid: int) -> None:
        size = spec.limits.temporary_bytes
        owned = {name: preparing.place.make(name[1:], size, uid) for name in ("/tmp", "/cache")}
        self._places = {mount.target: mount.source for mount in spec.inputs}
        self.readable = [str(mount.source) for mount in spec.inputs]
        self.writable = [str(path) for path in owned.values()]
        if spec.output is not None:
            self._places[spec.output.target] = spec.output.source
            self.writable.append(str(spec.output.source))
        if spec.channel is not None:
            _require_short(spec.channel)
            self._places[CHANNEL] = spec.channel
            self.readable.append(str(spec.channel))
        self._places |= owned
        targets = sorted(self._places, key=len, reverse=True)
        choice = "|".join(re.escape(target) for target in targets)
        self._pattern = re.compile(rf"(?<![\w./-])(?:{choice})(?![\w.-])")

    def rewrite(self, text: str) -> str:
        """Each mount target that starts a path, replaced by its source."""
        return self._pattern.sub(lambda match: str(self._places[match.group()]), text)


def _require_short(channel: Path) -> None:
    """Raises StorageFault: a box that sees host paths cannot connect to a socket in that folder."""
    if len(os.fsencode(channel)) > CHANNEL_BYTES:
        raise StorageFault(
            f"{channel}: too long a path for the socket in it",
            remedy="set TMPDIR to a folder with a shorter name",
        )


def _reachable_uid(view: HostView) -> int:
    """Nobody; but who we are when that is not root, or when only root can reach the interpreter."""
    if os.geteuid() != 0:
        return os.geteuid()
    for path in (view.interpreter, view.interpreter.resolve()):
        if any(not _open_to_all(parent) for parent in path.parents):
            return os.geteuid()
    return local.NOBODY


def _open_to_all(folder: Path) -> bool:
    return folder.stat().st_mode & 0o001 != 0


def _filter_possible() -> bool:
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text(encoding="ascii")
        return "errno" in actions and bool(seccomp.machine())
    except (OSError, MachineFault):
        return False
