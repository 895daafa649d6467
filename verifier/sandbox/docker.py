"""L2: a hardened container. Asks the engine for a box, reads back what it made, watches it end.

1. Import the image, once per digest (`enginestore`).
2. Create the container, within a control group of ours where the engine takes one (`container`).
3. Compare the engine's description with what was asked (`engine`), before anything runs.
4. Attach, start, and compare what the kernel says of the running command.

Containers and groups of verifiers that were killed are swept when a backend is opened. Must never
start a box that differs from the one asked for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import weakref
from collections.abc import Mapping
from typing import Any

import docker
import requests
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.utils import kwargs_from_env

from verifier import owner
from verifier.errors import BoxLost, EngineUnavailable
from verifier.records import Assurance, BoxFacts, BoxSpec, Limits, Root
from verifier.sandbox import cgroup, gpus, local, names, output, seccomp
from verifier.sandbox.boxlog import BoxLog
from verifier.sandbox.cgroup import Cgroup
from verifier.sandbox.container import (
    CALL_SECONDS,
    DYING_SECONDS,
    OWNER_LABEL,
    ContainerRun,
    Faults,
    in_words,
)
from verifier.sandbox.engine import Asked, gpu_way, made
from verifier.sandbox.enginestore import EngineStore
from verifier.sandbox.interface import Box
from verifier.sandbox.output import Output
from verifier.sandbox.readback import (
    PROCESS_WALLS,
    is_leaving,
    mount_points,
    process_walls,
    require_same,
    separate_namespaces,
)
from verifier.sandbox.supervise import Started, WatchedBox

ANSWER_SECONDS = 1.8
OLDEST = "1.41"
# The engine shares user and control group namespace with the host unless told otherwise.
OWN_NAMESPACES = ("ipc", "mnt", "net", "pid", "uts")
FORBIDDEN = os.strerror(errno.EACCES)
ENDED_AT_ONCE = {"process": "not read back: the command ended at once"}


class Docker:
    """The L2 backend."""

    name = "docker"
    level = Assurance.L2
    # How the mounts of inputs and output are told apart: by whether they are read-only.
    _access: Mapping[bool, str] = {True: "ro", False: "rw"}

    def __init__(self, runtime: str | None = None) -> None:
        """`runtime`: the engine's name of a runtime other than its default.

        Raises EngineUnavailable, within two seconds, when no engine answers.
        """
        self._api = _connected()
        self.close = weakref.finalize(self, self._api.close)
        try:
            self._info: dict[str, Any] = self._api.info()
        except Faults as fault:
            self.close()
            raise _unanswered(_in_words(fault)) from fault
        self._runtime = runtime or str(self._info["DefaultRuntime"])
        self._store = EngineStore(self._api)
        self._sweep()

    def described(self) -> Mapping[str, Any]:
        """What the engine says of itself and its machine."""
        return self._info

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        shared = "the kernel is shared with the host; there is no second wall behind it"
        return (shared, local.LOCKS, *self._shared_lacks())

    def _shared_lacks(self) -> tuple[str, ...]:
        """What no runtime makes good."""
        if output.mountable():
            return names.lacks()
        counted = "output is counted by a watcher, not bounded by a file system"
        return (counted, *names.lacks())

    def prepare(self, root: Root) -> None:
        """Import the tar of `root`, once per digest. Raises ImageFault."""
        self._image(root)

    def _image(self, root: Root) -> str:
        try:
            return self._store.image(root)
        except Faults as fault:
            raise EngineUnavailable(
                f"the engine could not take the image: {in_words(fault)}"
            ) from fault

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box."""
        spec = local.possible(spec)
        image = self._image(spec.root)
        began = time.monotonic()
        run = ContainerRun(self._api, self._group(spec.limits))
        folder: Output | None = None
        try:
            if spec.output is not None:
                folder = output.open_output(spec.output, spec.limits, local.box_uid())
            parent = f"/{run.group.name}" if run.group is not None else ""
            cpus, way = int(self._info["NCPU"]), gpu_way(self._info)
            asked = Asked(spec, image, parent, cpus, self._runtime, self._profile(), way)
            return self._start(asked, run, folder, began)
        except BaseException as fault:
            with contextlib.suppress(BoxLost):
                run.kill()
            run.remove()
            if folder is not None:
                folder.discard()
            if isinstance(fault, Faults):
                raise EngineUnavailable(f"the engine made no box: {in_words(fault)}") from fault
            raise

    def _start(self, asked: Asked, run: ContainerRun, folder: Output | None, began: float) -> Box:
        spec = asked.spec
        run.create(asked)
        expected = asked.walls()
        observed = made(run.inspect())
        require_same(spec.label, expected, observed)
        log = BoxLog(run.attach(), spec.limits.log_bytes)
        run.start()
        running = time.monotonic()
        kernel = self._read_back(asked, run, folder)
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
                log=log,
                output=folder,
                began=began,
                running=running,
                release=lambda: None,
            )
        )

    def _read_back(self, asked: Asked, run: ContainerRun, folder: Output | None) -> dict[str, str]:
        """What the kernel says of the running command."""
        spec = asked.spec
        points = {mount.place: mount for mount in mount_points(self._files_of(run))}
        gpus.require_no_services(spec.label, points)
        expected, observed = self._walls_of(asked, run)
        expected |= {
            **{f"held to {name}": value for name, value in local.expected_limits(spec).items()},
            "mount /": "ro",
            **{f"mount {place}": self._access[closed] for _, place, closed in asked.binds},
        }
        observed |= {
            **{f"held to {name}": str(value) for name, value in run.limits().items()},
            **{f"mount {place}": self._access[m.read_only] for place, m in points.items()},
        }
        if "/" in points:
            observed["mount /"] = "ro" if points["/"].read_only else "rw"
        if folder is not None and folder.mounted and spec.output is not None:
            expected["output is"] = output.mount_name()
            if spec.output.target in points:
                observed["output is"] = points[spec.output.target].source
        # Of what is gone nothing can be read; what was read counts, whatever became of it.
        read = {wall: state for wall, state in expected.items() if wall in observed}
        require_same(spec.label, read, observed)
        if read != expected and self._is_leaving(run) and run.ended(DYING_SECONDS):
            return dict(ENDED_AT_ONCE)
        require_same(spec.label, expected, observed)
        return {wall: observed[wall] for wall in expected}

    def _profile(self) -> str:
        """The system call filter, as the runtime reads it."""
        return seccomp.docker_profile()

    def _files_of(self, run: ContainerRun) -> int:
        """The process whose mounts are the box's."""
        return run.pid

    def _is_leaving(self, run: ContainerRun) -> bool:
        """Whether what would be read is going away."""
        return is_leaving(run.pid)

    def _walls_of(self, asked: Asked, run: ContainerRun) -> tuple[dict[str, str], dict[str, str]]:
        """(expected, observed) of the command's process."""
        uid = str(local.box_uid())
        walls = process_walls(run.pid) or {}
        expected = {
            **{f"process: {wall}": state for wall, state in PROCESS_WALLS.items()},
            "process: user": uid,
            "process: groups": uid,
            **{f"{kind} namespace": "own" for kind in OWN_NAMESPACES},
        }
        observed = {
            **{f"process: {wall}": state for wall, state in walls.items()},
            **(separate_namespaces(run.pid) or {}),
        }
        # Engines differ in whether a user's own group is among his further ones.
        observed["process: groups"] = observed.get("process: groups") or uid
        return expected, observed

    def _group(self, limits: Limits) -> Cgroup | None:
        """The control group to put a box into; None where the engine takes none of ours."""
        if os.geteuid() != 0 or self._info.get("CgroupDriver") != "cgroupfs":
            return None
        return cgroup.create(f"{time.monotonic_ns():x}", limits)

    def _sweep(self) -> None:
        """Remove what verifiers left that are gone: first what holds on to the rest."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(*Faults):
            found = self._api.containers(all=True, filters={"label": OWNER_LABEL})
        for container in found:
            # Another verifier that starts now may be at the same one.
            with contextlib.suppress(*Faults):
                if owner.is_gone(container["Labels"][OWNER_LABEL]):
                    self._api.remove_container(container["Id"], force=True, v=True)
        local.sweep()


def _connected() -> docker.APIClient:
    """A client of the engine the environment names. Raises EngineUnavailable."""
    try:
        settings = kwargs_from_env()
        _require_listener(str(settings.get("base_url", DEFAULT_UNIX_SOCKET)))
        # A client that asks for the version while it is made is never closed when that fails.
        probe = docker.APIClient(version=OLDEST, timeout=ANSWER_SECONDS, **settings)  # type: ignore[arg-type]  # the stub knows whole seconds only
        with contextlib.closing(probe):
            said: Any = probe.version(api_version=False)
        version = str(said["ApiVersion"])
        if probe.base_url.startswith("https"):
            raise _unanswered("it is behind TLS, and so not on this machine")
        return docker.APIClient(version=version, timeout=CALL_SECONDS, **settings)
    except (KeyError, TypeError, ValueError) as fault:
        raise _unanswered("what answers is no engine") from fault
    except (OSError, *Faults) as fault:
        raise _unanswered(_in_words(fault)) from fault


def _in_words(fault: BaseException) -> str:
    """The same of a call that may take no longer than `ANSWER_SECONDS`."""
    if isinstance(fault, requests.Timeout):
        return f"no answer within {ANSWER_SECONDS:g} s"
    return in_words(fault)


def _require_listener(address: str) -> None:
    """Raises OSError when nobody listens there: the SDK leaves a refused Unix socket open."""
    _, unix, path = address.partition("unix://")
    if unix:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(ANSWER_SECONDS)
            stream.connect(path)


def _unanswered(reason: str) -> EngineUnavailable:
    address = os.environ.get("DOCKER_HOST", DEFAULT_UNIX_SOCKET)
    return EngineUnavailable(
        f"no container engine answers at {address}: {reason}",
        remedy=f"{'join its group' if reason == FORBIDDEN else 'start Docker'}, or --backend local",
    )
