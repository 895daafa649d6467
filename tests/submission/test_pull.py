"""What exactly was submitted is frozen under its digest, and nothing hostile gets in."""

from __future__ import annotations

import bz2
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.submission.folders import submission_folder
from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.records import Adaptation, ScorerTerms
from verifier.submission import pull
from verifier.submission.walk import Item, manifest_digest


def tarball(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_a_folder_is_frozen_read_only_under_the_digest_of_its_manifest(tmp_path: Path) -> None:
    """Promise: the digest is that of paths, sizes and contents, and the copy cannot be written."""
    folder = submission_folder(tmp_path / "given")
    (folder / "layers").mkdir()
    (folder / "layers" / "deep.py").write_text("x = 1\n")
    submission = pull(str(folder), tmp_path / "store")
    home = tmp_path / "store" / "submissions" / submission.digest
    assert submission.folder == home
    assert (home / "train.py").stat().st_mode & 0o777 == 0o444
    assert (home / "layers").stat().st_mode & 0o777 == 0o555
    assert set(submission.code) == {"layers/deep.py", "model.py", "train.py"}
    facts = submission.facts()
    assert (facts.name, facts.author, facts.script) == ("Baseline", "Ada", None)
    assert facts.scorer == ScorerTerms(
        adaptation=Adaptation.NONE, rows=16, chunk=32, tokenizer="data", sealed_start=False
    )
    assert facts.claim.val_bpb == 1.8


def test_the_same_files_have_one_digest_whatever_their_times_modes_and_order(
    tmp_path: Path,
) -> None:
    """Promise: only what is submitted decides the digest, and pulling twice finds the copy."""
    first = submission_folder(tmp_path / "a", z__py=b"1", b__py=b"2")
    second = submission_folder(tmp_path / "b", b__py=b"2", z__py=b"1")
    os.utime(second / "train.py", (1, 1))
    (second / "train.py").chmod(0o700)
    store = tmp_path / "store"
    assert pull(str(first), store).digest == pull(str(second), store).digest
    (second / "train.py").write_text("other\n")
    assert pull(str(first), store).digest != pull(str(second), store).digest


def test_a_frozen_copy_that_was_changed_is_not_used(tmp_path: Path) -> None:
    """Promise: what runs is what the digest says, or nothing runs."""
    folder = submission_folder(tmp_path / "given")
    submission = pull(str(folder), tmp_path / "store")
    frozen = submission.folder / "train.py"
    frozen.chmod(0o644)
    frozen.write_text("changed\n")
    with pytest.raises(StorageFault, match="no longer what its name says"):
        pull(str(folder), tmp_path / "store")


def test_caches_and_history_are_left_out_and_said(tmp_path: Path) -> None:
    """Promise: `__pycache__` and `.git` are no part of a submission."""
    folder = submission_folder(tmp_path / "given")
    plain = pull(str(folder), tmp_path / "store").digest
    for name in (".git", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x").write_text("x")
    submission = pull(str(folder), tmp_path / "store")
    assert submission.digest == plain
    assert submission.ignored == (".git", "__pycache__")


def _link(folder: Path) -> None:
    (folder / "odd").symlink_to("/etc/passwd")


def _folder_link(folder: Path) -> None:
    (folder / "odd").symlink_to("/etc")


def _hard_link(folder: Path) -> None:
    (folder / "odd").hardlink_to(folder / "README.md")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "odd")


def _socket(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{here}/odd")
    os.close(here)


def _control_character(folder: Path) -> None:
    (folder / "odd\x1b[2J").write_text("")


def _not_utf8(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/odd\xff", "wb"):
        pass


def _sparse_and_huge(folder: Path) -> None:
    with (folder / "odd").open("wb") as file:
        file.truncate(1 << 40)


def _deep(folder: Path) -> None:
    (folder / "/".join(["odd"] + ["d"] * 20)).mkdir(parents=True)


def _long(folder: Path) -> None:
    (folder / ("odd" * 80) / "x").mkdir(parents=True)


def _collision(folder: Path) -> None:
    (folder / "ODD.py").write_text("")
    (folder / "odd.py").write_text("")


@pytest.mark.parametrize(
    "plant",
    [
        _link,
        _folder_link,
        _hard_link,
        _fifo,
        _socket,
        _control_character,
        _not_utf8,
        _sparse_and_huge,
        _deep,
        _long,
        _collision,
    ],
)
def test_what_a_submission_may_not_hold_is_refused_by_name(tmp_path: Path, plant: object) -> None:
    """Promise: refused naming the path, in printable characters, and nothing stays in the store."""
    folder = submission_folder(tmp_path / "given")
    assert callable(plant)
    plant(folder)
    with pytest.raises(BadSubmission) as refused:
        pull(str(folder), tmp_path / "store")
    assert "odd" in refused.value.place.lower() or "README" in refused.value.place
    assert str(refused.value).isprintable()
    assert list((tmp_path / "store" / "submissions").iterdir()) == []


def test_what_is_not_there_is_no_submission(tmp_path: Path) -> None:
    """Promise: a mistyped path is said to be one."""
    for mistyped in (str(tmp_path / "nothing here"), "../nothing-here", "./nothing.here"):
        with pytest.raises(RequestError, match="no such folder or tarball"):
            pull(mistyped, tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tarball_is_the_folder_it_was_made_of(tmp_path: Path, mode: str) -> None:
    """Promise: folder and tarball of one submission have one digest."""
    folder = submission_folder(tmp_path / "given")
    path = tmp_path / "given.tar"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, "wrapped")
    store = tmp_path / "store"
    assert pull(str(path), store).digest == pull(str(folder), store).digest


def _named(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "/etc/passwd"
    return member


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (_named("../odd"), "leaves the folder"),
        (_named("/odd"), "leaves the folder"),
        (_named("a//odd"), "leaves the folder"),
        (_named("odd", tarfile.SYMTYPE), "neither a regular file"),
        (_named("odd", tarfile.LNKTYPE), "neither a regular file"),
        (_named("odd", tarfile.FIFOTYPE), "neither a regular file"),
        (_named("odd", tarfile.CHRTYPE), "neither a regular file"),
        (_named("odd\n"), "control"),
        (_named("verify.yaml"), "stands twice"),
        (_named("verify.yaml/odd"), "same name"),
        (_named("/".join("d" * 20)), "deeper"),
    ],
)
def test_a_tarball_reaches_nothing_outside_its_folder(
    tmp_path: Path, member: tarfile.TarInfo, why: str
) -> None:
    """Promise: members that leave the folder, link or stand twice are refused by name."""
    path = tarball(tmp_path / "x.tar", [(_named("verify.yaml"), b"a"), (member, b"")])
    with pytest.raises(BadSubmission, match=why):
        pull(str(path), tmp_path / "store")


def test_a_small_tarball_does_not_become_a_large_one(tmp_path: Path) -> None:
    """Promise: unpacking stops at the limit (a bomb of 300 MB in 45 bytes a megabyte)."""
    path = tmp_path / "bomb.tar.bz2"
    member = _named("zeros")
    member.size = 300_000_000
    tenth = bz2.compress(bytes(30_000_000), 1)
    path.write_bytes(bz2.compress(member.tobuf()) + tenth * 10 + bz2.compress(bytes(10_240)))
    with pytest.raises(BadSubmission, match="bytes"):
        pull(str(path), tmp_path / "store")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=2000))
def test_any_bytes_are_a_submission_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    """Promise: hostile bytes end in our own errors, never in another exception."""
    path = tmp_path / "any.tar"
    path.write_bytes(content)
    with pytest.raises(BadSubmission):
        pull(str(path), tmp_path / "store")


@given(
    st.lists(
        st.builds(Item, st.text(min_size=1), st.integers(0), st.just("00")),
        unique_by=lambda item: item.path,
        max_size=6,
    )
)
def test_the_manifest_digest_tells_every_list_of_files_apart(items: list[Item]) -> None:
    """Promise: order does not matter, every path, size and content does."""
    try:
        digest = manifest_digest(items)
    except UnicodeEncodeError:
        return
    assert manifest_digest(list(reversed(items))) == digest
    for index, item in enumerate(items):
        other = [*items[:index], Item(item.path, item.size + 1, item.sha256), *items[index + 1 :]]
        assert manifest_digest(other) != digest
