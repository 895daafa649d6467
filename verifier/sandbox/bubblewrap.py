"""L1: bubblewrap. Namespaces of its own, an empty root, one system call filter, limits.

Works for root (the box is nobody) and for an ordinary user (the box is that user, inside
namespaces). bwrap stops before the command starts; what it made is read back from the kernel then.
Must never mount anything of the host but the image or the interpreter's folders, read-only.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from verifier.errors import BoxLost, BoxNotAsAsked, MissingTool
from verifier.records import Assurance, BoxFacts, BoxSpec, Root
from verifier.sandbox import cgroup, local, output, seccomp
from verifier.sandbox.interface import Box
from verifier.sandbox.local import LocalRun, Preparing
from verifier.sandbox.readback import (
    NAMESPACES,
    PROCESS_WALLS,
    mount_rights,
    process_walls,
    require_same,
    separate_namespaces,
)
from verifier.sandbox.roots import (
    PYTHON_NAMES,
    HostView,
    host_view,
    require_folder,
    search_path,
)

OWN_FOLDERS = frozenset({"proc", "dev", "sys", "tmp", "cache", "run"})
CHANNEL = "/channel"
LOOK_SECONDS = 0.0005
READ_BACK_SECONDS = 5.0


class Bubblewrap:
    """The L1 backend."""

    name = "bubblewrap"
    level = Assurance.L1

    def __init__(self) -> None:
        """Raises MissingTool when bwrap is absent or this kernel does not let it work."""
        found = local.program("bwrap")
        if found is None:
            raise MissingTool("bwrap is not installed", remedy="apt-get install bubblewrap")
        self._program = found
        self._try()
        self._checked: set[str] = set()
        cgroup.sweep()
        output.sweep()

    def _try(self) -> None:
        command = [self._program, "--unshare-all", "--ro-bind", "/", "/", "true"]
        tried = subprocess.run(command, capture_output=True, timeout=10, check=False)
        if tried.returncode != 0:
            reason = tried.stderr.decode("utf-8", "replace").strip()
            raise MissingTool(f"bwrap does not work here: {reason}", remedy="allow user namespaces")

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        shared = local.shared_lacks(cgroup.possible())
        return (*shared, "the kernel is shared with the host; there is no second wall behind it")

    def prepare(self, root: Root) -> None:
        """Compare the unpacked image with its tar, once per digest. Raises ImageFault."""
        if root.folder is None and root.tar is None:
            host_view(root)
        elif root.digest not in self._checked:
            require_folder(root)
            self._checked.add(root.digest)

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box."""
        self.prepare(spec.root)
        preparing = local.prepare_box(spec, local.box_uid())
        try:
            return self._start(spec, preparing)
        except BaseException:
            preparing.undo()
            raise

    def _start(self, spec: BoxSpec, preparing: Preparing) -> Box:
        layout = _Layout(spec, preparing)
        block_read, block_write = os.pipe()
        status_read, status_write = os.pipe()
        with tempfile.TemporaryFile() as filter_file:
            filter_file.write(seccomp.program())
            filter_file.seek(0)
            descriptors = (filter_file.fileno(), status_write, block_read)
            plan = {
                "argv": [self._program, *layout.arguments(descriptors), "--", *layout.command()],
                "environment": {},
                "folder": "/",
                "uid": local.NOBODY if os.geteuid() == 0 else None,
                "cgroup": list(preparing.group.entries) if preparing.group else [],
                "rlimits": local.resource_limits(spec, preparing.group),
                "stage": layout.stage(),
                "guard": None,
            }
            try:
                preparing.run = LocalRun(plan, descriptors, preparing.group)
            finally:
                os.close(status_write)
                os.close(block_read)
        with open(status_read, "rb", buffering=0) as status, open(block_write, "wb") as block:
            pid = _first_process(status.readline(), preparing.run)
            walls = self._before(spec, preparing, layout, pid)
            block.write(b"1")
            block.flush()
            walls |= self._after(spec, pid)
        facts = BoxFacts(
            label=spec.label,
            backend=self.name,
            assurance=self.level,
            root_digest=spec.root.digest,
            walls=walls,
            lacking=self.lacking(),
        )
        return preparing.watch(facts)

    def _before(
        self, spec: BoxSpec, preparing: Preparing, layout: _Layout, pid: int
    ) -> dict[str, str]:
        """Read back what stands before the command starts."""
        expected = {
            **{f"{kind} namespace": "own" for kind in NAMESPACES},
            **local.expected_limits(spec, preparing.group),
            **{f"mount {place}": right for place, right in layout.rights().items()},
        }
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            rights = mount_rights(pid)
            # bwrap has finished the mounts when its new root is read-only.
            if rights.get("/") == "ro" or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        observed = {
            **(separate_namespaces(pid) or {}),
            **local.limits_walls(preparing.group),
            **{f"mount {place}": right for place, right in rights.items()},
        }
        require_same(spec.label, expected, observed)
        return {wall: observed[wall] for wall in expected}

    def _after(self, spec: BoxSpec, pid: int) -> dict[str, str]:
        """Read back what stands only once the command runs."""
        expected = {**PROCESS_WALLS, "user": str(local.box_uid())}
        deadline = time.monotonic() + READ_BACK_SECONDS
        while (walls := process_walls(pid)) is not None:
            if walls["system call filter"] != "0" or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        if walls is None:
            return {"process": "not read back: the command ended at once"}
        require_same(spec.label, expected, walls)
        return walls


