"""A folder in git is the submission that it is on disk, and nothing hostile gets through."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tests.submission.repositories import RECORD, Made, small_clone
from verifier.errors import BadSubmission, RequestError
from verifier.submission import pull
from verifier.submission.contents import contents_of
from verifier.submission.gathering import READ_BYTES, SUBMISSION_BOUNDS, Contents
from verifier.submission.pull_request import pull_request
from verifier.submission.pulled import quick_key
from verifier.submission.repository import Repository
from verifier.submission.submitted import on_disk, submitted
from verifier.submission.walk import listing


def read(made: Made, number: int) -> Contents:
    with Repository.at(made.path) as repository:
        request = pull_request(repository, number)
        assert request.folder is not None
        return contents_of(repository, request.folder)


def test_folder_tarball_and_every_way_into_git_have_one_digest(tmp_path: Path) -> None:
    """Promise: where the files came from does not show in the digest."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.put(f"{RECORD}/layers/deep.py", "x = 1\n")
    made.put(f"{RECORD}/__pycache__/x.pyc", b"\0")
    made.commit("Deeper")
    made.pull_head(1)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.add(made.path / RECORD, "wrapped")
    store = tmp_path / "store"
    references = [
        str(made.path / RECORD),
        f"{made.path}#1",
        f"{made.path}#first:{RECORD}",
        f"{made.path}@main..first",
    ]
    pulled = [pull(reference, store) for reference in references]
    assert {submission.digest for submission in pulled} == {pulled[0].digest}
    assert {submission.ignored for submission in pulled} == {("__pycache__",)}
    read_digests = [submitted(reference)[0].contents.digest for reference in references]
    assert {*read_digests} == {pulled[0].digest}
    (made.path / RECORD / "__pycache__" / "x.pyc").unlink()
    assert submitted(str(tmp_path / "x.tar.gz"))[0].contents.digest == pulled[0].digest
    assert [p.name for p in (store / "submissions").iterdir()] == [pulled[0].digest]
    assert (store / "submissions" / pulled[0].digest / "train.py").stat().st_mode & 0o777 == 0o444


def test_the_root_of_a_repository_can_be_the_submission(tmp_path: Path) -> None:
    """Promise: URL#ref:. is all of the tree, without .git."""
    made = Made(tmp_path / "clone")
    made.record(".")
    made.commit("A submission of its own")
    store = tmp_path / "store"
    whole = pull(f"{made.path}#main:.", store)
    assert whole.digest == pull(str(made.path), store).digest
    assert whole.ignored == ()


def _link(made: Made) -> tuple[str, str, bytes, str]:
    return ("120000", "blob", b"odd", made.blob(b"/etc/passwd"))


def _module(made: Made) -> tuple[str, str, bytes, str]:
    return ("160000", "commit", b"odd", made.git("rev-parse", "main"))


def _mode(made: Made) -> tuple[str, str, bytes, str]:
    return ("100000", "blob", b"odd", made.blob())


def _named(name: bytes) -> object:
    return lambda made: ("100644", "blob", name, made.blob())


def _deep(made: Made) -> tuple[str, str, bytes, str]:
    tree = made.tree(("100644", "blob", b"f", made.blob()))
    for _ in range(20):
        tree = made.tree(("40000", "tree", b"d", tree))
    return ("40000", "tree", b"odd", tree)


