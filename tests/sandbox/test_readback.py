"""What is read back of a box: one comparison, and what the kernel says of processes and mounts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.errors import BoxNotAsAsked
from verifier.sandbox import readback
from verifier.sandbox.readback import (
    children,
    is_leaving,
    mount_points,
    process_walls,
    require_same,
    separate_namespaces,
)

NOBODY_THERE = 2**22 + 1


def test_the_same_walls_are_no_difference() -> None:
    """More may be seen than was asked for."""
    require_same("box", {"a": "1"}, {"a": "1", "b": "2"})
    require_same("box", {}, {})


def test_every_difference_is_named() -> None:
    """The refusal says what is, and what was asked for."""
    with pytest.raises(BoxNotAsAsked) as caught:
        require_same("train", {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "0"})
    assert str(caught.value) == "train: b is 0, asked for 2; c is not to be seen, asked for 3"


def test_what_was_not_seen_is_a_difference() -> None:
    """Missing evidence is never a pass."""
    with pytest.raises(BoxNotAsAsked, match="not to be seen"):
        require_same("box", {"wall": "1"}, {})


def test_the_walls_of_a_process_are_the_kernels() -> None:
    """This one has no filter and is who it is."""
    walls = process_walls(os.getpid())
    assert walls is not None
    assert set(readback.PROCESS_WALLS) <= set(walls)
    assert walls["user"] == str(os.getuid())
    assert walls["system call filter"] in {"0", "2"}


def test_a_process_that_is_gone_or_a_zombie_has_no_walls() -> None:
    """Its status tells nothing about what ran."""
    assert process_walls(NOBODY_THERE) is None
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_walls(child.pid) is None
        assert separate_namespaces(NOBODY_THERE) is None


def test_namespaces_are_told_apart_from_ours() -> None:
    """A child of ours is in all of ours."""
    said = separate_namespaces(os.getpid())
    assert said is not None and set(said.values()) == {"the host's"}
    assert len(said) == len(readback.NAMESPACES)


def test_children_are_those_of_the_first_thread() -> None:
    """Who started what is the kernel's word."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=-1) as child:
        assert child.pid in children(os.getpid())
        assert child.stdin is not None
        child.stdin.close()
    assert children(NOBODY_THERE) == ()


def test_mounts_are_read_as_the_kernel_writes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Blanks and backslashes are octal; the topmost mount of a place comes last."""
    text = (
        "22 1 0:40 / / ro,relatime master:2 - overlay overlay rw,lowerdir=/a\n"
        "23 22 0:41 / /with\\040blank\\134s rw,nosuid - tmpfs golf\\040one rw,size=1k\n"
        "24 22 0:42 / /in ro - ext4 /dev/vda rw\n"
        "25 24 0:43 / /in rw shared:1 - tmpfs above rw\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_: text)
    assert [(mount.place, mount.read_only, mount.source) for mount in mount_points(1)] == [
        ("/", True, "overlay"),
        ("/with blank\\s", False, "golf one"),
        ("/in", True, "/dev/vda"),
        ("/in", False, "above"),
    ]


def test_a_process_that_is_gone_has_no_mounts() -> None:
    """Nothing is made up for it."""
    assert list(mount_points(NOBODY_THERE)) == []


def test_only_what_runs_no_more_is_leaving() -> None:
    """A number that nobody has, and a process that nobody has waited for yet."""
    assert not is_leaving(os.getpid())
    assert is_leaving(NOBODY_THERE)
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_leaving(child.pid)
