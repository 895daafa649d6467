"""L3: a container with a kernel of its own. The engine's boxes, made by gVisor's runtime `runsc`.

The command runs on a kernel written anew (the *sandbox* process), which reaches files through a
second process (the *gofer*); each has a system call filter of its own. The host's kernel sees these
two and never the command, so the read-back is of them: their flags, filters and namespaces, and the
gofer's mounts, which are all that the box can reach. That the command itself is held to what the
engine was asked for, only probes in a box can show. Must never start a box whose runtime has a
setting it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.errors import BoxNotAsAsked, MissingTool
from verifier.records import Assurance, BoxSpec
from verifier.sandbox import seccomp
from verifier.sandbox.container import ContainerRun
from verifier.sandbox.docker import Docker
from verifier.sandbox.engine import Asked
from verifier.sandbox.interface import Box
from verifier.sandbox.readback import is_leaving, process_walls, separate_namespaces

RUNTIME = "runsc"
# The submission's own filter inside, the scorer's Unix socket, and no network but its loopback.
FILTERED, CHANNEL, OFFLINE = "--oci-seccomp", "--host-uds=open", "--network=none"
ARGUMENTS = (FILTERED, CHANNEL, OFFLINE)
# `--network=host` would open the host's; `--platform=kvm` was seen to hang (ADR 0014).
KNOWN = frozenset({*ARGUMENTS, "--platform=ptrace", "--platform=systrap"})
SANDBOX, GOFER = "runsc-sandbox", "runsc-gofer"
# What the host counts as the sandbox's own tasks, and for each process of a box (ADR 0014).
OWN_TASKS, TASKS_PER_PROCESS = 64, 6
READ_BACK = {"no new privileges": "1", "system call filter": "2"}
OWN_NAMESPACES = ("ipc", "mnt", "net", "user", "uts")
LACKS = (
    "user, capabilities and filter of the command are not read back: the host sees the sandbox",
    "that inputs are read-only is gVisor's word, not the kernel's",
    "gVisor's own tasks are counted as processes, and a box with too many dies whole",
    "threads are bounded by memory, not by their number: gVisor's kernel keeps those that wait",
    "gVisor's own kernel has fuse, tun, device nodes and priorities for all; none is the host's",
)


class GVisor(Docker):
    """The L3 backend."""

    name = "gvisor"
    level = Assurance.L3
    # The gofer itself refuses to write to inputs; the kernel's mounts of them are writable.
    _access: Mapping[bool, str] = {True: "there", False: "there"}

    def __init__(self) -> None:
        """Raises what `Docker` does, and what `require_fit` does of a runtime that will not do."""
        super().__init__(RUNTIME)
        try:
            require_fit(self._info.get("Runtimes") or {})
        except (BoxNotAsAsked, MissingTool):
            self.close()
            raise

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have here."""
        return (*LACKS, *self._shared_lacks())

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box. There is no way for a GPU into it."""
        if spec.gpus:
            raise BoxNotAsAsked(
                f"{spec.label}: a GPU cannot go into gVisor's boxes", remedy="--backend docker"
            )
        limits = spec.limits
        if limits.pids > 0:
            limits = replace(limits, pids=tasks(limits.pids))
        return super().start(replace(spec, limits=limits))

    def _profile(self) -> str:
        """`runsc` takes every refusal for EPERM, at which programs do not fall back."""
        return seccomp.docker_profile(refusal=seccomp.TO_NO_TRACER)

    def _walls_of(self, asked: Asked, run: ContainerRun) -> tuple[dict[str, str], dict[str, str]]:
        """(expected, observed) of the two processes around the command."""
        flags = [flag.removeprefix("--").partition("=") for flag in (FILTERED, CHANNEL)]
        expected = {
            **{f"sandbox: {name}": value or "true" for name, _, value in flags},
            **{f"sandbox: {wall}": state for wall, state in READ_BACK.items()},
            **{f"gofer: {wall}": state for wall, state in READ_BACK.items()},
            **{f"{kind} namespace": "own" for kind in OWN_NAMESPACES},
        }
        observed = {f"sandbox: {name}": value for name, value in flags_of(run.pid).items()}
        for part, pid in (("sandbox", run.pid), ("gofer", self._files_of(run))):
            walls = process_walls(pid) or {}
            observed |= {f"{part}: {wall}": state for wall, state in walls.items()}
        return expected, {**observed, **(separate_namespaces(run.pid) or {})}

    def _is_leaving(self, run: ContainerRun) -> bool:
        """Whether either of the two is: which of them goes first is not said anywhere."""
        return is_leaving(run.pid) or is_leaving(self._files_of(run))

    def _files_of(self, run: ContainerRun) -> int:
        """The gofer: its mounts are the command's. 0 where there is none."""
        return next((pid for pid in run.processes() if words_of(pid)[:1] == [GOFER]), 0)


def tasks(processes: int) -> int:
    """How many of the host's tasks a box of so many processes may take."""
    return OWN_TASKS + TASKS_PER_PROCESS * processes


def settings() -> dict[str, Any]:
    """What an engine's `daemon.json` must hold for these boxes."""
    return {"runtimes": {RUNTIME: {"path": "/usr/bin/runsc", "runtimeArgs": list(ARGUMENTS)}}}


def require_fit(runtimes: Mapping[str, Any]) -> None:
    """Raises MissingTool without the runtime, BoxNotAsAsked for one with other settings.

    `runtimes`: what the engine says of those it knows.
    """
    remedy = f"install runsc, and start dockerd with {json.dumps(settings())} in its daemon.json"
    if RUNTIME not in runtimes:
        raise MissingTool(f"the engine knows no runtime {RUNTIME}", remedy=remedy)
    given = {_canonical(flag) for flag in runtimes[RUNTIME].get("runtimeArgs") or ()}
    needed = [flag for flag in (FILTERED, CHANNEL) if flag not in given]
    unknown = sorted(given - KNOWN)
    if needed or unknown:
        wrong = [f"lacks {flag}" for flag in needed]
        wrong += [f"has {flag}, whose effect on a box is not known" for flag in unknown]
        raise BoxNotAsAsked(f"the engine's runtime {RUNTIME} {', '.join(wrong)}", remedy=remedy)


def _canonical(flag: str) -> str:
    """One spelling of a flag: Go's programs take one dash or two, and "=true" or nothing."""
    return f"--{flag.lstrip('-')}".removesuffix("=true")


def flags_of(pid: int) -> dict[str, str]:
    """The flags that the sandbox process `pid` was started with; none when it is no such one."""
    words = words_of(pid)
    if words[:1] != [SANDBOX]:
        return {}
    # What follows the subcommand is `runsc`'s own word to itself.
    flags = words[1 : words.index("boot")] if "boot" in words else []
    pairs = (flag.lstrip("-").partition("=") for flag in flags)
    return {name: value or "true" for name, _, value in pairs}


def words_of(pid: int) -> list[str]:
    """The command line of `pid`; empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return []
    return text.split("\0")[:-1]
