"""What exactly is a container engine asked for, and what did it make of it? Pure translation.

`Asked.walls` is the one structure that a box must have, `made` reads the same structure out of the
engine's own description; `readback.require_same` compares them. Must never talk to the
engine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, assert_never

from docker.types import DeviceRequest, LogConfig, Ulimit
from docker.types import Mount as BindMount

from verifier.records import BoxSpec
from verifier.sandbox import local, seccomp
from verifier.sandbox.roots import STANDARD_PATH

# The engine gives a private folder the rights that the image's folder of that name has.
TMPFS_OPTIONS = "rw,exec,nosuid,nodev,mode=0700"
# Files of the kernel that tell of the host, and those that change it.
HIDDEN = frozenset({"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"})
CLOSED = frozenset({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})
NANO = 1_000_000_000
CDI_KIND = "nvidia.com/gpu="


class GpuWay(Enum):
    """How an engine is asked for GPUs: by its own hook, or by names of the CDI specification."""

    HOOK = ""
    CDI = "cdi"


@dataclass(frozen=True, slots=True)
class Asked:
    """All that one container is made from. `cpus` is what the engine's machine has.

    `profile` is the system call filter, in the engine's JSON.
    """

    spec: BoxSpec
    image: str
    parent: str
    cpus: int
    runtime: str
    profile: str = field(default_factory=seccomp.docker_profile)
    gpu_way: GpuWay = GpuWay.HOOK

    @property
    def user(self) -> str:
        """Whom the command runs as."""
        return f"{local.box_uid()}:{local.box_uid()}"

    @property
    def environment(self) -> list[str]:
        """The whole environment."""
        path = local.base_environment(self.spec, STANDARD_PATH, "/tmp", local.CHANNEL)
        return [f"{name}={value}" for name, value in path.items()]

    @property
    def binds(self) -> list[tuple[str, str, bool]]:
        """(host source, place in the box, read-only), sorted by place."""
        spec = self.spec
        binds = [(str(mount.source), mount.target, True) for mount in spec.inputs]
        if spec.output is not None:
            binds.append((str(spec.output.source), spec.output.target, False))
        if spec.channel is not None:
            binds.append((str(spec.channel), local.CHANNEL, True))
        return sorted(binds, key=lambda bind: bind[1])

    @property
    def tmpfs(self) -> dict[str, str]:
        """The private writable folders."""
        uid = local.box_uid()
        options = f"{TMPFS_OPTIONS},uid={uid},gid={uid},size={self.spec.limits.temporary_bytes}"
        return {"/tmp": options, "/cache": options}

    @property
    def ulimits(self) -> dict[str, int]:
        """Limits of each process, by the engine's names."""
        size = max(self.spec.limits.output_bytes, self.spec.limits.temporary_bytes)
        return {"core": 0, "fsize": size, "msgqueue": 0, "nofile": local.OPEN_FILES}

    @property
    def nano_cpus(self) -> int:
        """CPU time per second."""
        return min(self.spec.limits.threads, self.cpus) * NANO

    def host_config(self) -> dict[str, Any]:
        """Keyword arguments for the SDK's `create_host_config`."""
        limits = self.spec.limits
        config: dict[str, Any] = {
            "runtime": self.runtime,
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges", f"seccomp={self.profile}"],
            "ipc_mode": "private",
            "shm_size": limits.temporary_bytes,
            "pids_limit": limits.pids,
            "mem_limit": limits.memory_bytes,
            "memswap_limit": limits.memory_bytes,
            "nano_cpus": self.nano_cpus,
            "ulimits": [Ulimit(name=n, soft=v, hard=v) for n, v in self.ulimits.items()],
            "tmpfs": self.tmpfs,
            "mounts": [
                BindMount(target, source, type="bind", read_only=read_only)
                for source, target, read_only in self.binds
            ],
            "log_config": LogConfig(type=LogConfig.types.NONE),
        }
        if self.parent:
            config["cgroup_parent"] = self.parent
        if self.spec.gpus:
            config["device_requests"] = [self._gpu_request()]
        return config

    @property
    def gpu_names(self) -> list[str]:
        """The GPUs as the engine is to name them."""
        prefix = CDI_KIND if self.gpu_way is GpuWay.CDI else ""
        return [f"{prefix}{uuid}" for uuid in self.spec.gpus]

    def _gpu_request(self) -> DeviceRequest:
        match self.gpu_way:
            case GpuWay.CDI:
                return DeviceRequest(driver=self.gpu_way.value, device_ids=self.gpu_names)
            case GpuWay.HOOK:
                return DeviceRequest(device_ids=self.gpu_names, capabilities=[["gpu"]])
            case _:
                assert_never(self.gpu_way)

    def walls(self) -> dict[str, str]:
        """What the engine must say it made."""
        limits = self.spec.limits
        return _words(
            {
                "image": self.image,
                "command": list(self.spec.argv),
                "entry point": None,
                "working folder": self.spec.working_folder,
                "environment": sorted(self.environment),
                "user": self.user,
                "host name": local.HOSTNAME,
                "network": "none",
                "read-only root": True,
                "runtime": self.runtime,
                "privileged": False,
                "capabilities added": [],
                "capabilities dropped": ["ALL"],
                "security options": _options(["no-new-privileges", f"seccomp={self.profile}"]),
                "groups added": [],
                "devices": [],
                "device rules": [],
                "kernel settings": {},
                "hidden from it": sorted(HIDDEN),
                "closed to it": sorted(CLOSED),
                "never killed for memory": False,
                "started again": False,
                "GPUs": self.gpu_names,
                "process namespace": "",
                "IPC namespace": "private",
                "host name namespace": "",
                "user namespace": "",
                "shared memory": limits.temporary_bytes,
                "processes": limits.pids,
                "memory": limits.memory_bytes,
                "memory and swap": limits.memory_bytes,
                "CPU": self.nano_cpus,
                "control group": self.parent,
                "limits": self.ulimits,
                "private folders": self.tmpfs,
                "mounts": self.binds,
                "legacy binds": [],
                "volumes from": [],
                "log": "none",
            }
        )


