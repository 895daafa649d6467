"""What of this machine does a box with GPUs get, where no container engine brings it? A list.

The nodes of exactly the GPUs asked for, the nodes that all CUDA programs share, and the driver's
libraries by the names that programs load them by. All else of the driver stays outside: above all
the sockets of its services (persistence, fabric, MPS), by which processes of several boxes could
reach one another. Only `of_machine` looks at a machine; the rest says what follows. Must never
give a box a GPU that was not asked for.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pynvml

from verifier.errors import BoxNotAsAsked

FOLDER = "/nvidia"
VISIBLE = ("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
SHARED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")
# Only profilers open it; where it is missing, CUDA goes on.
OPTIONAL_NODES = ("/dev/nvidia-uvm-tools",)
LIBRARIES = ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1")
# What the compilers within the driver load beside these, by the driver's age.
OPTIONAL_LIBRARIES = re.compile(r"libnvidia-(nvvm|gpucomp)(70)?\.so[0-9.]*|libcuda\.so")
SERVICES = ("nvidia-persistenced", "nvidia-fabricmanager", "nvidia-mps")
SERVICE_SOCKETS = (
    "/run/nvidia-persistenced/socket",
    "/run/nvidia-fabricmanager/socket",
    "/tmp/nvidia-mps/control",
)
LDCONFIG = ("/sbin/ldconfig", "-p")
LISTED = re.compile(r"^\s*(\S+) \(([^)]*)\) => (\S.*)$", re.MULTILINE)
LISTED_MACHINES = {"x86_64": "x86-64", "aarch64": "AArch64"}
LISTING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: its UUID, the number in its node's name, its place on the PCI bus."""

    uuid: str
    minor: int
    bus: str

    @property
    def node(self) -> str:
        """Its device node."""
        return f"/dev/nvidia{self.minor}"


@dataclass(frozen=True, slots=True)
class Driver:
    """What there is: GPUs, and where each node and each library lies on this machine, by name."""

    gpus: tuple[Gpu, ...]
    nodes: Mapping[str, Path]
    libraries: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class GpuView:
    """What a box gets: (where on this machine, where in the box) of nodes and of libraries."""

    nodes: tuple[tuple[Path, str], ...] = ()
    libraries: tuple[tuple[Path, str], ...] = ()


NOTHING = GpuView()


def view(label: str, uuids: tuple[str, ...], driver: Driver) -> GpuView:
    """What the box `label` needs for the GPUs `uuids`.

    Raises BoxNotAsAsked naming a GPU, node or library that is not there.
    """
    there = {gpu.uuid: gpu for gpu in driver.gpus}
    absent = [uuid for uuid in uuids if uuid not in there]
    if absent:
        raise BoxNotAsAsked(
            f"{label}: this machine has no GPU {', '.join(absent)}",
            remedy="`nvidia-smi -L` lists those it has",
        )
    nodes = [*SHARED_NODES, *(there[uuid].node for uuid in uuids)]
    without = [name for name in nodes if name not in driver.nodes]
    if without:
        raise BoxNotAsAsked(
            f"{label}: there is no {', '.join(without)}",
            remedy="`nvidia-modprobe -u -c 0` makes the nodes",
        )
    unknown = [name for name in LIBRARIES if name not in driver.libraries]
    if unknown:
        raise BoxNotAsAsked(
            f"{label}: the driver's {', '.join(unknown)} is not to be found",
            remedy="install the driver's libraries, then `ldconfig`",
        )
    nodes += [name for name in OPTIONAL_NODES if name in driver.nodes]
    loaded = [name for name in driver.libraries if name in LIBRARIES or _optional(name)]
    return GpuView(
        tuple((driver.nodes[name], name) for name in nodes),
        tuple((driver.libraries[name], f"{FOLDER}/{name}") for name in sorted(loaded)),
    )


def environment(uuids: tuple[str, ...], asked: Mapping[str, str]) -> dict[str, str]:
    """A box's environment `asked`, in which no name says other GPUs than `uuids`."""
    kept = {name: value for name, value in asked.items() if name != VISIBLE[0]}
    return {**kept, **dict.fromkeys(VISIBLE if uuids else (), ",".join(uuids))}


def services(places: Iterable[str]) -> tuple[str, ...]:
    """Those of a box's mounts that belong to a service of the driver."""
    return tuple(place for place in places if any(name in place for name in SERVICES))


def require_no_services(label: str, places: Iterable[str]) -> None:
    """Raises BoxNotAsAsked when one of `places` leads to a service of the driver."""
    found = services(places)
    if found:
        raise BoxNotAsAsked(
            f"{label}: boxes could reach one another by {', '.join(found)}",
            remedy="take these mounts out of the engine's CDI specification, or stop the service",
        )


def open_services(sockets: Iterable[str] = SERVICE_SOCKETS) -> tuple[str, ...]:
    """Those sockets of services that any user of this machine can connect to."""
    found = []
    for place in sockets:
        try:
            if os.stat(place).st_mode & 0o002:
                found.append(place)
        except OSError:
            continue
    return tuple(found)


# ---------------------------------------------------------------- the machine


def chosen(count: int) -> tuple[str, ...]:
    """The first `count` GPUs in the order of the PCI bus, by UUID; by index where none is known."""
    known = _gpus() if count else ()
    return tuple(known[index].uuid if index < len(known) else str(index) for index in range(count))


def of_machine() -> Driver:
    """What this machine has."""
    gpus = _gpus()
    names = [*SHARED_NODES, *OPTIONAL_NODES, *(gpu.node for gpu in gpus)]
    nodes = {name: Path(name) for name in names if Path(name).is_char_device()}
    try:
        listing = subprocess.run(
            LDCONFIG, capture_output=True, text=True, timeout=LISTING_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        listing = ""
    return Driver(gpus, nodes, libraries_in(listing, platform.machine()))


def libraries_in(listing: str, machine: str) -> dict[str, Path]:
    """The libraries that `ldconfig -p` lists for this architecture, the first of each name."""
    found: dict[str, Path] = {}
    for name, kind, place in LISTED.findall(listing):
        if LISTED_MACHINES.get(machine, "-") in kind.split(","):
            found.setdefault(name, Path(place.strip()))
    return found


def _gpus() -> tuple[Gpu, ...]:
    """The GPUs the driver knows, in the order of the PCI bus; none without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        found = [
            Gpu(
                str(pynvml.nvmlDeviceGetUUID(handle)),
                int(pynvml.nvmlDeviceGetMinorNumber(handle)),
                str(pynvml.nvmlDeviceGetPciInfo(handle).busId),
            )
            for handle in handles
        ]
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()
    return tuple(sorted(found, key=lambda gpu: gpu.bus))


def _optional(name: str) -> bool:
    return OPTIONAL_LIBRARIES.fullmatch(name) is not None
