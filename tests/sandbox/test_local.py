"""What only the backends without an engine can do wrong: walls that bwrap or a keeper left out."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import traces
from tests.sandbox.conftest import SYSTEM_PYTHON, Boxes, boxes_in, opened
from verifier import owner
from verifier.errors import (
    BoxLost,
    BoxNotAsAsked,
    ImageFault,
    MachineFault,
    MissingTool,
    StorageFault,
)
from verifier.records import Assurance, Root
from verifier.sandbox import bubblewrap, cgroup, kept, kernel, local, plain, seccomp, syscalls
from verifier.sandbox.bubblewrap import Bubblewrap
from verifier.sandbox.layout import Layout, etc_with_hosts
from verifier.sandbox.plain import Plain

RAN = "open('/out/ran', 'w'); import time; time.sleep(100)"


@pytest.fixture
def wrapped(tmp_path: Path, pinned_root: Root) -> Boxes:
    """Boxes in bubblewrap alone."""
    return boxes_in("bubblewrap", tmp_path, pinned_root)


@pytest.fixture
def bare(tmp_path: Path, host_root: Root) -> Boxes:
    """Boxes in plain processes alone."""
    return boxes_in("plain", tmp_path, host_root)


# ---------------------------------------------------------------- bubblewrap


def _shared(namespace: str) -> Callable[[list[str]], list[str]]:
    return lambda arguments: [*arguments, f"--share-{namespace}"]


def _bind_writable(arguments: list[str]) -> list[str]:
    place = arguments.index("/in") - 2
    return [*arguments[:place], "--bind", *arguments[place + 1 :]]


def _bind_elsewhere(arguments: list[str]) -> list[str]:
    place = arguments.index("/out") - 2
    return [*arguments[:place], "--tmpfs", *arguments[place + 2 :]]


def _keys_shown(arguments: list[str]) -> list[str]:
    place = arguments.index("/proc/keys") - 2
    return [*arguments[:place], *arguments[place + 3 :]]


def _writable_root(arguments: list[str]) -> list[str]:
    place = arguments.index("/", arguments.index("--remount-ro"))
    return [*arguments[: place - 1], *arguments[place + 1 :]]


@pytest.mark.parametrize(
    ("tamper", "wall"),
    [
        (_shared("net"), "net namespace"),
        (_bind_writable, "mount /in"),
        (_bind_elsewhere, "output is"),
        (_writable_root, "mount /"),
        (_keys_shown, "mount /proc/keys is not to be seen"),
    ],
)
def test_a_bubblewrap_box_that_differs_is_refused_and_never_runs(
    wrapped: Boxes, monkeypatch: pytest.MonkeyPatch, tamper: Any, wall: str
) -> None:
    """Nor does its command start on the way out, when the block that holds it is closed."""
    if wall == "output is" and not local.output.mountable():
        pytest.skip("no bounded output without the right to mount: not run")
    arguments = Layout.arguments
    monkeypatch.setattr(Layout, "arguments", lambda self, places: tamper(arguments(self, places)))
    monkeypatch.setattr(bubblewrap, "READ_BACK_SECONDS", 0.5)
    # What all boxes of a root share lies there as long as the backend does.
    wrapped.sandbox.prepare(wrapped.root)
    before = traces.of_boxes()
    with pytest.raises(BoxNotAsAsked, match=wall):
        wrapped.sandbox.start(wrapped.spec(RAN))
    assert list(wrapped.out.iterdir()) == []
    assert traces.of_boxes() == before


# add_key(2) to the user's own keyring, and keyctl(2) KEYCTL_UNLINK from there
KEEP_KEY = """
import ctypes, sys
libc = ctypes.CDLL(None)
add, ask, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
key = libc.syscall(add, b"user", name, b"x", 1, -4)
print(open("/proc/keys").read(), flush=True)
sys.stdin.read()
libc.syscall(ask, 9, key, -4)
"""


def test_names_of_keys_cannot_be_read_in_a_bubblewrap_box(wrapped: Boxes) -> None:
    """Those of the box's user, which lie in the kernel whatever namespace he is in."""
    numbers = seccomp.numbers_of(syscalls.parse(syscalls.REFUSED), seccomp.machine())
    name = f"golf-verifier-test-{os.getpid()}"
    user = local.box_uid() if os.geteuid() == 0 else None
    arguments = (str(numbers["add_key"]), str(numbers["keyctl"]), name)
    command = [SYSTEM_PYTHON, "-I", "-S", "-c", KEEP_KEY, *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, user=user, **pipes) as keeper:
        try:
            assert keeper.stdout is not None
            seen = iter(keeper.stdout.readline, "\n")
            if not any(name in line for line in seen):
                pytest.skip("this user can keep no key, or the kernel shows none: not run")
            end = wrapped.run("print(repr(open('/proc/keys').read()))")
        finally:
            keeper.communicate("")
    assert end.log.strip() == "''"


