"""Control groups: how both versions are laid out, read, limited, killed and swept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.conftest import LIMITS
from verifier import owner
from verifier.errors import BoxLost, BoxNotAsAsked
from verifier.sandbox import cgroup
from verifier.sandbox.cgroup import Cgroup, Usage

needs_groups = pytest.mark.skipif(not cgroup.possible(), reason="no control groups here: not run")


# ---------------------------------------------------------------- laid out on paper


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /sys/fs/cgroup."""
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path)
    monkeypatch.setattr(cgroup, "REMOVE_SECONDS", 0.05)
    return tmp_path


@pytest.fixture
def first_version(mount: Path) -> Path:
    """Version 1: one hierarchy per controller, two of them in one folder, one that is no limit."""
    for name in ("memory", "pids", "cpu,cpuacct", "freezer"):
        (mount / name).mkdir()
        (mount / name / "cgroup.procs").touch()
    for name in ("cpu", "cpuacct"):
        (mount / name).symlink_to("cpu,cpuacct")
    return mount


@pytest.fixture
def second_version(mount: Path) -> Path:
    """Version 2: one hierarchy, which hands on what is limited."""
    (mount / "cgroup.controllers").write_text("cpu memory pids\n")
    (mount / "cgroup.procs").touch()
    (mount / "cgroup.subtree_control").write_text("cpu memory pids\n")
    return mount


def write(folder: Path, **files: str) -> None:
    """Control files, `_` in their names for the first dot."""
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def test_the_first_version_is_limited_and_counted_in_each_hierarchy(first_version: Path) -> None:
    """Memory, processes and CPU time, each where its controller is."""
    group = cgroup.create("a", LIMITS)
    assert group is not None and not group.unified
    name = f"golf-verifier-{owner.mark()}-a"
    memory, pids, cpu = (first_version / place / name for place in ("memory", "pids", "cpu"))
    assert group.limits() == {"memory_bytes": LIMITS.memory_bytes, "pids": LIMITS.pids}
    assert (memory / "memory.limit_in_bytes").read_text() == str(LIMITS.memory_bytes)
    assert (cpu / "cpu.cfs_quota_us").read_text() == "100000"
    assert group.entries == tuple(
        sorted(str(first_version / place / name / "cgroup.procs") for place in
               ("memory", "pids", "cpu,cpuacct"))
    )  # fmt: skip
    write(
        memory, memory_max_usage_in_bytes="5000\n", memory_oom_control="under_oom 0\noom_kill 3\n"
    )
    write(cpu, cpuacct_usage="2500000000\n")
    write(pids, pids_events="max 7\n")
    assert group.usage() == Usage(2.5, 5000, 3, 7)


def test_the_second_version_is_limited_and_counted_in_one(second_version: Path) -> None:
    """The same figures from other files."""
    group = cgroup.create("a", LIMITS)
    assert group is not None and group.unified
    folder = group.folders["unified"]
    assert group.limits() == {"memory_bytes": LIMITS.memory_bytes, "pids": LIMITS.pids}
    assert (folder / "cpu.max").read_text() == "100000 100000"
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "memory.oom.group").read_text() == "1"
    assert group.entries == (str(folder / "cgroup.procs"),)
    write(folder, memory_peak="5000\n", memory_events="low 0\noom 1\noom_kill 3\n")
    write(folder, cpu_stat="usage_usec 2500000\nuser_usec 1\n", pids_events="max 7\n")
    assert group.usage() == Usage(2.5, 5000, 3, 7)


def test_files_that_are_not_there_count_nothing(second_version: Path) -> None:
    """An older kernel has no peak; no limit is the largest number."""
    group = cgroup.create("a", LIMITS)
    assert group is not None
    assert group.usage() == Usage(0.0, None, 0, 0)
    write(group.folders["unified"], memory_max="max\n")
    assert group.limits()["memory_bytes"] == 2**63 - 1


def test_a_second_version_that_hands_on_no_limit_gives_no_group(second_version: Path) -> None:
    """Then the backend says what is lacking."""
    for handed in ("cpu\n", "memory\n", "pids\n", ""):
        (second_version / "cgroup.subtree_control").write_text(handed)
        assert cgroup.create("a", LIMITS) is None and not cgroup.possible()