class _Layout:
    """What goes where in the box, as bwrap's arguments."""

    def __init__(self, spec: BoxSpec, preparing: Preparing) -> None:
        self._spec = spec
        self._stage = preparing.place.make("stage") if os.geteuid() == 0 else None
        self._binds: list[tuple[str, str]] = []
        self._view: HostView | None = None
        if spec.root.folder is None:
            self._view = host_view(spec.root)

    def command(self) -> tuple[str, ...]:
        argv = self._spec.argv
        if self._view is not None and argv[0] in PYTHON_NAMES:
            return (str(self._view.interpreter), *argv[1:])
        return argv

    def _source(self, source: Path) -> str:
        """Where bwrap finds a host path: itself, or where root's keeper staged it."""
        if self._stage is None:
            return str(source)
        name = str(len(self._binds))
        self._binds.append((str(source), name))
        return f"{self._stage}/{name}"

    def stage(self) -> dict[str, object] | None:
        if self._stage is None:
            return None
        return {"at": str(self._stage), "binds": self._binds}

    def rights(self) -> dict[str, str]:
        """Every mount a submission cares about, and whether it may be written."""
        rights = {"/": "ro", "/tmp": "rw", "/cache": "rw", "/dev/shm": "rw"}
        rights |= {mount.target: "ro" for mount in self._spec.inputs}
        if self._spec.output is not None:
            rights[self._spec.output.target] = "rw"
        if self._spec.channel is not None:
            rights[CHANNEL] = "ro"
        return rights

    def arguments(self, descriptors: tuple[int, int, int]) -> list[str]:
        spec = self._spec
        temporary = str(spec.limits.temporary_bytes)
        arguments = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        arguments += ["--hostname", local.HOSTNAME, "--clearenv"]
        path = search_path(spec.root)
        environment = local.base_environment(spec, path, "/tmp", CHANNEL)
        for name, value in environment.items():
            arguments += ["--setenv", name, value]
        arguments += self._root()
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        for place in ("/dev/shm", "/tmp", "/cache"):
            arguments += ["--size", temporary, "--tmpfs", place]
        for mount in spec.inputs:
            arguments += ["--ro-bind", self._source(mount.source), mount.target]
        if spec.output is not None:
            arguments += ["--bind", self._source(spec.output.source), spec.output.target]
        if spec.channel is not None:
            arguments += ["--ro-bind", self._source(spec.channel), CHANNEL]
        arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec.working_folder]
        names = ("--seccomp", "--json-status-fd", "--block-fd")
        for name, descriptor in zip(names, descriptors, strict=True):
            arguments += [name, str(descriptor)]
        return arguments

    def _root(self) -> list[str]:
        """The root file system, entry by entry, so that mount points can be made beside them."""
        arguments: list[str] = []
        folder = self._spec.root.folder
        if folder is None:
            assert self._view is not None
            entries = [(path, str(path)) for path in self._view.paths]
        else:
            entries = [
                (path, f"/{path.name}")
                for path in sorted(folder.iterdir())
                if path.name not in OWN_FOLDERS
            ]
        for path, target in entries:
            if path.is_symlink():
                arguments += ["--symlink", os.readlink(path), target]
            else:
                arguments += ["--ro-bind", self._source(path), target]
        return arguments


def _first_process(line: bytes, run: LocalRun) -> int:
    """The host's number of the box's first process, as bwrap reports it."""
    if not line:
        run.ended(READ_BACK_SECONDS)
        said = (run.log_pipe.read(4096) or b"").decode("utf-8", "replace").strip()
        raise BoxNotAsAsked(f"bwrap could not make the box: {said}")
    try:
        return int(json.loads(line)["child-pid"])
    except (ValueError, KeyError) as fault:
        raise BoxLost("bwrap's report cannot be read") from fault
