"""What is asked of an engine and what it says it made are one structure, compared once."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.sandbox.conftest import LIMITS
from verifier.errors import BoxNotAsAsked
from verifier.records import BoxSpec, Mount, Root
from verifier.sandbox import local
from verifier.sandbox.engine import CLOSED, HIDDEN, Asked, GpuWay, gpu_way, made
from verifier.sandbox.readback import require_same

SPEC = BoxSpec(
    label="box",
    root=Root(digest="a" * 64, python="/usr/bin/python3", pinned=True),
    argv=("python3", "-c", "pass"),
    environment={"B": "2", "A": "1"},
    inputs=(Mount(source=Path("/host/in"), target="/in"),),
    output=Mount(source=Path("/host/out"), target="/out"),
    channel=Path("/host/channel"),
    working_folder="/in",
    limits=LIMITS,
    gpus=("GPU-one", "GPU-two"),
)
ASKED = Asked(SPEC, "sha256:image", "/golf-verifier-x", 2, "runc")


def faithful(asked: Asked) -> dict[str, Any]:
    """What an engine that made exactly the box answers to `inspect`."""
    api = docker.APIClient(base_url="unix:///nowhere", version="1.41")
    host = dict(api.create_host_config(**asked.host_config()))
    api.close()
    mounts = [
        {"Source": mount["Source"], "Destination": mount["Target"], "RW": not mount["ReadOnly"]}
        for mount in host.pop("Mounts")
    ]
    return {
        "Image": asked.image,
        "Config": {
            "Cmd": list(asked.spec.argv),
            "Entrypoint": None,
            "WorkingDir": asked.spec.working_folder,
            "Env": list(reversed(asked.environment)),
            "User": asked.user,
            "Hostname": local.HOSTNAME,
        },
        "HostConfig": {
            "Privileged": False,
            "CapAdd": None,
            "Binds": None,
            "Devices": [],
            "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
            "MaskedPaths": [*HIDDEN, "/proc/acpi"],
            "ReadonlyPaths": sorted(CLOSED),
            **host,
        },
        "Mounts": list(reversed(mounts)),
    }


@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        replace(ASKED, parent="", cpus=64),
        replace(ASKED, spec=replace(SPEC, output=None, channel=None, inputs=(), gpus=())),
        replace(ASKED, gpu_way=GpuWay.CDI),
    ],
)
def test_what_a_faithful_engine_made_is_what_was_asked(asked: Asked) -> None:
    """The two translations name the same walls and agree on each."""
    observed, expected = made(faithful(asked)), asked.walls()
    assert set(observed) == set(expected)
    require_same("box", expected, observed)


DIFFERENCES: dict[str, tuple[str, ...]] = {
    "image": ("Image",),
    "command": ("Config", "Cmd"),
    "entry point": ("Config", "Entrypoint"),
    "working folder": ("Config", "WorkingDir"),
    "environment": ("Config", "Env"),
    "user": ("Config", "User"),
    "host name": ("Config", "Hostname"),
    "runtime": ("HostConfig", "Runtime"),
    "network": ("HostConfig", "NetworkMode"),
    "read-only root": ("HostConfig", "ReadonlyRootfs"),
    "privileged": ("HostConfig", "Privileged"),
    "capabilities added": ("HostConfig", "CapAdd"),
    "capabilities dropped": ("HostConfig", "CapDrop"),
    "security options": ("HostConfig", "SecurityOpt"),
    "groups added": ("HostConfig", "GroupAdd"),
    "devices": ("HostConfig", "Devices"),
    "device rules": ("HostConfig", "DeviceCgroupRules"),
    "kernel settings": ("HostConfig", "Sysctls"),
    "hidden from it": ("HostConfig", "MaskedPaths"),
    "closed to it": ("HostConfig", "ReadonlyPaths"),
    "never killed for memory": ("HostConfig", "OomKillDisable"),
    "started again": ("HostConfig", "RestartPolicy"),
    "GPUs": ("HostConfig", "DeviceRequests"),
    "process namespace": ("HostConfig", "PidMode"),
    "IPC namespace": ("HostConfig", "IpcMode"),
    "host name namespace": ("HostConfig", "UTSMode"),
    "user namespace": ("HostConfig", "UsernsMode"),
    "shared memory": ("HostConfig", "ShmSize"),
    "processes": ("HostConfig", "PidsLimit"),
    "memory": ("HostConfig", "Memory"),
    "memory and swap": ("HostConfig", "MemorySwap"),
    "CPU": ("HostConfig", "NanoCpus"),
    "control group": ("HostConfig", "CgroupParent"),
    "limits": ("HostConfig", "Ulimits"),
    "private folders": ("HostConfig", "Tmpfs"),
    "mounts": ("Mounts",),
    "legacy binds": ("HostConfig", "Binds"),
    "volumes from": ("HostConfig", "VolumesFrom"),
    "log": ("HostConfig", "LogConfig"),
}
OTHER: dict[str, Any] = {
    "RestartPolicy": {"Name": "always"},
    "LogConfig": {"Type": "json-file"},
    "DeviceRequests": [{"DeviceIDs": None}],
    "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 1}],
    "Mounts": [{"Source": "/", "Destination": "/in", "RW": True}],
    "SecurityOpt": ["no-new-privileges"],
    "Tmpfs": {"/tmp": ""},
    "Sysctls": {"kernel.x": "1"},
}


@pytest.mark.parametrize("wall", DIFFERENCES)
def test_every_wall_is_compared(wall: str) -> None:
    """One that the engine made otherwise, alone, is named."""
    *above, name = DIFFERENCES[wall]
    inspected = copy.deepcopy(faithful(ASKED))
    place = inspected
    for key in above:
        place = place[key]
    place[name] = OTHER.get(name, ["other"] if isinstance(place.get(name), list) else "other")
    with pytest.raises(BoxNotAsAsked, match=rf"box: {wall} is "):
        require_same("box", ASKED.walls(), made(inspected))


def test_no_wall_is_without_its_difference() -> None:
    """A wall that is added must be tried, too."""
    assert set(DIFFERENCES) == set(ASKED.walls())


def test_the_ledger_is_spared_the_whole_profile() -> None:
    """The filter stands there by its digest, the same on both sides."""
    options = json.loads(ASKED.walls()["security options"])
    assert options[0] == "no-new-privileges"
    assert options[1].startswith("seccomp=sha256:") and len(options[1]) < 100


def test_mounts_are_what_the_box_gets_and_only_output_is_writable() -> None:
    """Inputs and channel are read-only."""
    assert ASKED.binds == [
        ("/host/channel", "/channel", True),
        ("/host/in", "/in", True),
        ("/host/out", "/out", False),
    ]


def test_a_box_gets_no_more_cpus_than_there_are() -> None:
    """An engine refuses more than it has."""
    wide = replace(SPEC, limits=replace(LIMITS, threads=8))
    assert replace(ASKED, spec=wide, cpus=2).nano_cpus == 2_000_000_000
    assert replace(ASKED, spec=wide, cpus=64).nano_cpus == 8_000_000_000


# ---------------------------------------------------------------- GPUs


def test_an_engine_that_knows_cdi_is_asked_by_its_names() -> None:
    """Docker says where its specifications lie; one that says nothing has its own hook."""
    cases: list[tuple[dict[str, Any], GpuWay]] = [
        ({"CDISpecDirs": ["/etc/cdi", "/var/run/cdi"]}, GpuWay.CDI),
        ({"CDISpecDirs": []}, GpuWay.HOOK),
        ({"CDISpecDirs": None}, GpuWay.HOOK),
        ({"ServerVersion": "20.10.24"}, GpuWay.HOOK),
    ]
    assert [gpu_way(info) for info, _ in cases] == [way for _, way in cases]
    for way, driver, prefix in ((GpuWay.CDI, "cdi", "nvidia.com/gpu="), (GpuWay.HOOK, "", "")):
        (request,) = replace(ASKED, gpu_way=way).host_config()["device_requests"]
        assert request["Driver"] == driver
        assert request["DeviceIDs"] == [f"{prefix}GPU-one", f"{prefix}GPU-two"]
        assert request["Count"] == 0


@pytest.mark.parametrize("way", GpuWay)
@pytest.mark.parametrize(
    "other",
    [
        {"DeviceIDs": ["GPU-one"]},
        {"DeviceIDs": None, "Count": -1},
        {"DeviceIDs": ["nvidia.com/gpu=all"]},
        {"DeviceIDs": ["all"]},
        {"Count": 1},
        {"Driver": "other"},
    ],
)
def test_other_gpus_than_those_asked_for_are_refused(way: GpuWay, other: dict[str, Any]) -> None:
    """Fewer, more, all, any one, or brought by another driver."""
    asked = replace(ASKED, gpu_way=way)
    inspected = copy.deepcopy(faithful(asked))
    inspected["HostConfig"]["DeviceRequests"][0].update(other)
    with pytest.raises(BoxNotAsAsked, match="box: GPUs is "):
        require_same("box", asked.walls(), made(inspected))


def test_a_box_is_told_its_gpus_whatever_was_asked_for() -> None:
    """The engine's hook reads this name; a submission's launch line must not widen it."""
    wide = {"NVIDIA_VISIBLE_DEVICES": "all", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    told = replace(ASKED, spec=replace(SPEC, environment=wide)).environment
    assert "NVIDIA_VISIBLE_DEVICES=GPU-one,GPU-two" in told
    assert "CUDA_VISIBLE_DEVICES=GPU-one,GPU-two" in told
    none = replace(ASKED, spec=replace(SPEC, environment=wide, gpus=())).environment
    assert not any(name.startswith("NVIDIA_VISIBLE_DEVICES") for name in none)
