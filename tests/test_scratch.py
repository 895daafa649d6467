"""What is not finished carries its maker's mark, and the next maker clears up after the dead."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from verifier import owner, scratch
from verifier.sandbox import local


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> str:
    """The mark of a process that has ended: this number, but not since then."""
    space, pid, started = owner.mark().split("-")
    return f"{space}-{pid}-{int(started) - 1}"


def left_by(mark: str, above: Path, kind: str) -> Path:
    """A folder that the maker of `mark` had no time to remove, closed to its owner."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, "mark", lambda: mark)
        folder = scratch.make(kind, above)
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("half")
    (folder / "inner").chmod(0o500)
    return folder


def test_a_temporary_folder_is_ours_alone_and_goes_with_its_block(tmp_path: Path) -> None:
    """Whatever rights were set in it."""
    with scratch.temporary("try", tmp_path) as folder:
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
        (folder / "closed").mkdir(mode=0o000)
    assert list(tmp_path.iterdir()) == []


def test_the_next_maker_takes_away_what_the_dead_left_there(tmp_path: Path, dead: str) -> None:
    """Of any kind; nothing of the living, nothing that is not ours, and through no link."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    gone = left_by(dead, tmp_path, "wire")
    (gone / "link").symlink_to(kept)
    (tmp_path / f"golf-verifier-link-{dead}-x").symlink_to(kept)
    (tmp_path / f"golf-verifier-file-{dead}-x").write_text("no folder")
    (tmp_path / "golf-verifier-notes").mkdir()
    living = left_by(owner.mark(), tmp_path, "wire")
    with scratch.temporary("freezing", tmp_path):
        assert not gone.exists()
        assert living.is_dir() and (kept / "file").read_text() == "mine"
        assert len(list(tmp_path.iterdir())) == 6
    (living / "inner").chmod(0o700)


def test_a_sandbox_that_opens_clears_the_temporary_folder(
    tmp_path: Path, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next verifier may need no temporary folder of its own for long."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = left_by(dead, tmp_path, "tokens")
    local.sweep()
    assert not gone.exists()


def test_a_file_beside_another_is_hidden_and_those_of_the_dead_are_removed(
    tmp_path: Path, dead: str
) -> None:
    """Of this name alone, and never a stranger's or a living one's."""
    path = tmp_path / "report[1].html"
    living = scratch.beside_of(path)
    assert living.parent == tmp_path and living.name.startswith(".report[1].html.")
    names = (f".report[1].html.{dead}", f".report[1].html.{dead}-7f", ".report[1].html.old")
    for name in (*names, living.name, f".report1.html.{dead}"):
        (tmp_path / name).write_text("half")
    assert scratch.beside_of(path) == living
    stay = {".report[1].html.old", living.name, f".report1.html.{dead}"}
    assert set(os.listdir(tmp_path)) == stay
    assert scratch.beside_of(tmp_path / "absent" / "file").parent == tmp_path / "absent"
