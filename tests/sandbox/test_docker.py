"""What only the container backend can do wrong: engines that differ, lie, lose or never answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError
from docker.types import LogConfig, Ulimit

from tests.sandbox import traces
from tests.sandbox.conftest import Boxes, boxes_in
from verifier.errors import BoxLost, BoxNotAsAsked, EngineUnavailable, ImageFault
from verifier.records import EndedBy, Root
from verifier.sandbox import cgroup, choose, docker, open_sandbox
from verifier.sandbox.container import ContainerRun, in_words
from verifier.sandbox.docker import Docker
from verifier.sandbox.engine import Asked
from verifier.sandbox.enginestore import REPOSITORY, EngineStore, image_in, tag
from verifier.sandbox.readback import MountPoint

HostConfig = dict[str, Any]


@pytest.fixture
def boxes(tmp_path: Path, pinned_root: Root) -> Boxes:
    """Boxes in containers alone."""
    return boxes_in("docker", tmp_path, pinned_root)


def _engine(boxes: Boxes) -> Docker:
    assert isinstance(boxes.sandbox, Docker)
    return boxes.sandbox


# ---------------------------------------------------------------- an engine that differs


def _without(*names: str) -> Callable[[HostConfig], HostConfig]:
    return lambda config: {name: value for name, value in config.items() if name not in names}


def _with(**changes: Any) -> Callable[[HostConfig], HostConfig]:
    return lambda config: {**config, **changes}


def _writable_inputs(config: HostConfig) -> HostConfig:
    for mount in config["mounts"]:
        mount["ReadOnly"] = False
    return config


def _unfiltered(config: HostConfig) -> HostConfig:
    return {**config, "security_opt": ["no-new-privileges", "seccomp=unconfined"]}


TAMPERED: dict[str, tuple[Callable[[HostConfig], HostConfig], str]] = {
    "default network": (_without("network_mode"), "network"),
    "host network": (_with(network_mode="host"), "network"),
    "writable root": (_without("read_only"), "read-only root"),
    "capabilities kept": (_without("cap_drop"), "capabilities dropped"),
    "a capability added": (_with(cap_add=["SYS_PTRACE"]), "capabilities added"),
    "privileged": (_with(privileged=True), "privileged"),
    "no seccomp": (_unfiltered, "security options"),
    "new privileges": (_with(security_opt=[]), "security options"),
    "host IPC": (_with(ipc_mode="host"), "IPC namespace"),
    "host processes": (_with(pid_mode="host"), "process namespace"),
    "processes": (_without("pids_limit"), "processes"),
    "memory": (_without("mem_limit", "memswap_limit"), "memory"),
    "more swap": (_with(memswap_limit=1 << 30), "memory and swap"),
    "CPU": (_without("nano_cpus"), "CPU"),
    "shared memory": (_without("shm_size"), "shared memory"),
    "unbounded /tmp": (_with(tmpfs={"/tmp": "", "/cache": ""}), "private folders"),
    "writable inputs": (_writable_inputs, "mounts"),
    "a bind more": (_with(binds=["/:/host"]), "mounts"),
    "a device": (_with(devices=["/dev/fuse:/dev/fuse:rwm"]), "devices"),
    "device rules": (_with(device_cgroup_rules=["b *:* rwm"]), "device rules"),
    "a group": (_with(group_add=["0"]), "groups added"),
    "core dumps": (_with(ulimits=[Ulimit(name="core", soft=1, hard=1)]), "limits"),
    "a log on disk": (_with(log_config=LogConfig(type=LogConfig.types.JSON)), "log"),
    "another group": (_without("cgroup_parent"), "control group"),
    "restarts": (_with(restart_policy={"Name": "always"}), "started again"),
    "no OOM kill": (_with(oom_kill_disable=True), "never killed for memory"),
    "settings": (_with(sysctls={"net.ipv4.ip_forward": "1"}), "kernel settings"),
}


@pytest.mark.docker
@pytest.mark.parametrize("dropped", TAMPERED)
def test_a_container_that_differs_is_refused_before_it_runs(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, dropped: str
) -> None:
    """Each wall that the engine did not make is named, and nothing is left of the container."""
    tamper, wall = TAMPERED[dropped]
    asked = Asked.host_config
    monkeypatch.setattr(Asked, "host_config", lambda self: tamper(asked(self)))
    before = traces.of_boxes()
    with pytest.raises(BoxNotAsAsked, match=rf"(: |; ){wall} is "):
        boxes.sandbox.start(boxes.spec("open('/out/ran', 'w')"))
    assert list(boxes.out.iterdir()) == []
    assert traces.of_boxes() == before
    assert not _mine(_engine(boxes))


@pytest.mark.docker
@pytest.mark.parametrize(
    ("dropped", "wall"),
    [
        (_without("cap_drop"), "bounding capabilities"),
        (_unfiltered, "system call filter"),
        (_with(security_opt=[]), "no new privileges"),
        (_without("read_only"), "mount /"),
        (_writable_inputs, "mount /in"),
        (_without("mem_limit", "memswap_limit"), "held to memory_bytes"),
        (_with(pids_limit=5000), "held to pids"),
        (_with(network_mode="host"), "net namespace"),
        (_with(pid_mode="host"), "pid namespace"),
    ],
)
def test_an_engine_that_only_says_so_is_found_out(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, dropped: Any, wall: str
) -> None:
    """The kernel is asked too: what the engine describes is not believed alone."""
    asked, walls = Asked.host_config, Asked.walls
    wanted: list[dict[str, str]] = []

    def walls_as_asked(self: Asked) -> dict[str, str]:
        wanted.append(walls(self))
        return wanted[-1]

    monkeypatch.setattr(Asked, "host_config", lambda self: dropped(asked(self)))
    monkeypatch.setattr(Asked, "walls", walls_as_asked)
    monkeypatch.setattr(docker, "made", lambda _: wanted[-1])
    with pytest.raises(BoxNotAsAsked, match=rf"(: |; ){wall} is "):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))
    assert not _mine(_engine(boxes))


@pytest.mark.docker
def test_an_output_that_is_not_the_bounded_one_is_found_out(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine in another mount namespace would show the folder below, which nothing bounds."""
    if not docker.output.mountable():
        pytest.skip("no bounded output without the right to mount")
    elsewhere = boxes.folder / "elsewhere"
    elsewhere.mkdir()
    asked = Asked.host_config

    def moved(self: Asked) -> HostConfig:
        config = asked(self)
        for mount in config["mounts"]:
            if mount["Target"] == "/out":
                mount["Source"] = str(elsewhere)
        return config

    monkeypatch.setattr(Asked, "host_config", moved)
    monkeypatch.setattr(docker, "made", lambda inspected: _as_asked(inspected, str(boxes.out)))
    with pytest.raises(BoxNotAsAsked, match="output is"):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))


