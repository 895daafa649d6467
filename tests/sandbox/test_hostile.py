"""What a box left in a folder is counted, copied and removed, whatever it is."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.sandbox import hostile
from verifier.scratch import empty, temporary


@contextlib.contextmanager
def opened(*folders: Path) -> Iterator[list[int]]:
    """Descriptors of folders."""
    places = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders]
    try:
        yield places
    finally:
        for place in places:
            os.close(place)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """What the box left; taken away again, since what clears up after tests cannot go so deep."""
    folder = tmp_path / "source"
    folder.mkdir()
    yield folder
    empty(folder)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where it goes."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def copied(source: Path, target: Path) -> tuple[str, ...]:
    """Copy; what was left out."""
    with opened(source, target) as (reading, writing):
        return hostile.copy(reading, writing)


def deep(folder: Path, depth: int, name: str = "d") -> None:
    """So many folders in each other, by descriptors: their path is too long for any call."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=place)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
        os.close(place)
        place = inner
    with open(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=place), "wb") as file:
        file.write(b"x" * 5000)
    os.close(place)


# ---------------------------------------------------------------- copying


def test_files_and_folders_arrive(source: Path, target: Path) -> None:
    """Content and names, none of the rights: a copy is the host's own."""
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "data").write_bytes(bytes(range(256)) * 9000)
    (source / "empty").touch()
    (source / "a").chmod(0o700)
    (source / "empty").chmod(0o4777)
    assert copied(source, target) == ()
    assert (target / "a" / "b" / "data").read_bytes() == bytes(range(256)) * 9000
    assert (target / "empty").stat().st_mode & 0o7777 == 0o644
    assert (target / "a").stat().st_mode & 0o7777 == 0o755


def test_links_are_copied_and_never_followed(source: Path, target: Path, tmp_path: Path) -> None:
    """Neither to a file, nor to a folder, nor up."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("secret")
    for name, to in (("file", "../secret/file"), ("folder", "../secret"), ("none", "/nowhere")):
        (source / name).symlink_to(to)
    assert copied(source, target) == ()
    assert {path.name: os.readlink(path) for path in target.iterdir()} == {
        "file": "../secret/file",
        "folder": "../secret",
        "none": "/nowhere",
    }


def test_names_of_one_file_stay_names_across_folders(source: Path, target: Path) -> None:
    """So that they are found as what they are, and cost the disk nothing."""
    (source / "a").mkdir()
    (source / "a" / "first").write_bytes(b"x" * 100_000)
    (source / "z").mkdir()
    (source / "z" / "second").hardlink_to(source / "a" / "first")
    (source / "third").hardlink_to(source / "a" / "first")
    assert copied(source, target) == ()
    first = target / "a" / "first"
    assert first.stat().st_nlink == 3
    assert (target / "z" / "second").samefile(first) and (target / "third").samefile(first)


def test_holes_stay_holes(source: Path, target: Path) -> None:
    """A file of a terabyte with two bytes in it costs two blocks."""
    with (source / "hole").open("wb") as file:
        file.write(b"begin")
        file.seek(1 << 34)
        file.write(b"end")
        file.truncate(1 << 40)
    assert copied(source, target) == ()
    hole = (target / "hole").stat()
    assert hole.st_size == 1 << 40 and hole.st_blocks * 512 < 1 << 20
    with (target / "hole").open("rb") as file:
        assert file.read(6) == b"begin\0"
        file.seek(1 << 34)
        assert file.read(4) == b"end\0"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300_000), st.binary(max_size=5000)), max_size=8))
def test_any_pattern_of_holes_is_the_same_file(writes: list[tuple[int, bytes]]) -> None:
    """Whatever was written where."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.mkdir()
        target.mkdir()
        with (source / "file").open("wb") as file:
            for place, block in writes:
                file.seek(place)
                file.write(block)
        assert copied(source, target) == ()
        assert (target / "file").read_bytes() == (source / "file").read_bytes()


