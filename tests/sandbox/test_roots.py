"""Are these the bytes that were pinned? A root's folder against its tar, entry by entry."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from verifier.errors import ImageFault, MachineFault
from verifier.records import Root
from verifier.sandbox.roots import host_view, require_folder, resolve_command, search_path


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A root of a few entries, as an image is made and unpacked."""
    folder = tmp_path / "folder"
    (folder / "usr" / "bin").mkdir(parents=True)
    (folder / "usr" / "bin" / "program").write_bytes(b"program" * 1000)
    (folder / "usr" / "bin" / "program").chmod(0o755)
    (folder / "usr" / "empty").touch()
    (folder / "bin").symlink_to("usr/bin")
    tar = tmp_path / "root.tar"
    with tarfile.open(tar, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(folder)), recursive=False)
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    return Root(digest=digest, python="/bin/program", pinned=True, tar=tar, folder=folder)


def test_a_folder_that_is_the_tar_is_taken(root: Root) -> None:
    """Every entry like its member, and no other."""
    assert require_folder(root) == root.folder


def _content(folder: Path) -> None:
    (folder / "usr/bin/program").write_bytes(b"program" * 999 + b"pr0gram")
    (folder / "usr/bin/program").chmod(0o755)


def _link(folder: Path) -> None:
    (folder / "bin").unlink()
    (folder / "bin").symlink_to("/usr/bin")


def _kind(folder: Path) -> None:
    (folder / "usr/empty").unlink()
    (folder / "usr/empty").mkdir()


def _linked(folder: Path) -> None:
    (folder / "usr/empty").unlink()
    (folder / "usr/empty").symlink_to("/etc/passwd")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "content": (_content, "program: differs"),
    "shorter": (lambda f: os.truncate(f / "usr/bin/program", 10), "program: differs"),
    "longer": (lambda f: (f / "usr/empty").write_text("x"), "empty: differs"),
    "rights": (lambda f: (f / "usr/bin/program").chmod(0o4755), "program: differs"),
    "rights of a folder": (lambda f: (f / "usr").chmod(0o777), "usr: differs"),
    "link": (_link, "bin: differs"),
    "kind": (_kind, "empty: differs"),
    "link for a file": (_linked, "empty: differs"),
    "missing": (lambda f: (f / "usr/empty").unlink(), "empty: is missing"),
    "more": (lambda f: (f / "usr/more").touch(), "more: is not in the pinned image"),
    "one more folder": (lambda f: (f / "more").mkdir(), "more: is not in the pinned image"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_differs_is_refused(root: Root, change: str) -> None:
    """The entry is named."""
    make, said = CHANGES[change]
    assert root.folder is not None
    make(root.folder)
    with pytest.raises(ImageFault, match=said):
        require_folder(root)


def test_a_tar_that_is_another_one_is_refused(root: Root, tmp_path: Path) -> None:
    """Its digest, its absence, its form, and that of the folder."""
    assert root.tar is not None
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"no tar" * 200)
    digest = hashlib.sha256(nonsense.read_bytes()).hexdigest()
    for other, said in (
        (replace(root, digest="0" * 64), "its sha256 is"),
        (replace(root, tar=None), "has no tar"),
        (replace(root, tar=tmp_path / "absent"), "cannot be read"),
        (replace(root, tar=nonsense, digest=digest), "is no tar"),
        (replace(root, folder=None), "is not unpacked"),
        (replace(root, folder=tmp_path / "absent"), "is not unpacked"),
    ):
        with pytest.raises(ImageFault, match=said):
            require_folder(other)


def test_devices_and_further_names_are_in_no_box(root: Root, tmp_path: Path) -> None:
    """A canonical image has none; one that has is not taken."""
    assert root.folder is not None
    tar = tmp_path / "odd.tar"
    for kind in (tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = kind, "other"
        with tarfile.open(tar, "w") as archive:
            archive.addfile(member)
        folder = tmp_path / "odd"
        folder.mkdir(exist_ok=True)
        (folder / "odd").touch()
        digest = hashlib.sha256(tar.read_bytes()).hexdigest()
        with pytest.raises(ImageFault, match="odd: differs"):
            require_folder(replace(root, tar=tar, folder=folder, digest=digest))


# ---------------------------------------------------------------- without a pinned root


def _interpreter(folder: Path, home: Path | None = None) -> Root:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").touch()
    if home is not None:
        (folder / "pyvenv.cfg").write_text(f"home = {home}/bin\nversion = 3\n")
    return Root(digest="host", python=str(folder / "bin" / "python3"), pinned=False)


def test_a_virtual_environment_shows_itself_and_its_base(tmp_path: Path) -> None:
    """And the system's folders; nothing beside them."""
    base, folder = tmp_path / "base", tmp_path / "venv"
    _interpreter(base)
    view = host_view(_interpreter(folder, base))
    assert {folder, base} <= set(view.paths)
    assert Path("/etc") not in view.paths and tmp_path not in view.paths
    assert all(path.exists() for path in view.paths)


def test_an_interpreter_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """Absent, or a name to be looked up."""
    for python in (str(tmp_path / "absent"), "python3"):
        with pytest.raises(MachineFault, match="no such interpreter"):
            host_view(Root(digest="host", python=python, pinned=False))


def test_a_view_that_would_lay_open_a_home_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As would one that lies above where the verifier works."""
    root = _interpreter(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(MachineFault, match="would see all of"):
        host_view(root)
    monkeypatch.setenv("HOME", "/nowhere")
    host_view(root)
    (tmp_path / "home" / "work").mkdir()
    monkeypatch.chdir(tmp_path / "home" / "work")
    with pytest.raises(MachineFault, match="folder of its own"):
        host_view(root)


def test_programs_are_looked_up_as_the_box_would(tmp_path: Path) -> None:
    """`python` is the interpreter at hand; what is not there is a fault of the image."""
    root = _interpreter(tmp_path / "own")
    path = search_path(root)
    assert path.split(":")[0] == str(tmp_path / "own" / "bin")
    assert resolve_command(root, ("python", "x.py"), path) == (root.python, "x.py")
    assert resolve_command(root, ("./run",), path) == ("./run",)
    assert resolve_command(root, ("sh", "-c"), path)[0].endswith("/bin/sh")
    with pytest.raises(ImageFault, match="no such program"):
        resolve_command(root, ("no-such-program",), path)
    pinned = replace(root, tar=Path("/tar"), folder=Path("/folder"), pinned=True)
    assert "own" not in search_path(pinned)