@pytest.mark.parametrize("what", ["filter", "capability"])
def test_the_command_itself_is_read_back_not_only_its_reaper(
    wrapped: Boxes, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """bwrap's first process lives behind other walls than the command need be."""
    seen: list[int] = []
    walls = bubblewrap.process_walls

    def weaker(pid: int) -> dict[str, str] | None:
        found = walls(pid)
        if pid in seen and found is not None:
            change = {"filter": "system call filter", "capability": "effective capabilities"}
            found[change[what]] = "1"
        return found

    def children(pid: int) -> tuple[int, ...]:
        found = real(pid)
        seen.extend(found)
        return found

    real = bubblewrap.children
    monkeypatch.setattr(bubblewrap, "process_walls", weaker)
    monkeypatch.setattr(bubblewrap, "children", children)
    with pytest.raises(BoxNotAsAsked, match="is 1, asked for"):
        wrapped.sandbox.start(wrapped.spec("import time; time.sleep(100)"))


def test_a_command_without_its_filter_is_found_out(
    wrapped: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bwrap lays the filter on last, so that only the running command can be asked."""
    arguments = Layout.arguments

    def unfiltered(self: Layout, places: tuple[int, int, int]) -> list[str]:
        made = arguments(self, places)
        place = made.index("--seccomp")
        return [*made[:place], *made[place + 2 :]]

    monkeypatch.setattr(Layout, "arguments", unfiltered)
    monkeypatch.setattr(bubblewrap, "READ_BACK_SECONDS", 0.3)
    with pytest.raises(BoxNotAsAsked, match=r"system call filter(s is 1, asked for 2| is 0)"):
        wrapped.sandbox.start(wrapped.spec("import time; time.sleep(100)"))


def test_a_filter_that_the_kernel_refuses_is_no_run(
    wrapped: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bwrap ends before the command; that is no success, and nothing has run."""
    monkeypatch.setattr(seccomp, "program", lambda *_, **__: b"\xff" * 16)
    end = wrapped.run(RAN)
    assert end.exit_code not in {0, None}
    assert list(wrapped.out.iterdir()) == []


def test_what_bwrap_says_is_in_the_refusal(wrapped: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads it must learn why there is no box."""
    arguments = Layout.arguments
    monkeypatch.setattr(
        Layout, "arguments", lambda self, places: ["--no-such-option", *arguments(self, places)]
    )
    with pytest.raises(BoxNotAsAsked, match="no-such-option"):
        wrapped.sandbox.start(wrapped.spec(RAN))


def test_no_bwrap_is_a_missing_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message names the package; a bwrap that does not work is none either."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt-get install bubblewrap"):
        Bubblewrap()
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(MissingTool, match="no namespaces"):
        Bubblewrap()


def test_an_unpacked_image_that_was_changed_is_refused(
    wrapped: Boxes, pinned_root: Root, tmp_path: Path
) -> None:
    """One byte of one file, of the same size, is another image."""
    assert pinned_root.folder is not None
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(pinned_root.folder), str(copy)], check=True)
    passwd = copy / "etc" / "passwd"
    passwd.write_bytes(passwd.read_bytes().replace(b"nobody", b"no0ody"))
    with pytest.raises(ImageFault, match=r"etc/passwd: differs"):
        wrapped.sandbox.start(wrapped.spec("", root=replace(pinned_root, folder=copy)))


def test_names_of_hosts_have_a_place_in_every_image(tmp_path: Path) -> None:
    """Without one of its own the image's /etc is copied; else, and where none is, it is not."""
    root, place = tmp_path / "root", tmp_path / "place"
    root.mkdir()
    place.mkdir()
    assert etc_with_hosts(root, place) is None
    (root / "etc" / "inner").mkdir(parents=True)
    (root / "etc" / "inner" / "file").write_text("content")
    (root / "etc" / "link").symlink_to("/nowhere")
    copy = etc_with_hosts(root, place)
    assert copy is not None
    assert (copy / "inner" / "file").read_text() == "content"
    assert os.readlink(copy / "link") == "/nowhere"
    assert (copy / "hosts").read_bytes() == b"" and not (root / "etc" / "hosts").exists()
    (root / "etc" / "hosts").write_text("10.0.0.1 localhost")
    assert etc_with_hosts(root, place) is None


def test_the_box_of_an_interpreter_at_hand_shows_only_its_folders(
    wrapped: Boxes, host_root: Root
) -> None:
    """Without a pinned image bubblewrap shows the host's programs, read-only, and no more."""
    end = wrapped.run("import os; print(sorted(os.listdir('/etc')))", root=host_root)
    assert end.exit_code == 0, end.log
    assert "shadow" not in end.log and "hosts" in end.log


# ---------------------------------------------------------------- a plain process


def test_a_plain_box_without_its_filter_is_refused_and_never_runs(
    bare: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command waits behind its gate until the kernel has confirmed the walls."""
    monkeypatch.setattr(seccomp, "program", lambda *_, **__: b"")
    with pytest.raises(BoxNotAsAsked, match="system call filter"):
        bare.sandbox.start(bare.spec(RAN))
    assert list(bare.out.iterdir()) == []


def test_a_plain_box_with_a_filter_that_the_kernel_refuses_is_none(
    bare: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wall that cannot be put up ends the start, and the reason is told."""
    monkeypatch.setattr(seccomp, "program", lambda *_, **__: b"\xff" * 16)
    with pytest.raises(BoxNotAsAsked, match="walls could not be put up"):
        bare.sandbox.start(bare.spec(RAN))
    assert list(bare.out.iterdir()) == []


def test_a_kernel_without_landlock_gives_no_level(
    monkeypatch: pytest.MonkeyPatch, host_root: Root
) -> None:
    """Such a box says what it lacks and that it is no wall: its level is NONE."""
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 0)
    weak = Plain()
    assert weak.level is Assurance.NONE
    assert any("no Landlock" in wall for wall in weak.lacking())
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 3)
    assert any("can be signalled" in wall for wall in Plain().lacking())
    monkeypatch.setattr(plain, "_filter_possible", lambda: False)
    weak = Plain()
    assert weak.level is Assurance.NONE
    assert any("no system call filter" in wall for wall in weak.lacking())


def test_a_channel_whose_path_no_socket_can_have_is_our_fault(bare: Boxes) -> None:
    """At L0 a box sees host paths: it could not connect, and would seem to have died."""
    long = bare.folder / ("n" * 100)
    long.mkdir()
    before = traces.of_boxes()
    with pytest.raises(StorageFault, match="too long a path"):
        bare.sandbox.start(bare.spec("pass", channel=long))
    assert not {left for left in traces.of_boxes() - before if owner.mark() in left}


def test_a_plain_process_takes_no_root_file_system(pinned_root: Root) -> None:
    """It cannot change its root, so it must not say that it ran in one."""
    with pytest.raises(ImageFault, match="cannot change its root"):
        opened("plain").prepare(pinned_root)


def test_box_paths_are_rewritten_only_where_a_path_starts(bare: Boxes) -> None:
    """`/in` is replaced in `--data=/in/x`, not in `/usr/in` nor in `/input`."""
    words = ["--data=/in/given", "/usr/in", "/input", "/in", "x:/in:/out", "/in.d", "in"]
    end = bare.run("import sys; print(*sys.argv[1:], sep='\\n')", *words)
    given, out = str(bare.folder / "in"), str(bare.out)
    assert end.log.splitlines() == [
        f"--data={given}/given", "/usr/in", "/input", given, f"x:{given}:{out}", "/in.d", "in",
    ]  # fmt: skip


# ---------------------------------------------------------------- the keeper


@pytest.mark.parametrize("name", ["bubblewrap", "plain"])
def test_a_box_whose_keeper_is_killed_is_lost_and_dies(
    name: str, tmp_path: Path, pinned_root: Root, host_root: Root
) -> None:
    """Nobody can say how it ended; nothing of it may go on."""
    boxes = boxes_in(name, tmp_path, host_root if name == "plain" else pinned_root)
    mark = f"golf-verifier-orphan-{os.getpid()}-{name}"
    before = traces.of_boxes()
    with (
        pytest.raises(BoxLost),
        boxes.running("open('/out/ready', 'w'); import time; time.sleep(100)", mark) as box,
    ):
        traces.until(boxes.out / "ready")
        own = [int(child.split()[1]) for child in traces.children() - before]
        (kept_by,) = [pid for pid in own if _is_keeper(pid)]
        os.kill(kept_by, signal.SIGKILL)
        box.wait(20)
    assert traces.soon_gone(mark)
    assert traces.of_boxes() == before


def _is_keeper(pid: int) -> bool:
    return str(kept.KEEPER).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_keeper_that_does_not_answer_is_a_lost_box(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A verifier never waits for ever."""
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(kept, "KEEPER", deaf)
    monkeypatch.setattr(kept, "ANSWER_SECONDS", 0.2)
    run = kept.LocalRun({}, (), None)
    with pytest.raises(BoxLost, match="does not answer"):
        run.expect("pid", 0.2)
    with pytest.raises(BoxLost, match="is gone"):
        run.kill()
    run.remove()
    run.log_pipe.close()


def test_a_group_that_cannot_be_made_is_no_weaker_box(
    bare: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where groups can be had, a box without one was not asked for."""
    if not cgroup.possible():
        pytest.skip("no control groups here: not run")

    def refuse(*_: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr(cgroup, "_limit", refuse)
    before = traces.of_boxes()
    with pytest.raises(BoxNotAsAsked, match="no room"):
        bare.sandbox.start(bare.spec(RAN))
    assert traces.of_boxes() == before


def test_an_interpreter_among_private_folders_is_refused(tmp_path: Path) -> None:
    """A box would see all of a home folder."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python3").touch()
    root = Root(digest="host", python=str(home / "bin" / "python3"), pinned=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        with pytest.raises(MachineFault, match="would see all of"):
            opened("plain").prepare(root)