def test_attributes_are_remembered_by_name(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: bytes that no file's size shows. They do not arrive; that they were there does."""
    (source / "inner").mkdir()
    (source / "inner" / "file").write_bytes(b"1")
    for place in (source, source / "inner", source / "inner" / "file"):
        os.setxattr(place, "user.weights", b"x" * 500)
    assert copied(source, target) == ()
    for place in (target, target / "inner", target / "inner" / "file"):
        assert os.listxattr(place) == ["user.weights"]
        assert os.getxattr(place, "user.weights") == b""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room for it")

    monkeypatch.setattr(os, "setxattr", full)
    (target / "again").mkdir()
    left_out = copied(source, target / "again")
    assert len(left_out) == 3
    assert all("no room for it" in said for said in left_out)


def test_pipes_stay_pipes_and_nobody_waits_for_them(source: Path, target: Path) -> None:
    """Opening one would wait for ever."""
    os.mkfifo(source / "pipe")
    assert copied(source, target) == ()
    assert (target / "pipe").is_fifo()


def test_what_cannot_be_kept_is_named(source: Path, target: Path) -> None:
    """Sockets, devices and what lies too deep."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(source / "socket"))
    deep(source, hostile.DEEPEST + 3)
    left_out = copied(source, target)
    assert len(left_out) == 2
    assert "'socket': a socket or device" in left_out
    assert any("deeper than 64 folders" in what for what in left_out)
    assert sum(1 for _ in target.rglob("d")) == hostile.DEEPEST + 1 - 1


def test_a_further_name_whose_first_lies_too_far_is_left_out(source: Path, target: Path) -> None:
    """It is never copied instead: a thousand names would become a thousand files."""
    long = "n" * 250
    deep(source, 20, long)
    place = os.open(source, os.O_RDONLY)
    inner = place
    for _ in range(20):
        inner = os.open(long, os.O_RDONLY, dir_fd=inner)
    os.link("file", "zz", src_dir_fd=inner, dst_dir_fd=place)
    left_out = copied(source, target)
    assert [what for what in left_out if what.startswith("'zz'")] == [
        f"'zz': {os.strerror(errno.ENAMETOOLONG)}"
    ]
    assert not (target / "zz").exists()


def test_names_that_are_no_text_are_names(source: Path, target: Path) -> None:
    """A name is bytes; what is said about it is text."""
    os.mkdir(os.fsencode(source) + b"/\xff\xfe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fsencode(source) + b"/\xff\xfe/\n\xfd")
    (left_out,) = copied(source, target)
    assert left_out.encode("ascii") == rb"'\udcff\udcfe/\n\udcfd': a socket or device"
    assert os.listdir(os.fsencode(target)) == [b"\xff\xfe"]


def test_a_full_disk_is_the_hosts_trouble(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised; an entry that only the box can have made strange is not."""
    (source / "a").symlink_to("x")

    def refuse(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "symlink", lambda *_, **__: refuse(errno.EINVAL))
    assert copied(source, target) == ("'a': Invalid argument",)
    for number in hostile.DISK_FAULTS:
        monkeypatch.setattr(os, "symlink", lambda *_, n=number, **__: refuse(n))
        with pytest.raises(OSError, match=os.strerror(number)):
            copied(source, target)


# ---------------------------------------------------------------- counting


def test_entries_and_bytes_are_counted(source: Path) -> None:
    """Folders, links and further names are entries; a hole weighs nothing."""
    (source / "a").mkdir()
    (source / "a" / "file").write_bytes(b"x" * 1000)
    (source / "link").symlink_to("a")
    with (source / "hole").open("wb") as file:
        file.truncate(1 << 40)
    assert not hostile.exceeds(source, 4, 1001)
    assert hostile.exceeds(source, 3, 1001)
    assert hostile.exceeds(source, 4, 999)


def test_a_size_is_as_files_tell_it_and_no_page_more(source: Path) -> None:
    """Many small files within the limit are within the limit."""
    for index in range(10):
        (source / str(index)).write_bytes(b"x" * 10)
    assert not hostile.exceeds(source, 10, 100)
    assert hostile.exceeds(source, 10, 99)


def test_what_lies_too_deep_to_be_counted_is_too_much(source: Path) -> None:
    """Else bytes could be hidden there, and a stack be overrun."""
    deep(source, hostile.DEEPEST - 1)
    assert not hostile.exceeds(source, 10_000, 10_000)
    deep(source, hostile.DEEPEST + 1, "e")
    assert hostile.exceeds(source, 10_000, 10_000)
    empty(source / "e")
    deep(source, 600, "eight888")
    assert hostile.exceeds(source, 10_000, 10_000)
    empty(source)


def test_a_folder_that_is_closed_to_us_is_too_much(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that vanishes meanwhile is not."""
    real = os.scandir

    def refuse(number: int) -> object:
        def scandir(place: str) -> object:
            if place != str(source):
                raise OSError(number, os.strerror(number))
            return real(place)

        return scandir

    (source / "inner").mkdir()
    monkeypatch.setattr(os, "scandir", refuse(errno.EACCES))
    assert hostile.exceeds(source, 10, 10)
    monkeypatch.setattr(os, "scandir", refuse(errno.ENOENT))
    assert not hostile.exceeds(source, 10, 10)


# ---------------------------------------------------------------- removing


def test_a_tree_of_any_depth_and_rights_is_removed(source: Path, tmp_path: Path) -> None:
    """Deeper than a path can be long, closed to its owner, with links out of it."""
    (tmp_path / "kept").write_text("kept")
    (source / "link").symlink_to(tmp_path)
    deep(source, 1200)
    (source / "closed" / "inner").mkdir(parents=True)
    (source / "closed" / "file").write_text("x")
    (source / "closed" / "inner").chmod(0)
    (source / "closed").chmod(0o500)
    os.mkfifo(source / "pipe")
    empty(source)
    assert not source.exists()
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_folder_for_boxes_goes_away_with_all_they_left() -> None:
    """Python's own temporary folders end in a RecursionError, and stay."""
    with temporary("test") as folder:
        deep(folder, 2_000)
    assert not folder.exists()


def test_removing_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    """Two may sweep at once."""
    empty(tmp_path / "absent")
    (tmp_path / "link").symlink_to(tmp_path)
    empty(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and tmp_path.exists()


def test_what_does_not_go_is_left_without_end(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the host keeps must not keep the host."""
    (source / "stuck" / "inner").mkdir(parents=True)
    (source / "stuck" / "file").touch()
    (source / "free").touch()
    real = os.unlink

    def unlink(name: str, *, dir_fd: int) -> None:
        if name == "file":
            raise PermissionError(errno.EPERM, "immutable")
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    empty(source)
    assert sorted(path.name for path in source.rglob("*")) == ["file", "stuck"]


LONG_AGO = 1_000_000_000


def test_a_box_cannot_date_what_it_leaves(source: Path, target: Path) -> None:
    """A copy is as old as the last change of its file, whatever time the box set."""
    (source / "weights").write_bytes(b"w")
    os.utime(source / "weights", (LONG_AGO, LONG_AGO))
    changed = (source / "weights").stat().st_ctime_ns
    assert copied(source, target) == ()
    assert (target / "weights").stat().st_mtime_ns == changed


def test_what_is_not_copied_is_dated_in_its_place(source: Path) -> None:
    """The same times, links and pipes left alone, and no depth overflows a stack."""
    (source / "a").mkdir()
    (source / "a" / "weights").write_bytes(b"w")
    os.utime(source / "a" / "weights", (LONG_AGO, LONG_AGO))
    changed = (source / "a" / "weights").stat().st_ctime_ns
    (source / "link").symlink_to("a/weights")
    os.mkfifo(source / "pipe")
    assert hostile.dated(source) == ()
    assert (source / "a" / "weights").stat().st_mtime_ns == changed
    deep(source, 2_000)
    (said,) = hostile.dated(source)
    assert "deeper than" in said


def test_what_cannot_be_dated_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time may be the box's word."""
    (source / "weights").write_bytes(b"w")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "utime", refused)
    (said,) = hostile.dated(source)
    assert said.endswith("no")