def test_an_ordinary_user_gets_the_group_he_was_handed(
    second_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His own, or the one above it when only that hands on."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (second_version / "cgroup.subtree_control").write_text("")
    own = second_version / "user" / "app" / "own"
    own.mkdir(parents=True)
    read = Path.read_text

    def membership(self: Path, *arguments: str, **named: str) -> str:
        if str(self) == "/proc/self/cgroup":
            return "0::/user/app/own\n"
        return read(self, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", membership)
    assert cgroup.create("a", LIMITS) is None
    (own.parent / "cgroup.subtree_control").write_text("memory pids")
    above = cgroup.create("a", LIMITS)
    assert above is not None and above.folders["unified"].parent == own.parent
    (own / "cgroup.subtree_control").write_text("memory pids")
    inside = cgroup.create("b", LIMITS)
    assert inside is not None and inside.folders["unified"].parent == own


def test_a_first_version_without_one_controller_gives_no_group(first_version: Path) -> None:
    """A limit that nobody holds is none."""
    assert cgroup.possible()
    (first_version / "pids" / "cgroup.procs").unlink()
    (first_version / "pids").rmdir()
    assert cgroup.create("a", LIMITS) is None and not cgroup.possible()


def test_no_control_groups_at_all_are_no_fault(mount: Path) -> None:
    """There is nothing to make and nothing to sweep."""
    assert cgroup.create("a", LIMITS) is None
    cgroup.sweep()


def test_a_group_that_cannot_be_limited_is_refused_and_removed(first_version: Path) -> None:
    """A box in it would be weaker than asked."""
    taken = first_version / "pids" / f"golf-verifier-{owner.mark()}-a"
    taken.write_text("in the way")
    with pytest.raises(BoxNotAsAsked, match="could not be made"):
        cgroup.create("a", LIMITS)
    assert not list((first_version / "memory").glob("golf-verifier-*"))


def test_the_group_of_a_process_is_read_from_its_membership(
    first_version: Path, second_version: Path
) -> None:
    """Each controller has its own path; version 2 has one for all."""
    (first_version / "cgroup.controllers").unlink()
    text = "9:name=systemd:/x\n4:memory:/m/a\n3:cpu,cpuacct:/c/a\n2:pids:/p/a\n0::/x\n"
    folders = cgroup.of(text).folders
    assert {key: str(path.relative_to(first_version)) for key, path in folders.items()} == {
        "memory": "memory/m/a",
        "pids": "pids/p/a",
        "cpu": "cpu,cpuacct/c/a",
        "cpuacct": "cpu,cpuacct/c/a",
    }
    (second_version / "cgroup.controllers").touch()
    assert cgroup.of("0::/docker/a\n").folders == {"unified": second_version / "docker" / "a"}


def test_processes_of_inner_groups_are_processes_of_the_group(first_version: Path) -> None:
    """In whichever hierarchy they are listed."""
    group = cgroup.create("a", LIMITS)
    assert group is not None
    write(group.folders["memory"], cgroup_procs="1\n2\n")
    (group.folders["pids"] / "inner").mkdir()
    write(group.folders["pids"] / "inner", cgroup_procs="3\n")
    assert group.processes() == {1, 2, 3}


def test_every_hierarchy_that_an_engine_used_is_cleared(first_version: Path) -> None:
    """The engine makes the group it is told of everywhere, not only where we limit."""
    group = Cgroup("golf-verifier-x", {"memory": first_version / "memory" / "golf-verifier-x"})
    for place in ("memory", "freezer"):
        (first_version / place / "golf-verifier-x" / "inner").mkdir(parents=True)
    group.remove()
    group.remove()
    assert not list(first_version.glob("*/golf-verifier-x"))


def test_a_process_that_cannot_be_killed_is_a_lost_box(
    second_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host must not say that a box has ended which has not."""
    group = cgroup.create("a", LIMITS)
    assert group is not None
    folder = group.folders["unified"]
    write(folder, cgroup_procs="4194305\n", cgroup_kill="")
    with pytest.raises(BoxLost, match="4194305"):
        group.kill()
    assert (folder / "cgroup.kill").read_text() == "1"
    # Nothing new can be made meanwhile.
    assert (folder / "pids.max").read_text() == "0"


# ---------------------------------------------------------------- as this kernel has them


@pytest.fixture
def group() -> Iterator[Cgroup]:
    """A real group."""
    made = cgroup.create(f"test-{time.monotonic_ns():x}", LIMITS)
    assert made is not None
    yield made
    made.kill()
    made.remove()


def join(group: Cgroup, source: str) -> subprocess.Popen[bytes]:
    """A process in a group that runs `source` once it is in."""
    enter = "".join(f"open({entry!r}, 'w').write('0');" for entry in group.entries)
    command = [sys.executable, "-I", "-S", "-c", f"{enter}\n{source}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@needs_groups
def test_a_real_group_counts_and_kills_what_is_in_it(group: Cgroup) -> None:
    """Also what was forked and left its session."""
    source = (
        "import os, time\nos.fork(); os.setsid(); held = bytearray(4 << 20)\n"
        "print('in', flush=True); time.sleep(100)"
    )
    with join(group, source) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        assert len(group.processes()) == 2
        assert group.limits() == {"memory_bytes": LIMITS.memory_bytes, "pids": LIMITS.pids}
        group.kill()
        assert group.processes() == set()
        assert process.wait() == -9
    used = group.usage()
    assert used.cpu_seconds is not None and used.cpu_seconds > 0
    assert used.memory_peak_bytes is not None and used.memory_peak_bytes > 1 << 20


@needs_groups
def test_a_group_whose_maker_is_gone_is_swept_with_what_runs_in_it() -> None:
    """A living maker's is not."""
    space, pid, started = owner.mark().split("-")
    dead = f"{space}-{pid}-{int(started) - 1}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, "mark", lambda: dead)
        left = cgroup.create("left", LIMITS)
    ours = cgroup.create("ours", LIMITS)
    assert left is not None and ours is not None
    try:
        source = "import time; print('in', flush=True); time.sleep(100)"
        with join(left, source) as process:
            assert process.stdout is not None
            process.stdout.readline()
            cgroup.sweep()
            assert process.wait(5) == -9
        assert not any(folder.exists() for folder in left.folders.values())
        assert all(folder.exists() for folder in ours.folders.values())
    finally:
        ours.remove()
