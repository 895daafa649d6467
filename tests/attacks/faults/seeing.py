"""How far has a verifier come, and what is left of one? Seen from outside, never by its word."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from tests.attacks.faults.scene import Scene, mounts_below
from verifier import owner
from verifier.sandbox.container import OWNER_LABEL
from verifier.scratch import PREFIX

PHASES = (
    "prepare",
    "warm-up",
    "train",
    "pack",
    "weigh",
    "score",
    "nonce",
    "replay",
    "decide",
    "report",
)
AFTER_EVENT = {
    "weigh": "training",
    "score": "weighing",
    "nonce": "pass",
    "replay": "nonce",
    "decide": "replay",
}
LOOK_SECONDS = 0.003
GONE_SECONDS = 5.0


def kinds(run: Path) -> list[str]:
    """The kinds of the events in a run's ledger, a torn last line left out."""
    try:
        text = (run / "ledger" / "ledger.jsonl").read_bytes()
    except OSError:
        return []
    return [str(json.loads(line)["kind"]) for line in text.split(b"\n")[:-1]]


def phase(out: Path) -> str:
    """The phase in which the run below `out` is, or was when it died."""
    runs = [path for path in out.iterdir() if path.is_dir()]
    if not runs:
        return PHASES[0]
    run = runs[0]
    if (run / "ledger" / "signature.json").exists():
        return "report"
    recorded = kinds(run)
    for name, event in reversed(AFTER_EVENT.items()):
        if event in recorded:
            return name
    if any(os.path.ismount(packed) for packed in run.glob("seed-*/packed")):
        return "pack"
    if any(run.glob("seed-*/data/.ready")):
        return "train"
    return "warm-up" if any(run.glob("seed-*/trained")) else PHASES[0]


def until(scene: Scene, wanted: str, alive: Any) -> bool:
    """Wait until that phase has begun; False when the process ended before."""
    place = PHASES.index(wanted)
    while PHASES.index(phase(scene.out)) < place:
        if alive.poll() is not None:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def begins(scene: Scene, process: Any) -> dict[str, float]:
    """Watch a run to its end: after how many seconds each phase, and the end, was first seen."""
    began = time.monotonic()
    found = {PHASES[0]: 0.0}
    while process.poll() is None:
        now = phase(scene.out)
        for name in PHASES[: PHASES.index(now) + 1]:
            found.setdefault(name, time.monotonic() - began)
        time.sleep(LOOK_SECONDS)
    found["end"] = time.monotonic() - began
    return found


# ---------------------------------------------------------------- what is left


@dataclass(frozen=True, slots=True)
class Held:
    """What a verifier held when it died: containers with their network's place, and processes."""

    mark: str
    containers: tuple[str, ...]
    networks: tuple[str, ...]
    processes: tuple[str, ...]


def engine(address: str | None) -> Any:
    """A client that only looks: opening a backend would sweep what is looked for."""
    return docker.APIClient(base_url=address) if address else docker.from_env().api


def held(mark: str, address: str | None = None) -> Held:
    """What the verifier of that mark has on this machine, in the engine at `address` or the usual.

    Nothing of an engine that does not answer.
    """
    found, inspected = [], []
    with (
        contextlib.suppress(docker.errors.DockerException),
        contextlib.closing(engine(address)) as client,
    ):
        found = client.containers(all=True, filters={"label": f"{OWNER_LABEL}={mark}"})
        for each in found:
            with contextlib.suppress(docker.errors.APIError):
                inspected.append(client.inspect_container(each["Id"]))
    keys = [str(each["NetworkSettings"].get("SandboxKey") or "") for each in inspected]
    networks = [os.path.realpath(key) for key in keys if key]
    return Held(
        mark=mark,
        containers=tuple(str(each["Id"]) for each in found),
        networks=tuple(networks),
        processes=tuple(owner.mark(pid) for group in groups(mark) for pid in pids(group)),
    )


def groups(mark: str) -> list[Path]:
    """The control groups that the verifier of that mark made."""
    places = (f"*/golf-verifier-{mark}-*", f"golf-verifier-{mark}-*")
    return [path for place in places for path in Path("/sys/fs/cgroup").glob(place)]


def pids(group: Path) -> list[int]:
    """Every process in a group and those below it."""
    found = []
    for parent, _, files in os.walk(group):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError):
                found += [int(each) for each in Path(parent, "cgroup.procs").read_text().split()]
    return found


def mark_of(process: Any) -> Held:
    """The mark of a process that is to leave nothing at all, not yet holding anything."""
    return Held(owner.mark(process.pid), (), (), ())


def left(scene: Scene, *dead: Held) -> list[str]:
    """What is left of verifiers that are gone, in words, once the next one has ended."""
    deadline = time.monotonic() + GONE_SECONDS
    while (found := _left(scene, *dead)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _left(scene: Scene, *dead: Held) -> list[str]:
    ours = {str(place) for place in scene.mounted}
    found = [f"mount {place}" for place in mounts_below(scene.folder) if place not in ours]
    found += [f"temporary {path.name}" for path in _inside(scene.temporary)]
    for place in (scene.store, scene.out):
        for path in _inside(place):
            marked = any(each.mark in path.name for each in dead)
            if marked or path.name.startswith(PREFIX) or path.suffix == ".new":
                found.append(f"{path.relative_to(scene.folder)}")
    for each in dead:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        now = held(each.mark, scene.settings.get("DOCKER_HOST"))
        found += [f"container {name[:12]}" for name in now.containers]
        # The engine itself keeps the empty file for a minute more.
        found += [f"network {name}" for name in each.networks if f" {name} " in mounts]
        found += [f"process {name}" for name in each.processes if not owner.is_gone(name)]
        found += [f"control group {path}" for path in groups(each.mark)]
        found += ["mount of its mark"] if f"golf-verifier-{each.mark}" in mounts else []
        taken = Path("/dev").glob("loop[0-9]*")
        ours_too = scene.folder / "disk"
        backed = (path for path in taken if _backing(path).startswith(f"{scene.folder}/"))
        found += [f"loop device {path}" for path in backed if _backing(path) != str(ours_too)]
    return found


def _inside(folder: Path) -> list[Path]:
    """All that lies below `folder`, through no link."""
    return [
        Path(parent, name)
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    ]


def _backing(loop: Path) -> str:
    """The file behind a loop device; "" where there is none."""
    try:
        return Path("/sys/block", loop.name, "loop", "backing_file").read_text().strip()
    except OSError:
        return ""
