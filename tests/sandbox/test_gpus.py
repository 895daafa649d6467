"""Which parts of a driver a box gets, on made-up machines: no GPU is needed to tell."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from tests.sandbox.conftest import boxes_in
from verifier.errors import BoxNotAsAsked
from verifier.records import Root
from verifier.sandbox import gpus, local
from verifier.sandbox.gpus import Driver, Gpu

LISTING = """\
5 libs found in cache `/etc/ld.so.cache'
\tlibcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1
\tlibcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1
\tlibcuda.so.1 (libc6,x86-64) => /opt/other/libcuda.so.1
\tlibcuda.so (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so
\tlibnvidia-ml.so.1 (libc6,x86-64, OS ABI: Linux 3.2.0) => /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1
\tlibnvidia-ptxjitcompiler.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-ptxjitcompiler.so.1
\tlibnvidia-nvvm.so.4 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-nvvm.so.4
\tlibnvidia-gpucomp.so.580.159.04 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-gpucomp.so.580.159.04
\tlibnvidia-cfg.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-cfg.so.1
\tlibnvidia-encode.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-encode.so.1
\tlibc.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc.so.6
"""  # noqa: E501
NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia1", "nvidia7")
# The UUID says nothing of the order, nor does the node's number.
DRIVER = Driver(
    gpus=(Gpu("GPU-a", 7, "00000000:05:00.0"), Gpu("GPU-b", 0, "00000000:A1:00.0")),
    nodes={f"/dev/{name}": Path("/dev", name) for name in NODES},
    libraries=gpus.libraries_in(LISTING, "x86_64"),
)


# ---------------------------------------------------------------- what follows


def test_a_box_gets_the_nodes_of_its_gpus_and_no_other() -> None:
    """By UUID: the node's number is the driver's, not the place in a list."""
    seen = gpus.view("box", ("GPU-a",), DRIVER)
    names = {name for _, name in seen.nodes}
    assert names == {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia7"}
    both = gpus.view("box", ("GPU-b", "GPU-a"), DRIVER)
    assert {"/dev/nvidia0", "/dev/nvidia7"} <= {name for _, name in both.nodes}
    assert "/dev/nvidia1" not in {name for _, name in both.nodes}


def test_a_box_gets_the_libraries_that_cuda_loads_in_one_folder() -> None:
    """Of its own architecture, under the names they are loaded by, and none that does no sums."""
    seen = gpus.view("box", ("GPU-a",), DRIVER)
    place = Path("/usr/lib/x86_64-linux-gnu")
    names = ("libcuda.so", "libcuda.so.1", "libnvidia-gpucomp.so.580.159.04", "libnvidia-ml.so.1")
    names += ("libnvidia-nvvm.so.4", "libnvidia-ptxjitcompiler.so.1")
    assert seen.libraries == tuple((place / name, f"/nvidia/{name}") for name in names)


@pytest.mark.parametrize(
    ("uuids", "driver", "named", "remedy"),
    [
        (("GPU-a", "GPU-c"), DRIVER, "no GPU GPU-c", "nvidia-smi -L"),
        (("0",), DRIVER, "no GPU 0", "nvidia-smi -L"),
        (("GPU-a",), Driver((), {}, {}), "no GPU GPU-a", "nvidia-smi -L"),
        (
            ("GPU-a",),
            replace(DRIVER, nodes={n: p for n, p in DRIVER.nodes.items() if n != "/dev/nvidia7"}),
            "no /dev/nvidia7",
            "nvidia-modprobe",
        ),
        (
            ("GPU-a",),
            replace(DRIVER, nodes={n: p for n, p in DRIVER.nodes.items() if "uvm" not in n}),
            "no /dev/nvidia-uvm",
            "nvidia-modprobe",
        ),
        (("GPU-a",), replace(DRIVER, libraries={}), "libcuda.so.1", "ldconfig"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    uuids: tuple[str, ...], driver: Driver, named: str, remedy: str
) -> None:
    """A box with less than it was to have would fail in the submission's name."""
    with pytest.raises(BoxNotAsAsked, match=named) as refused:
        gpus.view("box", uuids, driver)
    assert remedy in refused.value.remedy


def test_a_missing_profiler_s_node_is_no_fault() -> None:
    """CUDA goes on without it."""
    fewer = {name: path for name, path in DRIVER.nodes.items() if "tools" not in name}
    seen = gpus.view("box", ("GPU-a",), replace(DRIVER, nodes=fewer))
    assert "/dev/nvidia-uvm-tools" not in {name for _, name in seen.nodes}


def test_no_service_of_the_driver_is_brought_in() -> None:
    """By none of its names, where a container engine mounts them of its own accord."""
    seen = gpus.view("box", ("GPU-a", "GPU-b"), DRIVER)
    assert gpus.services(name for _, name in (*seen.nodes, *seen.libraries)) == ()
    mounted = ("/", "/run/nvidia-persistenced/socket", "/var/run/nvidia-fabricmanager/socket")
    with pytest.raises(BoxNotAsAsked, match="fabricmanager/socket") as refused:
        gpus.require_no_services("box", (*mounted, "/tmp/nvidia-mps"))
    assert "CDI" in refused.value.remedy
    gpus.require_no_services("box", ("/", "/dev/nvidia0", "/usr/bin/nvidia-smi"))


def test_a_service_that_anybody_may_ask_is_found(tmp_path: Path) -> None:
    """An ordinary process has no mounts of its own to keep it out."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        places = [str(path), str(tmp_path / "none")]
        for rights, found in ((0o666, (str(path),)), (0o660, ())):
            path.chmod(rights)
            assert gpus.open_services(places) == found


def test_libraries_of_another_architecture_are_none() -> None:
    """Nor is one for a machine that ldconfig has no name for."""
    assert gpus.libraries_in(LISTING, "aarch64") == {}
    assert gpus.libraries_in(LISTING, "riscv64") == {}
    assert gpus.libraries_in("", "x86_64") == {}


# ---------------------------------------------------------------- what the driver says


def _driver_that_says(monkeypatch: pytest.MonkeyPatch, found: list[tuple[str, int, str]]) -> None:
    said: dict[str, Callable[..., object]] = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: len(found),
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: found[handle][0],
        "nvmlDeviceGetMinorNumber": lambda handle: found[handle][1],
        "nvmlDeviceGetPciInfo": lambda handle: SimpleNamespace(busId=found[handle][2]),
    }
    for name, answer in said.items():
        monkeypatch.setattr(pynvml, name, answer)


def test_gpus_are_chosen_in_the_order_of_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own order follows settings; the place of a card does not."""
    rows = [("GPU-x", 0, "00000000:C1:00.0"), ("GPU-y", 1, "00000000:05:00.0")]
    _driver_that_says(monkeypatch, rows)
    assert gpus.chosen(2) == ("GPU-y", "GPU-x")
    assert gpus.chosen(1) == ("GPU-y",)
    assert gpus.chosen(0) == ()
    assert [gpu.node for gpu in gpus.of_machine().gpus] == ["/dev/nvidia1", "/dev/nvidia0"]


def test_gpus_that_nobody_knows_are_asked_for_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine elsewhere may have them; a box here then says which is not there."""

    def absent() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", absent)
    assert gpus.chosen(2) == ("0", "1")
    assert gpus.of_machine().gpus == ()
    _driver_that_says(monkeypatch, [("GPU-x", 0, "00000000:C1:00.0")])
    assert gpus.chosen(2) == ("GPU-x", "1")


# ---------------------------------------------------------------- in boxes


def _put_in_place(monkeypatch: pytest.MonkeyPatch, nodes: dict[str, Path], folder: Path) -> Driver:
    """A machine with two GPUs behind `nodes`, and libraries that are text."""
    libraries = {name: folder / name for name in gpus.LIBRARIES}
    for name, path in libraries.items():
        path.write_text(name)
        path.chmod(0o666)
    driver = Driver((Gpu("GPU-a", 1, "1"), Gpu("GPU-b", 0, "2")), nodes, libraries)
    monkeypatch.setattr(gpus, "of_machine", lambda: driver)
    return driver


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Nodes of their own that give zeros."""
    if os.geteuid() != 0:
        pytest.skip("only root can make device nodes: not run")
    nodes = {}
    for name in ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1"):
        nodes[f"/dev/{name}"] = tmp_path / name
        os.mknod(tmp_path / name, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        (tmp_path / name).chmod(0o666)
    return _put_in_place(monkeypatch, nodes, tmp_path)


LOOK = """
import os, sys
for path in sys.argv[1:]:
    try:
        with open(path, "r+b", buffering=0) as file:
            print("opened", file.read(2))
    except OSError as fault:
        print(fault.strerror)
print([os.environ.get(n) for n in ("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")])
print(os.environ.get("LD_LIBRARY_PATH"))
"""


def test_a_bubblewrap_box_has_its_gpus_nodes_and_libraries(
    tmp_path: Path, pinned_root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes can be used, the libraries only read, and another's node is not there."""
    boxes = boxes_in("bubblewrap", tmp_path, pinned_root)
    names = ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1")
    _put_in_place(monkeypatch, {f"/dev/{name}": Path("/dev/zero") for name in names}, tmp_path)
    paths = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1", "/dev/nvidia0")
    paths += ("/nvidia/libcuda.so.1",)
    asked = {"LD_LIBRARY_PATH": "/own", "CUDA_VISIBLE_DEVICES": "0,1"}
    with boxes.running(LOOK, *paths, gpus=("GPU-a",), environment=asked) as box:
        end = box.wait(30)
    assert end is not None
    assert end.log.splitlines() == [
        *["opened b'\\x00\\x00'"] * 3,
        "No such file or directory",
        "Read-only file system",
        "['GPU-a', 'GPU-a']",
        "/nvidia:/own",
    ]
    assert box.facts.walls["mount /dev/nvidia1"] == "rw"
    assert box.facts.walls["mount /nvidia/libcuda.so.1"] == "ro"


def test_a_plain_box_may_use_its_gpus_nodes_alone(
    tmp_path: Path, host_root: Root, made_up: Driver
) -> None:
    """Landlock lets through what is asked for; the host's loader knows the libraries."""
    boxes = boxes_in("plain", tmp_path, host_root)
    paths = [str(made_up.nodes[f"/dev/{name}"]) for name in ("nvidiactl", "nvidia1", "nvidia0")]
    # What starts with a place of the box's own would be taken for it.
    end = boxes.run(LOOK, *(f"/..{path}" for path in paths), gpus=("GPU-a",))
    assert end.log.splitlines()[:3] == [*["opened b'\\x00\\x00'"] * 2, "Permission denied"]
    assert f"open {paths[2]}" in end.attempts


def test_a_plain_box_is_refused_where_a_service_of_the_driver_is_open_to_it(
    tmp_path: Path, host_root: Root, made_up: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA needs Unix sockets, and there is no wall but rights before those of the host."""
    boxes = boxes_in("plain", tmp_path, host_root)
    monkeypatch.setattr(gpus, "open_services", lambda: ("/run/nvidia-persistenced/socket",))
    with pytest.raises(BoxNotAsAsked, match="nvidia-persistenced"):
        boxes.sandbox.start(replace(boxes.spec(""), gpus=("GPU-a",)))
    assert boxes.run("print('no GPU, no refusal')").exit_code == 0


def test_addresses_are_no_limit_where_cuda_reserves_them(
    tmp_path: Path, host_root: Root, made_up: Driver
) -> None:
    """Where nothing counts a whole box, what is written to is bounded instead."""
    spec = boxes_in("plain", tmp_path, host_root).spec("", gpus=("GPU-a",))
    bare = local.resource_limits(replace(spec, gpus=()), None)
    limits = local.resource_limits(spec, None)
    assert "RLIMIT_AS" in bare and "RLIMIT_DATA" not in bare
    assert "RLIMIT_AS" not in limits
    assert limits["RLIMIT_DATA"] == spec.limits.memory_bytes