def made(inspected: Mapping[str, Any]) -> dict[str, str]:
    """The same structure out of the engine's answer to `inspect`."""
    config, host = inspected["Config"], inspected["HostConfig"]
    requests = host.get("DeviceRequests") or []
    return _words(
        {
            "image": inspected["Image"],
            "command": config["Cmd"],
            "entry point": config.get("Entrypoint"),
            "working folder": config["WorkingDir"],
            "environment": sorted(config["Env"] or []),
            "user": config["User"],
            "host name": config["Hostname"],
            "network": host["NetworkMode"],
            "read-only root": host["ReadonlyRootfs"],
            "runtime": host.get("Runtime", ""),
            "privileged": host["Privileged"],
            "capabilities added": host.get("CapAdd") or [],
            "capabilities dropped": host.get("CapDrop") or [],
            "security options": _options(host.get("SecurityOpt") or []),
            "groups added": host.get("GroupAdd") or [],
            "devices": host.get("Devices") or [],
            "device rules": host.get("DeviceCgroupRules") or [],
            "kernel settings": host.get("Sysctls") or {},
            "hidden from it": sorted(HIDDEN & set(host.get("MaskedPaths") or [])),
            "closed to it": sorted(CLOSED & set(host.get("ReadonlyPaths") or [])),
            "never killed for memory": bool(host.get("OomKillDisable")),
            "started again": (host.get("RestartPolicy") or {}).get("Name", "") not in {"", "no"},
            "GPUs": [name for request in requests for name in _gpus(request)],
            "process namespace": host.get("PidMode", ""),
            "IPC namespace": host["IpcMode"],
            "host name namespace": host.get("UTSMode", ""),
            "user namespace": host.get("UsernsMode", ""),
            "shared memory": host["ShmSize"],
            "processes": host["PidsLimit"],
            "memory": host["Memory"],
            "memory and swap": host["MemorySwap"],
            "CPU": host["NanoCpus"],
            "control group": host.get("CgroupParent", ""),
            "limits": {
                limit["Name"]: limit["Hard"] if limit["Hard"] == limit["Soft"] else limit
                for limit in host.get("Ulimits") or []
            },
            "private folders": host.get("Tmpfs") or {},
            "mounts": sorted(
                ([m["Source"], m["Destination"], not m["RW"]] for m in inspected["Mounts"]),
                key=lambda bind: bind[1],
            ),
            "legacy binds": host.get("Binds") or [],
            "volumes from": host.get("VolumesFrom") or [],
            "log": host["LogConfig"]["Type"],
        }
    )


def gpu_way(info: Mapping[str, Any]) -> GpuWay:
    """How the engine that says `info` of itself brings GPUs: without folders it has no CDI."""
    return GpuWay.CDI if info.get("CDISpecDirs") else GpuWay.HOOK


def _gpus(request: Mapping[str, Any]) -> list[str]:
    """What a device request asks for; one by number or of another driver is none of ours."""
    names: list[str] = request.get("DeviceIDs") or ["all"]
    named = all(name.startswith(CDI_KIND) for name in names)
    driver = request.get("Driver", "")
    ours = {GpuWay.CDI.value} if named else {"", "nvidia"}
    return names if driver in ours and not request.get("Count") else [f"{driver}: {names}"]


def _options(options: list[str]) -> list[str]:
    """Security options, the long profile by its sha256: the ledger keeps one per box."""
    return sorted(
        f"seccomp=sha256:{hashlib.sha256(option.encode()).hexdigest()}"
        if option.startswith("seccomp=")
        else option
        for option in options
    )


def _words(walls: Mapping[str, object]) -> dict[str, str]:
    """Each wall's state as one canonical line."""
    return {name: json.dumps(state, sort_keys=True) for name, state in walls.items()}
