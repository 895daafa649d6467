"""Locks: every line is understood or named with its file and number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import BadInput
from verifier.image.locks import (
    LockedDeb,
    LockedWheel,
    differences,
    read_debs,
    read_wheels,
    write_debs,
    write_wheels,
)

SUM = "0123456789abcdef" * 4
GOOD_WHEEL = f"torch==2.9.1+cpu --hash=sha256:{SUM}"
GOOD_DEB = f"libc6 2:2.36-9+deb12u13~x amd64 {SUM}"


def lock(folder: Path, text: str | bytes) -> Path:
    path = folder / "some.lock"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_wheel_is_read_from_one_line_or_two(tmp_path: Path) -> None:
    """pip's own format, as `pip download --require-hashes` takes it."""
    text = f"# made by hand\n\n{GOOD_WHEEL}\nnumpy==2.0 \\\n    --hash=sha256:{SUM}\n"
    assert read_wheels(lock(tmp_path, text)) == (
        LockedWheel("numpy", "2.0", SUM),
        LockedWheel("torch", "2.9.1+cpu", SUM),
    )


@pytest.mark.parametrize(
    "line",
    [
        "torch",
        "torch==2.9.1",
        f"torch>=2.9.1 --hash=sha256:{SUM}",
        f"torch==2.9.1,<3 --hash=sha256:{SUM}",
        f"torch==2.9.1; python_version>'3' --hash=sha256:{SUM}",
        f"torch[extra]==2.9.1 --hash=sha256:{SUM}",
        f"Torch==2.9.1 --hash=sha256:{SUM}",
        f"some_name==1 --hash=sha256:{SUM}",
        f"some.name==1 --hash=sha256:{SUM}",
        f"-torch==1 --hash=sha256:{SUM}",
        f"torch @ https://example.org/torch.whl --hash=sha256:{SUM}",
        "torch==2.9.1 --hash=md5:0123456789abcdef0123456789abcdef",
        f"torch==2.9.1 --hash=sha256:{SUM[:-1]}",
        f"torch==2.9.1 --hash=sha256:{SUM.upper()}",
        f"torch==2.9.1 --hash=sha256:{SUM} --hash=sha256:{SUM}",
        f"torch==2.9.1 --hash=sha256:{SUM} # the right one",
        "--index-url https://example.org",
        "-r other.lock",
        f"torch==-1 --hash=sha256:{SUM}",
    ],
)
def test_a_wheel_that_is_not_pinned_to_one_hash_is_refused(tmp_path: Path, line: str) -> None:
    """Never an unlocked wheel; the message leads an editor to the line."""
    path = lock(tmp_path, f"# first\n{GOOD_WHEEL.replace('torch', 'other')}\n{line}\n")
    with pytest.raises(BadInput, match="is not of the form") as refused:
        read_wheels(path)
    assert (refused.value.file, refused.value.place) == (str(path), "3")


def test_the_line_of_a_continued_entry_is_its_first(tmp_path: Path) -> None:
    """Of two lines the one that names the package."""
    with pytest.raises(BadInput) as refused:
        read_wheels(lock(tmp_path, "torch==1 \\\n    --hash=sha256:short\n"))
    assert refused.value.place == "1"


def test_a_comment_within_an_entry_is_refused(tmp_path: Path) -> None:
    """What stands between the lines of one entry is part of it."""
    with pytest.raises(BadInput, match="is not of the form"):
        read_wheels(lock(tmp_path, f"torch==1 \\\n# --hash\n--hash=sha256:{SUM}\n"))


def test_a_lock_that_ends_within_an_entry_is_refused(tmp_path: Path) -> None:
    """A file cut short."""
    with pytest.raises(BadInput, match="ends within an entry") as refused:
        read_wheels(lock(tmp_path, f"{GOOD_WHEEL}\nnumpy==1 \\\n"))
    assert refused.value.place == "2"


