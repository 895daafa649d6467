"""The one writable folder: bounded while the box lives, kept when it is dead."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox import traces
from tests.sandbox.conftest import LIMITS
from verifier.errors import StorageFault
from verifier.records import Limits, Mount
from verifier.sandbox import hostile, output
from verifier.sandbox.output import Output, open_output

needs_mounts = pytest.mark.skipif(not output.mountable(), reason="may not mount here: not run")
SMALL = replace(LIMITS, output_bytes=100_000, output_files=5)


def opened(folder: Path, limits: Limits = SMALL) -> Output:
    """The output folder of a box of this very user."""
    return open_output(Mount(source=folder, target="/out"), limits, os.geteuid())


def fill(folder: Path, size: int) -> int:
    """Write until it is full or `size` is reached; how much that was."""
    written = 0
    with (folder / "file").open("wb", buffering=0) as file:
        try:
            while written < size:
                written += file.write(bytes(min(4096, size - written)))
        except OSError:
            pass
    return written


@needs_mounts
def test_a_bounded_folder_takes_no_more_than_its_limits(tmp_path: Path) -> None:
    """Bytes end in an error of the box's own, entries too, and both are seen from outside."""
    folder = tmp_path / "out"
    bound = opened(folder)
    try:
        assert not bound.full()
        assert SMALL.output_bytes <= fill(folder, 1 << 20) < SMALL.output_bytes + 8 * 4096
        assert bound.full()
    finally:
        bound.discard()
    bound = opened(folder)
    try:
        for index in range(SMALL.output_files):
            (folder / str(index)).touch()
        assert not bound.full()
        (folder / "one more").touch()
        assert bound.full()
        with pytest.raises(OSError, match="No space left"):
            (folder / "two more").touch()
    finally:
        bound.discard()


@needs_mounts
def test_what_is_kept_lies_on_the_disk_and_nothing_stays_mounted(tmp_path: Path) -> None:
    """Keeping twice is keeping once."""
    folder = tmp_path / "out"
    bound = opened(folder)
    (folder / "file").write_text("kept")
    (folder / "link").symlink_to("/etc")
    assert bound.keep() == bound.keep() == ()
    assert (folder / "file").read_text() == "kept"
    assert os.readlink(folder / "link") == "/etc"
    assert not os.path.ismount(folder) and not traces.of_boxes() & {str(folder)}


@needs_mounts
def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    """A box that was refused leaves an empty folder."""
    folder = tmp_path / "out"
    bound = opened(folder)
    (folder / "file").write_text("gone")
    bound.discard()
    bound.discard()
    assert list(folder.iterdir()) == [] and not os.path.ismount(folder)


@needs_mounts
def test_a_disk_that_takes_no_more_is_a_storage_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the bound is gone all the same."""
    folder = tmp_path / "out"
    bound = opened(folder)

    def full(*_: int) -> tuple[str, ...]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hostile, "copy", full)
    with pytest.raises(StorageFault, match="cannot be kept"):
        bound.keep()
    assert not os.path.ismount(folder)


def test_without_the_right_to_mount_a_watcher_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the limits it is not full, beyond either it is; what lies there stays."""
    monkeypatch.setattr(output, "mountable", lambda: False)
    folder = tmp_path / "out"
    bound = opened(folder)
    assert fill(folder, SMALL.output_bytes) == SMALL.output_bytes
    assert not bound.full()
    with (folder / "file").open("ab") as file:
        file.write(b"x")
    assert bound.full()
    (folder / "file").unlink()
    for index in range(SMALL.output_files):
        (folder / str(index)).touch()
    assert not bound.full()
    (folder / "one more").touch()
    assert bound.full()
    assert bound.keep() == ()
    bound.discard()
    assert len(list(folder.iterdir())) == SMALL.output_files + 1


def test_a_folder_that_cannot_be_made_is_a_storage_fault(tmp_path: Path) -> None:
    """A file in its place, or something in it."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault, match="not writable"):
        opened(tmp_path / "file" / "out")
    (tmp_path / "old" / "x").mkdir(parents=True)
    with pytest.raises(StorageFault, match="must be empty"):
        opened(tmp_path / "old")


@needs_mounts
def test_mounts_of_the_living_are_not_swept(tmp_path: Path) -> None:
    """Only those whose maker is gone."""
    folder = tmp_path / "out"
    bound = opened(folder)
    try:
        output.sweep()
        assert os.path.ismount(folder)
    finally:
        bound.discard()


@needs_mounts
def test_mounts_of_the_dead_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lay there had no end and is no evidence."""
    folder = tmp_path / "with blank"
    space, pid, _ = output.owner.mark().split("-")
    monkeypatch.setattr(output, "mount_name", lambda: f"golf-verifier-{space}-{pid}-1")
    opened(folder)
    assert os.path.ismount(folder)
    output.sweep()
    assert not os.path.ismount(folder) and list(folder.iterdir()) == []


@needs_mounts
def test_a_living_mount_over_a_dead_one_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box that runs keeps its bound, though its folder was a killed verifier's before."""
    folder = tmp_path / "out"
    space, pid, _ = output.owner.mark().split("-")
    with monkeypatch.context() as dead:
        dead.setattr(output, "mount_name", lambda: f"golf-verifier-{space}-{pid}-1")
        opened(folder)
    bound = opened(folder)
    (folder / "of the living").touch()
    output.sweep()
    assert (folder / "of the living").exists()
    bound.discard()
    assert os.path.ismount(folder)
    output.sweep()
    assert not os.path.ismount(folder)
