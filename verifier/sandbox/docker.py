"""L2: a hardened container. Asks the engine for a box, reads back what it made, watches it end.

Containers and groups of verifiers that were killed are swept at the next start; an image is made
once per digest from the tar itself, and its name is never taken as proof of its content. Must
never run an image that another hand put under our name, nor start a box that differs from the
one asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from verifier.errors import BoxLost, BoxNotAsAsked, EngineUnavailable, ImageFault
from verifier.records import Assurance, BoxFacts, BoxSpec, Root
from verifier.sandbox import cgroup, local, output
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.cgroup import Cgroup, Usage
from verifier.sandbox.engine import Asked, made
from verifier.sandbox.interface import Box
from verifier.sandbox.output import Output
from verifier.sandbox.readback import PROCESS_WALLS, mount_rights, process_walls, require_same
from verifier.sandbox.supervise import Started, WatchedBox

PING_SECONDS = 2
CALL_SECONDS = 60
REPOSITORY = "golf-verifier-root"
ROOT_LABEL = "golf-verifier.root"
OWNER_LABEL = "golf-verifier.owner"
BLOCK_BYTES = 1 << 20
Faults = (DockerException, requests.exceptions.RequestException)


class Docker:
    """The L2 backend."""

    name = "docker"
    level = Assurance.L2

    def __init__(self, runtime: str | None = None) -> None:
        """`runtime`: the engine's name of a runtime other than its default.

        Raises EngineUnavailable, within two seconds, when no engine answers.
        """
        self._runtime = runtime
        try:
            with contextlib.closing(docker.from_env(timeout=PING_SECONDS)) as client:
                client.api.ping()
            self._api = docker.from_env(timeout=CALL_SECONDS).api
            self._info: dict[str, Any] = self._api.info()
        except Faults as fault:
            raise EngineUnavailable(
                f"no container engine answers: {fault}", remedy="start Docker, or --backend local"
            ) from fault
        self._images: dict[str, str] = {}
        self._sweep()

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        lacks = ["the kernel is shared with the host; there is no second wall behind it"]
        if not output.mountable():
            lacks.append("output is counted by a watcher, not bounded by a file system")
        return tuple(lacks)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._api.close()

    # ---------------------------------------------------------------- images

    def prepare(self, root: Root) -> None:
        """Import the tar of `root`, once per digest. Raises ImageFault."""
        if root.digest in self._images:
            return
        try:
            self._images[root.digest] = self._known(root) or self._import(root)
        except Faults as fault:
            raise EngineUnavailable(f"the engine could not take the image: {fault}") from fault

    def _known(self, root: Root) -> str | None:
        try:
            image: dict[str, Any] = self._api.inspect_image(  # type: ignore[no-untyped-call]
                f"{REPOSITORY}:{root.digest[:32]}"
            )
        except ImageNotFound:
            return None
        labels = image["Config"].get("Labels") or {}
        return str(image["Id"]) if labels.get(ROOT_LABEL) == root.digest else None

    def _import(self, root: Root) -> str:
        """Hash the very bytes that go to the engine; only then give the image its name."""
        if root.tar is None:
            raise ImageFault(
                f"a container needs an image file, and {root.digest!r} has none",
                remedy="--image pinned, or --backend local",
            )
        digest = hashlib.sha256()
        label = [f"LABEL {ROOT_LABEL}={root.digest}"]
        said = self._api.import_image_from_stream(_hashed(root.tar, digest), changes=label)
        image = _imported(str(said))
        if digest.hexdigest() != root.digest:
            self._api.remove_image(image, force=True)
            raise ImageFault(
                f"{root.tar}: its sha256 is {digest.hexdigest()}, not {root.digest}",
                remedy="delete it; `verifier image build` makes it again",
            )
        self._api.tag(image, REPOSITORY, root.digest[:32])
        return image

    # ---------------------------------------------------------------- boxes

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box."""
        self.prepare(spec.root)
        began = time.monotonic()
        local.require_readable(spec)
        label = f"{time.monotonic_ns():x}"
        group = cgroup.create(label, spec.limits) if self._groups() else None
        run = ContainerRun(self._api, group)
        folder: Output | None = None
        try:
            if spec.output is not None:
                folder = output.open_output(spec.output, spec.limits, local.box_uid())
            parent = f"/{group.name}" if group is not None else ""
            image, cpus = self._images[spec.root.digest], int(self._info["NCPU"])
            asked = Asked(spec, image, parent, cpus, self._runtime)
            return self._start(asked, run, folder, began)
        except BaseException as fault:
            with contextlib.suppress(BoxLost):
                run.kill()
            run.remove()
            if folder is not None:
                folder.keep()
            if isinstance(fault, Faults):
                raise EngineUnavailable(f"the engine made no box: {fault}") from fault
            raise

    def _start(self, asked: Asked, run: ContainerRun, folder: Output | None, began: float) -> Box:
        spec = asked.spec
        run.create(asked)
        expected = asked.walls()
        observed = made(run.inspect())
        require_same(spec.label, expected, observed)
        blocks = run.start()
        running = time.monotonic()
        kernel = self._read_back(asked, run)
        facts = BoxFacts(
            label=spec.label,
            backend=self.name,
            assurance=self.level,
            root_digest=spec.root.digest,
            walls={**{wall: observed[wall] for wall in expected}, **kernel},
            lacking=self.lacking(),
        )
        return WatchedBox(
            Started(
                run=run,
                facts=facts,
                limits=spec.limits,
                log=BoxLog(blocks, spec.limits.log_bytes),
                output=folder,
                began=began,
                running=running,
                release=lambda: None,
            )
        )

    def _read_back(self, asked: Asked, run: ContainerRun) -> dict[str, str]:
        """What the kernel says of the running command."""
        spec = asked.spec
        walls, rights = process_walls(run.pid), mount_rights(run.pid)
        if walls is None or not rights:
            return {"process": "not read back: the command ended at once"}
        expected = {
            **{f"process: {wall}": state for wall, state in PROCESS_WALLS.items()},
            "process: user": str(local.box_uid()),
            "mount /": "ro",
            **{
                f"mount {target}": "ro" if read_only else "rw"
                for _, target, read_only in asked.binds
            },
        }
        observed = {
            **{f"process: {wall}": state for wall, state in walls.items()},
            **{f"mount {place}": right for place, right in rights.items()},
        }
        # The process may be gone halfway through; then nothing that ran is left to be refused.
        if run.ended(0):
            return {"process": "not read back: the command ended at once"}
        require_same(spec.label, expected, observed)
        return {wall: observed[wall] for wall in expected}

    def _groups(self) -> bool:
        """Whether the engine can put a box into a control group of ours."""
        return os.geteuid() == 0 and self._info.get("CgroupDriver") == "cgroupfs"

    def _sweep(self) -> None:
        """Remove what verifiers left that were killed."""
        cgroup.sweep()
        output.sweep()
        here, _, _ = _owner().split(":")
        with contextlib.suppress(*Faults):
            for found in self._api.containers(all=True, filters={"label": OWNER_LABEL}):
                space, pid, started = found["Labels"][OWNER_LABEL].split(":")
                if space == here and _start_time(pid) != started:
                    self._api.remove_container(found["Id"], force=True, v=True)