def test_a_wheel_locked_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two would be meant?"""
    with pytest.raises(BadInput, match="torch is locked twice") as refused:
        read_wheels(lock(tmp_path, f"{GOOD_WHEEL}\n{GOOD_WHEEL}\n"))
    assert refused.value.place == "2"


@pytest.mark.parametrize("read", [read_wheels, read_debs])
def test_a_lock_of_nothing_is_refused(tmp_path: Path, read: object) -> None:
    """Empty evidence is no evidence."""
    assert callable(read)
    with pytest.raises(BadInput, match="locks nothing"):
        read(lock(tmp_path, "# only this\n\n"))


@pytest.mark.parametrize("read", [read_wheels, read_debs])
def test_a_lock_that_cannot_be_read_is_named(tmp_path: Path, read: object) -> None:
    """Missing, or no text: the file, and the byte where it stops being text."""
    assert callable(read)
    with pytest.raises(BadInput, match="cannot be read") as refused:
        read(tmp_path / "absent.lock")
    assert refused.value.file == str(tmp_path / "absent.lock")
    with pytest.raises(BadInput, match="is no UTF-8 text") as refused:
        read(lock(tmp_path, b"torch\xff"))
    assert refused.value.place == "5"


@pytest.mark.parametrize(
    "line",
    [
        "libc6",
        f"libc6 2.36 {SUM}",
        f"libc6 2.36 amd64 {SUM[:-1]}",
        f"libc6 2.36 amd64 {SUM} more",
        f"libc6  2.36 amd64 {SUM}",
        f" libc6 2.36 amd64 {SUM}",
        f"libc6 2.36 arm64 {SUM}",
        f"LIBC6 2.36 amd64 {SUM}",
        f"libc6 latest amd64 {SUM}",
    ],
)
def test_a_package_that_is_not_wholly_described_is_refused(tmp_path: Path, line: str) -> None:
    """Name, version, architecture, sha256, and the number of the line that lacks one."""
    path = lock(tmp_path, f"# first\n{GOOD_DEB}\n{line}\n")
    with pytest.raises(BadInput, match="is not of the form") as refused:
        read_debs(path)
    assert (refused.value.file, refused.value.place) == (str(path), "3")


def test_a_package_locked_twice_is_refused(tmp_path: Path) -> None:
    """Once for each architecture, and no more."""
    other = GOOD_DEB.replace("amd64", "all")
    assert len(read_debs(lock(tmp_path, f"{GOOD_DEB}\n{other}\n"))) == 2
    with pytest.raises(BadInput, match="libc6 is locked twice"):
        read_debs(lock(tmp_path, f"{GOOD_DEB}\n{GOOD_DEB.replace('2.36', '2.37')}\n"))


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9][0-9.]{0,5}", fullmatch=True)
SUMS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@given(
    st.lists(st.builds(LockedWheel, NAMES, VERSIONS, SUMS), min_size=1, unique_by=lambda w: w.name)
)
def test_wheels_that_are_written_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, wheels: list[LockedWheel]
) -> None:
    """In any order they were written, and sorted by name."""
    path = lock(tmp_path_factory.mktemp("locks"), write_wheels(wheels))
    assert read_wheels(path) == tuple(sorted(wheels))


@given(
    st.lists(
        st.builds(LockedDeb, NAMES.map(lambda n: n + "-dev"), VERSIONS, st.just("amd64"), SUMS),
        min_size=1,
        unique_by=lambda deb: deb.name,
    )
)
def test_packages_that_are_written_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, debs: list[LockedDeb]
) -> None:
    """In any order they were written, and sorted by name."""
    path = lock(tmp_path_factory.mktemp("locks"), write_debs(debs))
    assert read_debs(path) == tuple(sorted(debs))


def test_each_difference_is_named_by_its_package() -> None:
    """Gone, new, another version, and another file under the same version."""
    locked = [LockedDeb(name, "1", "all", SUM) for name in ("gone", "same", "swapped", "moved")]
    found = [
        LockedDeb("moved", "2", "all", SUM),
        LockedDeb("new", "3", "all", SUM),
        LockedDeb("same", "1", "all", SUM),
        LockedDeb("swapped", "1", "all", SUM[::-1]),
    ]
    assert differences(locked, found) == (
        "gone is locked and not there",
        "moved is 2, locked 1",
        "new 3 is there and not locked",
        f"swapped 1 has sha256 {SUM[::-1][:12]}…, locked {SUM[:12]}…",
    )
    assert differences(locked, reversed(locked)) == ()