def _bomb(made: Made) -> tuple[str, str, bytes, str]:
    tree = made.tree(("100644", "blob", b"f", made.blob()))
    for _ in range(8):
        tree = made.tree(*(("40000", "tree", b"%d" % n, tree) for n in range(10)))
    return ("40000", "tree", b"odd", tree)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (_link, "a symbolic link"),
        (_module, "a submodule"),
        (_mode, "a mode that git does not write"),
        (_deep, "deeper than 16 folders"),
        (_bomb, "more than 2000 files"),
        (_named(b".."), "leaves the folder"),
        (_named(b"."), "leaves the folder"),
        (_named(b""), "leaves the folder"),
        (_named(b"../../odd"), "leaves the folder"),
        (_named(b"/etc/odd"), "leaves the folder"),
        (_named(b"odd\x1b[2J"), "control or invisible"),
        (_named(b"odd\xff"), "not UTF-8"),
        (_named(b"o" * 300), "a path of 300 bytes"),
        (_named(b"TRAIN_GPT.py"), "only in case"),
        (_named(b"train_gpt.py"), "stands twice"),
    ],
)
def test_what_a_submission_may_not_hold_is_named_and_nothing_else_is_lost(
    tmp_path: Path, plant: object, why: str
) -> None:
    """Attack: links, modules, names that leave, bombs. Screening goes on; freezing refuses."""
    made = small_clone(tmp_path / "clone")
    assert callable(plant)
    script = ("100644", "blob", b"train_gpt.py", made.blob(b"print(1)\n"))
    made.hostile(2, script, plant(made))
    contents = read(made, 2)
    assert any(why in objection.reason for objection in contents.objections)
    assert all(str(objection).isprintable() for objection in contents.objections)
    assert contents.digest == ""
    assert contents.tree.files["train_gpt.py"] == b"print(1)\n"
    assert not any(name.startswith(("/", ".")) for name in contents.tree.files)
    with pytest.raises(BadSubmission, match=why) as refused:
        pull(f"{made.path}#2", tmp_path / "store")
    assert str(refused.value).isprintable()
    assert not list((tmp_path / "store" / "submissions").iterdir())


def test_a_git_folder_within_is_no_part_of_the_submission(tmp_path: Path) -> None:
    """Attack: a `.git` with hooks inside the submitted tree, in any spelling."""
    made = small_clone(tmp_path / "clone")
    hooks = made.tree(("100755", "blob", b"post-checkout", made.blob(b"#!/bin/sh\n")))
    script = ("100644", "blob", b"train_gpt.py", made.blob(b"print(1)\n"))
    made.hostile(2, script, ("40000", "tree", b".git", hooks))
    contents = read(made, 2)
    assert contents.ignored == (".git",)
    assert contents.tree.paths == ("train_gpt.py",)