@pytest.mark.docker
@pytest.mark.parametrize("what", ["process_walls", "separate_namespaces", "mount_points"])
def test_a_living_command_that_cannot_be_read_back_is_refused(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What the kernel does not tell us is no pass, nor for one that will end in a moment."""
    nothing: Any = () if what == "mount_points" else None
    monkeypatch.setattr(docker, what, lambda _: nothing)
    with pytest.raises(BoxNotAsAsked, match="not to be seen"):
        boxes.sandbox.start(boxes.spec("import time; time.sleep(100)"))
    brief = boxes.beside("brief")
    with pytest.raises(BoxNotAsAsked, match="not to be seen"):
        brief.sandbox.start(brief.spec("import time; time.sleep(0.3)"))


@pytest.mark.docker
def test_a_command_that_is_gone_before_it_is_read_back_has_run(boxes: Boxes) -> None:
    """Nothing of it can be read, and the facts say so if that was so."""
    box = boxes.sandbox.start(boxes.spec("import os; os._exit(7)"))
    with box:
        end = box.wait(60)
    assert end is not None
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 7)
    walls = box.facts.walls
    assert ("process" in walls) != ("process: user" in walls)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("what", "wall"),
    [
        ("process_walls", "process: system call filter is 0"),
        ("separate_namespaces", "net namespace is the host's"),
        ("mount_points", "mount /in is rw"),
    ],
)
def test_a_command_that_ends_at_once_is_refused_for_what_was_read_of_it(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch, what: str, wall: str
) -> None:
    """Attack: do what a missing wall allows, and be gone before anybody asks again."""
    differs: dict[str, Any] = {
        "process_walls": {"system call filter": "0"},
        "separate_namespaces": {"net namespace": "the host's"},
        "mount_points": (MountPoint(place="/in", read_only=False, source="/dev/sda"),),
    }
    monkeypatch.setattr(docker, what, lambda _: differs[what])
    with pytest.raises(BoxNotAsAsked, match=wall) as refused:
        boxes.sandbox.start(boxes.spec(""))
    assert "not to be seen" not in str(refused.value)


def _as_asked(inspected: dict[str, Any], out: str) -> dict[str, str]:
    for mount in inspected["Mounts"]:
        if mount["Destination"] == "/out":
            mount["Source"] = out
    return _made(inspected)


_made = docker.made


# ---------------------------------------------------------------- an engine that loses a box


@pytest.mark.docker
def test_a_container_that_is_removed_under_us_is_lost(boxes: Boxes) -> None:
    """Nothing is known about its end, so nothing is said, and nothing is left."""
    before = traces.of_boxes()
    with (
        pytest.raises(BoxLost),
        boxes.running("open('/out/ready', 'w'); import time; time.sleep(100)") as box,
    ):
        traces.until(boxes.out / "ready")
        engine = _engine(boxes)
        (mine,) = _mine(engine)
        engine._api.remove_container(mine, force=True)
        box.wait(20)
    with pytest.raises(BoxLost):
        box.poll()
    assert traces.of_boxes() == before


@pytest.mark.docker
def test_an_exception_of_ours_is_not_hidden_by_a_lost_box(boxes: Boxes) -> None:
    """What is already on its way says more than a box that died under it."""
    with (
        pytest.raises(KeyError, match="ours"),
        boxes.running("open('/out/ready', 'w'); import time; time.sleep(100)"),
    ):
        traces.until(boxes.out / "ready")
        engine = _engine(boxes)
        for mine in _mine(engine):
            engine._api.remove_container(mine, force=True)
        raise KeyError("ours")


@pytest.mark.docker
def test_memory_is_named_though_the_engine_tells_nothing_of_it(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its word comes late or never, and its group is gone before it can be asked."""
    if not cgroup.possible():
        pytest.skip("no control groups of ours around the engine's: not run")
    inspect = ContainerRun.inspect

    def silent(self: ContainerRun) -> dict[str, Any]:
        found = inspect(self)
        found["State"]["OOMKilled"] = False
        return found

    monkeypatch.setattr(ContainerRun, "inspect", silent)
    monkeypatch.setattr(ContainerRun, "_look", lambda _: None)
    end = boxes.run("x = bytearray(400 << 20)")
    assert (end.ended_by, end.exit_code) == (EndedBy.MEMORY, 137)


@pytest.mark.docker
def test_a_command_that_only_exits_like_a_killed_one_is_not_said_to_be_killed(
    boxes: Boxes,
) -> None:
    """Neither by us nor for memory, though it filled the page cache before."""
    source = """
        import sys
        for index in range(4):
            with open("/in/large", "rb") as file:
                while file.read(1 << 20):
                    pass
        sys.exit(137)
        """
    spec = boxes.spec(source)
    with (boxes.folder / "in" / "large").open("wb") as file:
        file.write(bytes(8 << 20))
    with boxes.sandbox.start(spec) as box:
        end = box.wait(20)
    assert end is not None and (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 137)


# ---------------------------------------------------------------- an engine that does not answer


@contextlib.contextmanager
def _silent(folder: Path) -> Iterator[str]:
    """An engine that takes connections and says nothing."""
    path = folder / "engine"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(8)
        yield f"unix://{path}"


@contextlib.contextmanager
def _nonsense(folder: Path) -> Iterator[str]:
    """A server that is no engine."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as stream:
                        stream.recv(4096)
                        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def _absent(folder: Path) -> Iterator[str]:
    yield f"unix://{folder}/absent"


@contextlib.contextmanager
def _closed(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"tcp://127.0.0.1:{port}"


@contextlib.contextmanager
def _malformed(folder: Path) -> Iterator[str]:
    yield "nonsense://:-1"


@pytest.mark.parametrize("engine", [_silent, _nonsense, _absent, _closed, _malformed])
def test_an_engine_that_does_not_answer_is_told_within_two_seconds(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a machine that has none; `auto` goes on with the next backend."""
    with engine(tmp_path) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        began = time.monotonic()
        with pytest.raises(EngineUnavailable, match="no container engine answers"):
            open_sandbox("docker")
        assert time.monotonic() - began < 2
        sandbox, reasons = choose("auto")
    assert sandbox.name != "docker"
    assert reasons[0].startswith(f"docker: no container engine answers at {address}: ")
    assert len(reasons[0]) < 200


def test_what_an_engine_s_failure_is_said_in_the_system_s_words() -> None:
    """Not in those of four libraries around it; what has none is said as it is."""
    fault = requests.ConnectionError("long")
    fault.__context__ = ConnectionRefusedError(111, "refused")
    assert in_words(fault) == "refused"
    assert in_words(requests.ReadTimeout("long")) == "no answer within 60 s"
    assert in_words(APIError("no room")) == "no room"


# ---------------------------------------------------------------- images


@pytest.mark.docker
def test_an_image_of_our_name_with_other_content_is_never_run(
    boxes: Boxes, pinned_root: Root
) -> None:
    """A name is no proof: without our label for that digest the tar is imported anew."""
    engine = _engine(boxes)
    digest = "f" * 64
    with contextlib.ExitStack() as stack:
        engine._api.tag(engine._image(pinned_root), REPOSITORY, digest[:32])
        stack.callback(engine._api.remove_image, f"{REPOSITORY}:{digest[:32]}")
        with pytest.raises(ImageFault, match="its sha256 is"):
            engine.prepare(replace(pinned_root, digest=digest))


@pytest.mark.docker
def test_a_tar_of_another_digest_leaves_no_image(boxes: Boxes, pinned_root: Root) -> None:
    """What was imported before its hash was known is removed again."""
    engine = _engine(boxes)
    before = {image["Id"] for image in engine._api.images()}
    with pytest.raises(ImageFault, match="its sha256 is"):
        EngineStore(engine._api).image(replace(pinned_root, digest="e" * 64))
    assert {image["Id"] for image in engine._api.images()} == before


@pytest.mark.docker
def test_an_image_is_imported_once(boxes: Boxes, pinned_root: Root) -> None:
    """A second verifier finds it by its label."""
    engine = _engine(boxes)
    first = engine._image(pinned_root)
    assert EngineStore(engine._api).image(replace(pinned_root, tar=Path("/absent"))) == first
    assert engine._api.inspect_image(f"{REPOSITORY}:{tag(pinned_root)}")["Id"] == first  # type: ignore[no-untyped-call]


@pytest.mark.docker
def test_a_tar_that_cannot_be_read_is_no_image(boxes: Boxes, pinned_root: Root) -> None:
    """Neither an absent file nor no file at all."""
    store = EngineStore(_engine(boxes)._api)
    for tar in (Path("/absent"), None):
        with pytest.raises(ImageFault):
            store.image(replace(pinned_root, digest="d" * 64, tar=tar))


def test_the_answer_to_an_import_is_read_with_care() -> None:
    """An error among the lines, or no image at all, is a fault."""
    assert image_in('{"status":"Importing"}\n{"status":"sha256:ab"}\n') == "sha256:ab"
    with pytest.raises(ImageFault, match="no space"):
        image_in('{"status":"Importing"}\n{"error":"no space left"}\n')
    with pytest.raises(ImageFault, match="did not say"):
        image_in('{"status":"Importing"}\n')


def _mine(engine: Docker) -> list[str]:
    """The containers of this very process."""
    filters = {"label": f"{docker.OWNER_LABEL}={docker.owner.mark()}"}
    return [found["Id"] for found in engine._api.containers(all=True, filters=filters)]