class ContainerRun:
    """A container. A `supervise.Run`."""

    def __init__(self, api: docker.APIClient, group: Cgroup | None) -> None:
        """`group`: the control group that it is put into, removed with it."""
        self._api = api
        self._group = group
        self._id = ""
        self._watch = -1
        self._state: dict[str, Any] | None = None
        self._sampled = Usage(None, None, 0)
        self._seen: Cgroup | None = None
        self.pid = 0

    def create(self, asked: Asked) -> None:
        """Make the container; it does not run yet."""
        created = self._api.create_container(
            asked.image,
            command=list(asked.spec.argv),
            environment=asked.environment,
            user=asked.user,
            working_dir=asked.spec.working_folder,
            hostname=local.HOSTNAME,
            labels={OWNER_LABEL: _owner()},
            host_config=self._api.create_host_config(**asked.host_config()),
            stdin_open=False,
            tty=False,
            network_disabled=False,
        )
        self._id = str(created["Id"])

    def inspect(self) -> dict[str, Any]:
        """The engine's own description. Raises BoxLost when it knows the box no more."""
        try:
            found: dict[str, Any] = self._api.inspect_container(self._id)
        except NotFound as fault:
            raise BoxLost("the engine no longer knows the box") from fault
        return found

    def start(self) -> Iterator[bytes]:
        """Start it; the blocks it prints. Raises ImageFault when the image lacks the command."""
        blocks: Iterator[bytes] = self._api.attach(
            self._id, stdout=True, stderr=True, stream=True, logs=False
        )
        try:
            self._api.start(self._id)
        except APIError as fault:
            if fault.status_code == requests.codes.bad_request:
                raise ImageFault(f"the command cannot be run: {fault.explanation}") from fault
            raise
        state = self.inspect()["State"]
        self.pid = int(state["Pid"])
        if self.pid:
            self._follow()
        return blocks

    def _follow(self) -> None:
        """Hold on to the first process itself, not to its number."""
        with contextlib.suppress(ProcessLookupError):
            self._watch = os.pidfd_open(self.pid)
            try:
                member = Path(f"/proc/{self.pid}/cgroup").read_text(encoding="ascii")
            except (FileNotFoundError, ProcessLookupError):
                return
            if self._id not in member and process_walls(self.pid) is not None:
                raise BoxNotAsAsked("the engine's processes are not to be seen from here")
            if self._group is None:
                self._seen = cgroup.of(member)

    def ended(self, timeout_seconds: float) -> bool:
        """Whether its first process is gone."""
        if self._watch < 0:
            return True
        if self._seen is not None:
            self._sample(self._seen)
        poll = select.poll()
        poll.register(self._watch, select.POLLIN)
        return bool(poll.poll(timeout_seconds * 1000))

    def _sample(self, group: Cgroup) -> None:
        """Without a group of ours the counts die with the container: keep the last ones."""
        usage = group.usage()
        if usage.cpu_seconds:
            self._sampled = usage

    def kill(self) -> None:
        """Kill it and wait until the engine says that it is dead."""
        if not self._id or self._state is not None:
            return
        try:
            if not self.ended(0):
                with contextlib.suppress(APIError):
                    self._api.kill(self._id)
            if self.pid:
                self._api.wait(self._id, timeout=CALL_SECONDS)
            self._state = self.inspect()["State"]
        except Faults as fault:
            raise BoxLost(f"the engine does not say how the box ended: {fault}") from fault

    def exit_code(self) -> int | None:
        """The engine's word for it, once dead."""
        return None if self._state is None else int(self._state["ExitCode"])

    def usage(self) -> Usage:
        """What the box's control group counted."""
        usage = self._group.usage() if self._group is not None else self._sampled
        kills = usage.memory_kills + bool(self._state and self._state.get("OOMKilled"))
        return Usage(usage.cpu_seconds, usage.memory_peak_bytes, kills)

    def remove(self) -> None:
        """Take container and control group away."""
        if self._id:
            with contextlib.suppress(*Faults):
                self._api.remove_container(self._id, force=True, v=True)
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1
        if self._group is not None:
            self._group.remove()


def _hashed(path: Path, digest: Any) -> Iterator[bytes]:
    """The blocks of a file, hashed as they go by. Raises ImageFault."""
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                yield block
    except OSError as fault:
        raise ImageFault(f"{path}: cannot be read: {fault.strerror}") from fault


def _imported(said: str) -> str:
    """The image's id out of the engine's answer to an import."""
    for line in said.splitlines():
        found = json.loads(line)
        if "error" in found:
            raise ImageFault(f"the engine could not take the image: {found['error']}")
        if str(found.get("status", "")).startswith("sha256:"):
            return str(found["status"])
    raise ImageFault("the engine did not say which image it made")


def _owner() -> str:
    """Who we are, so that nobody else with our number is taken for us."""
    space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return f"{space}:{os.getpid()}:{_start_time(str(os.getpid()))}"


def _start_time(pid: str) -> str:
    """When a process started, in the kernel's ticks; "" when there is none."""
    try:
        text = Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rsplit(")", 1)[1].split()[19]