def test_a_file_that_is_not_in_the_clone_is_noted(tmp_path: Path) -> None:
    """Promise: a partial clone is read as far as it goes; freezing names the file."""
    made = small_clone(tmp_path / "clone")
    lost = made.git("rev-parse", f"first:{RECORD}/README.md")
    (made.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    mark = tmp_path / "was-fetched"
    made.git("config", "remote.origin.url", f"ext::touch% {mark}")
    made.git("config", "protocol.ext.allow", "always")
    made.git("config", "remote.origin.promisor", "true")
    contents = read(made, 1)
    assert contents.missing == ("README.md",)
    assert contents.tree.unread == {"README.md": 0}
    assert (contents.digest, len(contents.notes)) == ("", 1)
    with pytest.raises(BadSubmission, match=r"README\.md: is not in this clone"):
        pull(f"{made.path}#1", tmp_path / "store")
    assert not mark.exists()


def test_weights_and_what_is_too_large_are_sizes_only(tmp_path: Path) -> None:
    """Promise: the digest covers them, memory does not hold them."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.put(f"{RECORD}/final.ptz", os.urandom(1000))
    made.put(f"{RECORD}/long.log", b"x" * (READ_BYTES + 1))
    made.commit("Weights")
    made.pull_head(1)
    contents = read(made, 1)
    assert contents.tree.unread == {"final.ptz": 1000, "long.log": READ_BYTES + 1}
    assert contents.digest == pull(f"{made.path}#1", tmp_path / "store").digest


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    """Attack: 129 MB of zeros in a few kilobytes of pack."""
    made = small_clone(tmp_path / "clone")
    huge = made.blob(bytes(129_000_000))
    script = ("100644", "blob", b"train_gpt.py", made.blob(b"print(1)\n"))
    made.hostile(2, script, ("100644", "blob", b"zeros.txt", huge))
    contents = read(made, 2)
    assert [o.path for o in contents.objections] == ["zeros.txt"]
    with pytest.raises(BadSubmission, match=r"zeros\.txt: goes beyond 128000000 bytes"):
        pull(f"{made.path}#2", tmp_path / "store")


def test_a_pointer_of_lfs_is_said_to_be_one(tmp_path: Path) -> None:
    """Promise: no filter fetches it, and a reader is not left to wonder."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.put(f"{RECORD}/model.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    made.put(f"{RECORD}/.gitattributes", "*.txt filter=lfs diff=lfs merge=lfs -text\n")
    made.commit("LFS")
    made.pull_head(1)
    assert read(made, 1).notes == ("model.txt is a pointer of Git LFS: its content is elsewhere",)


def test_the_root_as_a_stand_in_holds_no_records(tmp_path: Path) -> None:
    """Promise: where the root's script is the submission, main's records are not part of it."""
    made = small_clone(tmp_path / "clone")
    made.record(RECORD)
    made.commit("A record on main")
    made.git("checkout", "-q", "-b", "root")
    made.put("train_gpt.py", "print('mine')\n")
    made.put("tools/pack.py", "print('pack')\n")
    made.commit("At the root")
    made.pull_head(2)
    assert read(made, 2).tree.paths == ("README.md", "tools/pack.py", "train_gpt.py")


def test_a_lent_script_is_shown_but_not_part_of_the_digest(tmp_path: Path) -> None:
    """Promise: the folder's digest stays the folder's."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "-b", "second", "main")
    made.put("records/track/x/submission.json", "{}")
    made.put("train_gpt.py", "print('second')\n")
    made.commit("Apart")
    made.pull_head(2)
    contents = read(made, 2)
    assert contents.tree.files["train_gpt.py"] == b"print('second')\n"
    assert contents.digest == on_disk(made.path / "records/track/x").digest


def test_a_request_without_a_submission_cannot_be_pulled(tmp_path: Path) -> None:
    """Promise: said in the words of the request's own notes."""
    made = small_clone(tmp_path / "clone")
    made.commit("Docs", docs__md="x\n")
    made.git("update-ref", "refs/heads/main", "HEAD~1")
    made.pull_head(2)
    for call in (
        lambda: pull(f"{made.path}#2", tmp_path / "store"),
        lambda: submitted(f"{made.path}#2"),
    ):
        with pytest.raises(RequestError, match="it adds no submission"):
            call()


def test_a_folder_on_disk_is_read_like_one_in_git(tmp_path: Path) -> None:
    """Promise: the same records come out; links are named, not followed."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    folder = made.path / RECORD
    assert on_disk(folder) == read(made, 1)
    (folder / "odd").symlink_to("/etc/passwd")
    (folder / "MODEL.py").write_text("")
    contents = on_disk(folder)
    reasons = {objection.path: objection.reason for objection in contents.objections}
    assert reasons["odd"] == "a symbolic link"
    assert "only in case" in (reasons.get("MODEL.py") or reasons.get("model.py") or "")
    assert contents.digest == ""


def test_pulling_twice_finds_the_copy(tmp_path: Path) -> None:
    """Promise: the second time nothing is written, and a quick hash alone is never believed."""
    made = small_clone(tmp_path / "clone")
    store = tmp_path / "store"
    first = pull(f"{made.path}#1", store)
    stamp = first.folder.stat().st_mtime_ns
    assert pull(f"{made.path}#1", store).digest == first.digest
    assert first.folder.stat().st_mtime_ns == stamp
    made.git("checkout", "-q", "first")
    folder = made.path / RECORD
    made.put(f"{RECORD}/model.py", "class Model:\n    ...\n")
    # As if somebody had found two folders that share one quick hash.
    key = quick_key(folder, listing(folder, SUBMISSION_BOUNDS).entries)
    (store / "pulled" / key).write_text(first.digest)
    second = pull(str(folder), store)
    assert second.digest == on_disk(folder).digest != first.digest
    assert second.folder.name == second.digest
