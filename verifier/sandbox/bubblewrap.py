"""L1: bubblewrap. Namespaces of its own, an empty root, one system call filter, limits.

Works for root (the box is nobody) and for an ordinary user (the box is that user, inside
namespaces). bwrap stops before the command starts; what it made is read back from the kernel then.
Must never mount anything of the host but the image or the interpreter's folders, read-only.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from verifier.errors import BoxLost, BoxNotAsAsked, MissingTool, StorageFault
from verifier.records import Assurance, BoxFacts, BoxSpec, Root
from verifier.sandbox import attempts, cgroup, local, output, seccomp
from verifier.sandbox.attempts import Recording
from verifier.sandbox.interface import Box
from verifier.sandbox.kept import LocalRun
from verifier.sandbox.layout import Layout, etc_with_hosts
from verifier.sandbox.local import Preparing
from verifier.sandbox.readback import (
    NAMESPACES,
    PROCESS_WALLS,
    children,
    mount_points,
    process_walls,
    require_same,
    separate_namespaces,
)
from verifier.sandbox.roots import host_view, require_folder

LOOK_SECONDS = 0.0005
READ_BACK_SECONDS = 5.0
# Another's mount that goes away while all are taken over fails a try, and says nothing of bwrap.
TRIES = 5


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
        self._recording: Recording | None = None
        # What gains rights when it is run gains none behind a filter of ours.
        if not os.stat(found).st_mode & stat.S_ISUID and attempts.possible():
            self._recording = attempts.of_namespaces()
        self._checked: dict[tuple[str, Path | None], Path | None] = {}
        local.sweep()

    def _try(self) -> None:
        command = [self._program, "--unshare-all", "--ro-bind", "/", "/", "true"]
        for _ in range(TRIES):
            tried = subprocess.run(command, capture_output=True, timeout=10, check=False)
            if tried.returncode == 0:
                return
        reason = tried.stderr.decode("utf-8", "replace").strip()
        raise MissingTool(f"bwrap does not work here: {reason}", remedy="allow user namespaces")

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        shared = local.shared_lacks(cgroup.possible())
        return (*shared, "the kernel is shared with the host; there is no second wall behind it")

    def prepare(self, root: Root) -> None:
        """Compare the unpacked image with its tar, once per folder. Raises ImageFault."""
        if root.folder is None and root.tar is None:
            host_view(root)
        elif (root.digest, root.folder) not in self._checked:
            self._checked[root.digest, root.folder] = self._etc(require_folder(root))

    def _etc(self, folder: Path) -> Path | None:
        """What boxes of this root see as /etc, gone with this backend; None: what it has."""
        place = local.new_place()
        weakref.finalize(self, place.remove)
        try:
            return etc_with_hosts(folder, place.folder)
        except (OSError, shutil.Error) as fault:
            raise StorageFault(f"{folder / 'etc'}: cannot be copied: {fault}") from fault

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box."""
        self.prepare(spec.root)
        spec = local.possible(spec)
        preparing = local.prepare_box(spec, local.box_uid())
        try:
            return self._start(spec, preparing)
        except BaseException:
            preparing.undo()
            raise

    def _start(self, spec: BoxSpec, preparing: Preparing) -> Box:
        layout = Layout(spec, preparing, self._checked.get((spec.root.digest, spec.root.folder)))
        recording = self._recording
        status, status_end = _pipe()
        block_end, block = _pipe()
        # Both stay open as long as the box: bwrap dies of a report of the end that nobody can
        # read, and lets the command go when its block is closed, that of a refused box too.
        preparing.place.held += [status, block]
        with status_end, block_end, tempfile.TemporaryFile() as filter_file:
            filter_file.write(recording.wall() if recording else seccomp.program())
            filter_file.seek(0)
            descriptors = (filter_file.fileno(), status_end.fileno(), block_end.fileno())
            plan = {
                "argv": [self._program, *layout.arguments(descriptors), "--", *layout.command()],
                "environment": {},
                "folder": "/",
                "uid": local.NOBODY if os.geteuid() == 0 else None,
                "cgroup": list(preparing.group.entries) if preparing.group else [],
                "rlimits": local.resource_limits(spec, preparing.group),
                "stage": layout.stage(),
                "recorder": recording and recording.plan(),
                "guard": None,
            }
            preparing.run = LocalRun(plan, descriptors, preparing.group)
        pid = _first_process(status.readline(), preparing.run)
        walls = self._before(spec, preparing, layout, pid)
        block.write(b"1")
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
        self, spec: BoxSpec, preparing: Preparing, layout: Layout, pid: int
    ) -> dict[str, str]:
        """Read back what stands before the command starts."""
        group = preparing.group
        expected = {
            **{f"{kind} namespace": "own" for kind in NAMESPACES},
            **(local.expected_limits(spec) if group is not None else {}),
            **{f"mount {place}": right for place, right in layout.rights().items()},
        }
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            points = {mount.place: mount for mount in mount_points(pid)}
            # bwrap has finished the mounts when its new root is read-only.
            if ("/" in points and points["/"].read_only) or time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        observed = {
            **(separate_namespaces(pid) or {}),
            **local.limits_walls(group),
            **{f"mount {place}": "ro" if m.read_only else "rw" for place, m in points.items()},
        }
        if spec.output is not None and preparing.output is not None and preparing.output.mounted:
            expected["output is"] = output.mount_name()
            place = points.get(spec.output.target)
            observed["output is"] = place.source if place is not None else ""
        require_same(spec.label, expected, observed)
        return {wall: observed[wall] for wall in expected}

    def _after(self, spec: BoxSpec, pid: int) -> dict[str, str]:
        """Read back what stands only once the command runs: of bwrap's reaper and its child."""
        expected = {**PROCESS_WALLS, "user": str(local.box_uid())}
        if self._recording is not None:
            expected |= attempts.two_filters()
        deadline = time.monotonic() + READ_BACK_SECONDS
        while (reaper := process_walls(pid)) is not None:
            commands = [process_walls(child) for child in children(pid)[:1]]
            both = [reaper, *(walls for walls in commands if walls is not None)]
            walled = all(_walled(walls, expected) for walls in both)
            if (walled and len(both) == 2) or time.monotonic() > deadline:
                for walls in both:
                    require_same(spec.label, expected, walls)
                return both[-1]
            time.sleep(LOOK_SECONDS)
        return {"process": "not read back: the command ended at once"}


def _walled(walls: Mapping[str, str], expected: Mapping[str, str]) -> bool:
    """Whether bwrap has laid its filter on; the one of the recorder lies there from the first."""
    if attempts.FILTERS in expected:
        return walls[attempts.FILTERS] == expected[attempts.FILTERS]
    return walls["system call filter"] != "0"


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """A pipe as (read end, write end), unbuffered."""
    reader, writer = os.pipe()
    return (
        cast("BinaryIO", open(reader, "rb", buffering=0)),
        cast("BinaryIO", open(writer, "wb", buffering=0)),
    )


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
