"""A file is as old as the content that it has in the end, whoever writes or dates it once more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from verifier.pipeline import dating
from verifier.pipeline.dating import Dating

LONG_AGO = 1_000_000_000.0


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def written(out: Path, name: str, content: bytes) -> tuple[str, Path]:
    """A file whose modification time is when it was last changed, as a sandbox leaves it."""
    path = out / name
    path.write_bytes(content)
    return name, path


def dated(path: Path) -> None:
    changed = path.stat().st_ctime_ns
    os.utime(path, ns=(changed, changed))


def test_a_file_is_dated_by_its_last_change(out: Path) -> None:
    """Between the two starts that the host knows."""
    dates = Dating(out)
    dates.box_started()
    time.sleep(0.05)
    one = written(out, "model.bin", b"weights")
    dated(one[1])
    found = dates.since([one])
    assert found is not None
    assert 0.04 <= found[0] <= found[1] < 5.0


def test_the_same_bytes_once_more_do_not_make_it_younger(out: Path) -> None:
    """Training until then and scoring since are not told apart by a touch."""
    dates = Dating(out)
    dates.box_started()
    one = written(out, "model.bin", b"weights")
    dates.look()
    time.sleep(0.1)
    written(out, "model.bin", b"other")
    dates.look()
    written(out, "model.bin", b"weights")
    dates.look()
    dated(one[1])
    found = dates.since([one])
    assert found is not None
    assert found[1] < 0.09


def test_other_bytes_do(out: Path) -> None:
    """What was trained since is in it."""
    dates = Dating(out)
    dates.box_started()
    one = written(out, "model.bin", b"weights")
    dates.look()
    time.sleep(0.1)
    written(out, "model.bin", b"better!")
    dated(one[1])
    found = dates.since([one])
    assert found is not None
    assert found[0] >= 0.09


def test_the_youngest_file_counts_and_none_is_none(out: Path) -> None:
    dates = Dating(out)
    dates.box_started()
    one = written(out, "a.bin", b"a")
    time.sleep(0.1)
    two = written(out, "b.bin", b"b")
    for _, path in (one, two):
        dated(path)
    assert dates.since([one, two]) == dates.since([two])
    assert dates.since([]) is None


def test_a_look_waits_for_nothing_and_follows_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipes, links, folders that are closed, files that are too large or vanish."""
    monkeypatch.setattr(dating, "HASHED_BYTES", 10)
    os.mkfifo(out / "pipe.bin")
    (out / "link.bin").symlink_to("/etc/passwd")
    large = written(out, "large.bin", b"0" * 11)
    dates = Dating(out)
    dates.box_started()
    dates.look()
    dated(large[1])
    assert dates.since([large]) is not None
    monkeypatch.setattr(dating, "_digest", lambda _: (_ for _ in ()).throw(FileNotFoundError()))
    written(out, "gone.bin", b"x")
    dates.look()


def test_what_vanishes_between_listing_and_looking_hides_nothing_else(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box may make and remove files as fast as it can."""
    dates = Dating(out)
    dates.box_started()
    one = written(out, "z.bin", b"weights")
    written(out, "a.bin", b"x")
    look = Path.lstat

    def vanishing(path: Path) -> os.stat_result:
        if path.name == "a.bin":
            raise FileNotFoundError(path)
        return look(path)

    monkeypatch.setattr(Path, "lstat", vanishing)
    dates.look()
    monkeypatch.undo()
    time.sleep(0.1)
    written(out, "z.bin", b"weights")
    dated(one[1])
    found = dates.since([one])
    assert found is not None
    assert found[1] < 0.09


def test_a_clock_that_was_set_makes_the_machine_unfair(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates are then nobody's word."""
    dates = Dating(out)
    assert dates.unfair() == ""
    now = time.clock_gettime(time.CLOCK_REALTIME)
    monkeypatch.setattr(dating, "_wall", lambda: now + 60.0)
    assert "clock was set by +60.0 s" in dates.unfair()
