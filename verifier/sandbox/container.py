"""What became of one container? A `supervise.Run` on an engine, from its creation to its removal.

It is attached to before it starts, followed by a handle on its first process (never by a number
that may be given away), and killed by the engine, whole. Must never be believed by its word alone
that it is dead: the engine has to say so.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from verifier import owner
from verifier.errors import BoxLost, BoxNotAsAsked, RequestError
from verifier.sandbox import cgroup, local
from verifier.sandbox.boxlog import read_frames
from verifier.sandbox.cgroup import Cgroup, Usage
from verifier.sandbox.counts import NOT_COUNTED, Counts, of_group
from verifier.sandbox.engine import Asked

CALL_SECONDS = 60
OWNER_LABEL = "golf-verifier.owner"
DYING_SECONDS = 0.5
LOOK_SECONDS = 0.25
KILLED = 128 + 9
TAKEN_AWAY = frozenset({"removing", "dead"})
Faults = (DockerException, requests.exceptions.RequestException)


def in_words(fault: BaseException) -> str:
    """What the system said first, rather than what every layer made of it."""
    if isinstance(fault, requests.Timeout):
        return f"no answer within {CALL_SECONDS} s"
    first: BaseException | None = fault
    while first is not None:
        if isinstance(first, OSError) and first.strerror:
            return first.strerror
        first = first.__context__
    return str(fault)


class ContainerRun:
    """A container. A `supervise.Run`."""

    def __init__(self, api: docker.APIClient, group: Cgroup | None) -> None:
        """`group`: the control group that it is put into, removed with it."""
        self._api = api
        self.group = group
        self._id = ""
        self._command = ""
        self._watch = -1
        self._stream: socket.socket | None = None
        self._state: dict[str, Any] | None = None
        self._inner: Cgroup | None = None
        self._seen = Usage(None, None, 0)
        self._look_at = 0.0
        self._died = False
        self.pid = 0

    def create(self, asked: Asked) -> None:
        """Make the container; it does not run yet."""
        self._command = asked.spec.argv[0]
        created = self._api.create_container(
            asked.image,
            command=list(asked.spec.argv),
            environment=asked.environment,
            user=asked.user,
            working_dir=asked.spec.working_folder,
            hostname=local.HOSTNAME,
            labels={OWNER_LABEL: owner.mark()},
            host_config=self._api.create_host_config(**asked.host_config()),
            stdin_open=False,
            tty=False,
            network_disabled=False,
            use_config_proxy=False,
        )
        self._id = str(created["Id"])

    def inspect(self) -> dict[str, Any]:
        """The engine's own description. Raises BoxLost when it knows the box no more."""
        try:
            found: dict[str, Any] = self._api.inspect_container(self._id)
        except NotFound as fault:
            raise BoxLost("the engine no longer knows the box") from fault
        return found

    def attach(self) -> Iterator[bytes]:
        """What it will print. Must come before `start`, or its first words are lost."""
        wanted = {"stdout": 1, "stderr": 1, "stream": 1}
        answer = self._api.attach_socket(self._id, params=wanted)
        # The SDK shuts neither the answer nor its socket; a descriptor of our own outlives both.
        stream = self._stream = socket.socket(fileno=os.dup(answer.fileno()))
        stream.settimeout(None)
        answer._response.close()
        return read_frames(stream)

    def start(self) -> None:
        """Start it. Raises RequestError when the image lacks the command."""
        try:
            self._api.start(self._id)
        except APIError as fault:
            if fault.status_code == requests.codes.bad_request:
                raise RequestError(
                    f"{self._command}: the command cannot be run in the image",
                    remedy="`verifier image show` lists what is in it",
                ) from fault
            raise
        self.pid = int(self.inspect()["State"]["Pid"])
        if self.pid:
            self._follow()

    def _follow(self) -> None:
        """Hold on to the first process itself, not to its number."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            self._watch = os.pidfd_open(self.pid)
            group = cgroup.of(Path(f"/proc/{self.pid}/cgroup").read_text(encoding="ascii"))
            if all(self._id in str(folder) for folder in group.folders.values()):
                self._inner = group
            elif not self.ended(DYING_SECONDS):
                # One that is dying is in no group any more.
                raise BoxNotAsAsked("the engine's processes are not to be seen from here")

    def limits(self) -> dict[str, int]:
        """What the kernel holds the container to; nothing when it was gone too soon to see."""
        if self._inner is None:
            return {}
        held = self._inner.limits()
        # A group that is gone reads as one that is held to nothing.
        return held if all(place.is_dir() for place in self._inner.folders.values()) else {}

    def ended(self, timeout_seconds: float) -> bool:
        """Whether its first process is gone."""
        if self._watch < 0:
            return True
        poll = select.poll()
        poll.register(self._watch, select.POLLIN)
        gone = bool(poll.poll(timeout_seconds * 1000))
        if gone or time.monotonic() > self._look_at:
            self._look()
        return gone

    def _look(self) -> None:
        """The engine's own group dies with the container: keep what it counted last."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        if self._inner is not None:
            usage, seen = self._inner.usage(), self._seen
            if usage.cpu_seconds:
                self._seen = Usage(
                    usage.cpu_seconds,
                    usage.memory_peak_bytes or seen.memory_peak_bytes,
                    max(usage.memory_kills, seen.memory_kills),
                    max(usage.refused_processes, seen.refused_processes),
                )

    def kill(self) -> None:
        """Kill it and wait until the engine says that it is dead."""
        if not self._id or self._state is not None:
            return
        try:
            self._died = self.ended(0)
            if not self._died and not self._struck():
                with contextlib.suppress(APIError):
                    self._api.kill(self._id)
            if self.pid:
                self._api.wait(self._id, timeout=CALL_SECONDS)
            state = self.inspect()["State"]
        except Faults as fault:
            said = in_words(fault)
            raise BoxLost(f"the engine does not say how the box ended: {said}") from fault
        if state["Status"] in TAKEN_AWAY:
            raise BoxLost("somebody else took the box away")
        self._state = state

    def _struck(self) -> bool:
        """Whether its group is dead by our own hand: the engine starts a program to kill it."""
        if self.group is None:
            return False
        with contextlib.suppress(BoxLost):
            self.group.kill()
        return not self.group.processes() and self.ended(0)

    def exit_code(self) -> int | None:
        """The engine's word for it, once dead."""
        return None if self._state is None else int(self._state["ExitCode"])

    def usage(self) -> Usage:
        """What the box's control group counted, and the engine's within it as far as seen."""
        seen, usage = self._seen, self._seen
        kills = seen.memory_kills
        if self.group is not None:
            usage = self.group.usage()
            # Nothing in a container can kill its first process, and we did not while it ran.
            killed = self._died and self.exit_code() == KILLED and self.group.was_full()
            kills = max(kills, usage.memory_kills, int(killed))
        if self._state is not None and self._state.get("OOMKilled"):
            kills = max(kills, 1)
        refused = max(usage.refused_processes, seen.refused_processes)
        return Usage(usage.cpu_seconds, usage.memory_peak_bytes, kills, refused)

    def processes(self) -> set[int]:
        """Those in its control group, or at least the first."""
        seen = self._inner if self._inner is not None else self.group
        return {self.pid} if seen is None else seen.processes()

    def counts(self) -> Counts:
        """What our control group around it counted so far, else the engine's own."""
        seen = self.group if self.group is not None else self._inner
        return NOT_COUNTED if seen is None else of_group(seen)

    def remove(self) -> None:
        """Take container and control group away. Idempotent."""
        if self._id:
            with contextlib.suppress(*Faults):
                self._api.remove_container(self._id, force=True, v=True)
        if self._stream is not None:
            # Whoever reads the log is woken, and closes it.
            with contextlib.suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1
        if self.group is not None:
            self.group.remove()
