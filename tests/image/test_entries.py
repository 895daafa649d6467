"""Which files make the root: no path leads out of it, and no source replaces another's file."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.made import debian_tar, file, folder_member, member, tar
from verifier.errors import ImageFault
from verifier.image.entries import Entry, File, Folder, Link, inside, of_tar, together


def entries_of(path: Path) -> dict[str, Entry]:
    """What the tar holds, files with their content read."""
    with tarfile.open(path) as archive:
        found = {entry.path: entry for entry in of_tar(archive)}
        return {
            place: file(place, content_of(entry), mode=entry.mode)
            if isinstance(entry, File)
            else entry
            for place, entry in found.items()
        }


def content_of(entry: Entry) -> bytes:
    assert isinstance(entry, File)
    with entry.open() as content:
        return content.read()


def test_a_tar_is_files_folders_and_links(tmp_path: Path) -> None:
    """Without its root entry, which every tar spells in its own way."""
    path = tar(
        tmp_path / "base.tar",
        folder_member("./"),
        folder_member("./etc", mode=0o1777),
        member("./etc/motd", b"hello", mode=0o640),
        member("etc/link", type=tarfile.SYMTYPE, linkname="/etc/motd"),
    )
    found = entries_of(path)
    assert list(found) == ["etc", "etc/motd", "etc/link"]
    assert found["etc"] == Folder("etc", 0o1777)
    assert found["etc/link"] == Link("etc/link", "/etc/motd")
    assert content_of(found["etc/motd"]) == b"hello"


def test_set_user_bits_are_dropped(tmp_path: Path) -> None:
    """Of files and folders; a shared folder keeps its sticky bit."""
    path = tar(
        tmp_path / "base.tar",
        folder_member("bin", mode=0o7755),
        member("bin/su", b"", mode=0o6755),
    )
    found = entries_of(path)
    assert found["bin"] == Folder("bin", 0o1755)
    assert isinstance(found["bin/su"], File)
    assert found["bin/su"].mode == 0o755


def test_a_hard_link_becomes_a_copy(tmp_path: Path) -> None:
    """Its mode and content are those of the file it names."""
    path = tar(
        tmp_path / "base.tar",
        member("./perl", b"a program", mode=0o755),
        member("./perl5", type=tarfile.LNKTYPE, linkname="./perl"),
    )
    found = entries_of(path)["perl5"]
    assert content_of(found) == b"a program"
    assert isinstance(found, File)
    assert found.mode == 0o755


@pytest.mark.parametrize("target", ["./absent", "./folder", "./itself"])
def test_a_hard_link_to_no_file_is_refused(tmp_path: Path, target: str) -> None:
    """To nothing, to a folder, to itself."""
    path = tar(
        tmp_path / "base.tar",
        folder_member("./folder"),
        member("./itself", type=tarfile.LNKTYPE, linkname=target),
    )
    with pytest.raises(ImageFault, match=f"{target}.*which is no file"):
        entries_of(path)


def test_devices_sockets_and_run_time_folders_stay_out(tmp_path: Path) -> None:
    """A box has its own /dev, /proc, /run and /sys: they are empty folders in the image."""
    path = tar(
        tmp_path / "base.tar",
        *(folder_member(f"./{name}", mode=0o700) for name in ("dev", "proc", "run", "sys")),
        member("./dev/null", type=tarfile.CHRTYPE),
        member("./run/lock", b"left over"),
        member("./pipe", type=tarfile.FIFOTYPE),
        member("./disk", type=tarfile.BLKTYPE),
        folder_member("./devices"),
    )
    found = entries_of(path)
    assert found == {
        **{name: Folder(name, 0o755) for name in ("dev", "proc", "run", "sys")},
        "devices": Folder("devices", 0o755),
    }


@pytest.mark.parametrize("name", ["/etc/passwd", "../etc", "a/../../b", "./a/..", "//a"])
def test_a_tar_whose_path_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Up, or from the top."""
    with pytest.raises(ImageFault, match="leads out of the root"):
        entries_of(tar(tmp_path / "base.tar", member(name, b"x")))


@given(st.text(alphabet="a./", max_size=12))
def test_every_path_is_inside_or_refused(name: str) -> None:
    """Whatever is taken has only real names, relative to the root."""
    try:
        path = inside(name, "a test")
    except ImageFault:
        return
    assert path == "" or all(part not in {"", ".", ".."} for part in path.split("/"))
    assert inside(path, "a test") == path


def test_folders_that_nobody_names_are_there() -> None:
    """A wheel lists files only."""
    found = together(iter([file("usr/local/lib/x.py")]))
    assert {path for path, entry in found.items() if isinstance(entry, Folder)} == {
        "usr",
        "usr/local",
        "usr/local/lib",
    }


def test_two_sources_may_agree() -> None:
    """The wheels of one family all carry the same `__init__.py`."""
    once = file("pkg/__init__.py", b"same", origin="one.whl")
    again = file("pkg/__init__.py", b"same", origin="two.whl")
    found = together(iter([Folder("pkg", 0o700), once]), iter([Folder("pkg", 0o755), again]))
    assert found == {"pkg": Folder("pkg", 0o700), "pkg/__init__.py": once}


@pytest.mark.parametrize(
    "other",
    [
        file("pkg/x", b"othr", origin="two.whl"),
        file("pkg/x", b"longer", origin="two.whl"),
        file("pkg/x", b"this", mode=0o755, origin="two.whl"),
        Folder("pkg/x", 0o755),
        Link("pkg/x", "elsewhere"),
    ],
)
def test_two_sources_that_differ_are_refused(other: Entry) -> None:
    """In content, length, mode or kind; both are named."""
    mine = file("pkg/x", b"this", origin="one.whl")
    with pytest.raises(ImageFault, match=r"pkg/x: .*differ") as refused:
        together(iter([mine]), iter([other]))
    assert "one.whl" in str(refused.value)
    assert ("two.whl" if isinstance(other, File) else "Debian's tar") in str(refused.value)


def test_the_last_block_of_a_long_file_is_compared_too() -> None:
    """Files are compared block by block, to the end."""
    long = b"x" * (1 << 20)
    with pytest.raises(ImageFault, match="differ"):
        together(iter([file("a", long + b"1")]), iter([file("a", long + b"2")]))


@pytest.mark.parametrize("through", [Link("lib", "usr/lib"), file("lib", b"a file")])
def test_a_path_through_what_is_no_folder_is_refused(through: Entry) -> None:
    """A link would lead the file elsewhere."""
    with pytest.raises(ImageFault, match="leads through lib, which is no folder"):
        together(iter([through]), iter([file("lib/deep/x.py")]))


def test_debians_own_tar_is_taken_whole(tmp_path: Path) -> None:
    """What the build's tests take for Debian is read like Debian."""
    found = entries_of(debian_tar(tmp_path / "base.tar"))
    assert "usr/bin/python3" in found
    assert "dev/null" not in found
