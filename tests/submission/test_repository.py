"""A clone is read through a stand-in: nothing in it is believed, run, written or fetched."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from tests.submission.repositories import RECORD, Made, small_clone
from verifier.errors import MachineFault, MissingTool, RequestError
from verifier.submission import git, standin
from verifier.submission.contents import contents_of
from verifier.submission.pull_request import pull_request
from verifier.submission.repository import Repository


def trap(tmp_path: Path) -> tuple[str, Path]:
    """A program that leaves a mark when it is run, and the mark."""
    mark = tmp_path / "was run"
    program = tmp_path / "trap.sh"
    program.write_text(f"#!/bin/sh\ntouch '{mark}'\ncat\n")
    program.chmod(0o755)
    return str(program), mark


def test_nothing_a_clone_configures_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: every switch by which config, hooks, attributes and environment start a program."""
    made = small_clone(tmp_path / "clone")
    program, mark = trap(tmp_path)
    made.git("checkout", "-q", "first")
    made.put(f"{RECORD}/.gitattributes", "* filter=evil diff=evil merge=evil\n")
    made.put(f"{RECORD}/a.txt", "text\n")
    made.commit("Filters")
    made.pull_head(2)
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy"),
        *("core.askPass", "core.alternateRefsCommand", "credential.helper", "gpg.program"),
        *("diff.external", "filter.evil.smudge", "filter.evil.clean", "filter.evil.process"),
        *("diff.evil.textconv", "uploadpack.packObjectsHook", "alias.cat-file", "interactive.x"),
    ):
        made.git("config", key, f"!{program}" if key.startswith("alias") else program)
    made.git("config", "core.hooksPath", str(tmp_path))
    made.git("config", "include.path", "/dev/stdin")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(program, tmp_path / hook)
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH", "GIT_ASKPASS", "GIT_PAGER", "GIT_EXEC_PATH"):
        monkeypatch.setenv(name, program)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.for-each-ref")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!{program}")
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
        assert request.folder is not None
        contents = contents_of(repository, request.folder)
        assert repository.resolve("main") == repository.main
    assert contents.tree.files["a.txt"] == b"text\n"
    assert not mark.exists()


def test_a_clone_is_not_written_to(tmp_path: Path) -> None:
    """Promise: a clone on a read-only disk, or somebody else's, is read all the same."""
    made = small_clone(tmp_path / "clone")
    made.git("gc", "-q")

    def state() -> list[tuple[str, int]]:
        return sorted((str(p), p.lstat().st_mtime_ns) for p in made.path.rglob("*"))

    before = state()
    with Repository.at(made.path) as repository:
        assert pull_request(repository, 1).folder is not None
        scratch = repository.objects
    assert state() == before
    assert scratch.header("0" * 40) is None
    scratch.close()


def test_what_a_killed_run_left_is_swept_and_what_is_in_use_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: no scratch is left for long, and no other run's is touched."""
    made = small_clone(tmp_path / "clone")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    code = (
        "import os, sys, tempfile; from pathlib import Path;"
        " from verifier.submission.standin import StandIn;"
        " tempfile.tempdir = sys.argv[1]; StandIn.of(Path(sys.argv[2])); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(scratch), str(made.path)], check=True)
    [left] = scratch.iterdir()
    with Repository.at(made.path) as repository:
        assert not left.exists()
        with Repository.at(made.path):
            assert len(list(scratch.iterdir())) == 2
        assert repository.main
    assert list(scratch.iterdir()) == []
    assert (made.path / ".git" / "objects").is_dir()


def test_a_sweep_at_the_worst_moment_takes_nobody_s_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: readers begin at once, and one that has its scratch but no lock yet keeps it."""
    made = small_clone(tmp_path / "clone")
    lock = fcntl.flock

    def swept_first(file: Any, how: int) -> None:
        if how == fcntl.LOCK_EX:
            standin._sweep()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    with Repository.at(made.path) as repository:
        assert repository.main


def test_replaced_and_grafted_objects_are_not_believed(tmp_path: Path) -> None:
    """Attack: refs/replace and grafts show other contents than the id says."""
    made = small_clone(tmp_path / "clone")
    script = made.git("rev-parse", f"first:{RECORD}/train_gpt.py")
    made.git("replace", script, made.blob(b"print('innocent')\n"))
    (made.path / ".git" / "info").mkdir(exist_ok=True)
    (made.path / ".git" / "info" / "grafts").write_text(made.git("rev-parse", "first") + "\n")
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
        assert request.base == made.git("rev-parse", "main")
        assert request.folder is not None
        contents = contents_of(repository, request.folder)
    assert contents.tree.files["train_gpt.py"] == b"print(1)\n"


def test_objects_of_another_repository_are_not_read(tmp_path: Path) -> None:
    """Attack: alternates and a borrowed pack path reach into a repository that was not named."""
    secret = Made(tmp_path / "secret")
    secret.record()
    head = secret.commit("Secret")
    made = small_clone(tmp_path / "clone")
    alternates = made.path / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{secret.path}/.git/objects\n")
    made.pull_head(3, head)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 3)
    assert request.folder is None
    assert request.fault == "not screened: its head is not in this clone"


def give_to(folder: Path, owner: int) -> None:
    """Give a folder away, where we may."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.lchown(path, owner, owner)


def test_a_clone_of_another_owner_and_a_linked_work_tree_are_read(tmp_path: Path) -> None:
    """Promise: `safe.directory` does not stand in the way, nor does a `.git` file."""
    made = small_clone(tmp_path / "clone")
    made.git("worktree", "add", "-q", str(tmp_path / "linked"), "first")
    give_to(made.path, 12345)
    with Repository.at(tmp_path / "linked") as repository:
        assert repository.resolve("HEAD") != repository.main
        assert pull_request(repository, 1).folder is not None
    bare = tmp_path / "bare.git"
    give_to(made.path, 0)
    made.git("clone", "-q", "--mirror", str(made.path), str(bare))
    with Repository.at(bare) as repository:
        assert pull_request(repository, 1).folder is not None


def test_a_repository_with_long_ids_is_read(tmp_path: Path) -> None:
    """Promise: sha256 repositories are repositories."""
    made = Made(tmp_path / "clone", "--object-format=sha256")
    made.commit("Launch", README__md="x\n")
    made.record()
    made.git("checkout", "-q", "-b", "first")
    made.commit("Record")
    made.pull_head(1)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
        assert len(request.head) == 64
        assert request.folder is not None
        assert contents_of(repository, request.folder).digest


def test_heads_are_found_under_the_names_people_fetch_them_to(tmp_path: Path) -> None:
    """Promise: the forge's names and the common copies of them; the forge's own win."""
    made = small_clone(tmp_path / "clone")
    head = made.git("rev-parse", "first")
    main = made.git("rev-parse", "main")
    for name in ("refs/remotes/origin/pr/5", "refs/remotes/upstream/pull/6/head"):
        made.git("update-ref", name, head)
    made.git("update-ref", "refs/remotes/origin/pr/1", main)
    made.git("update-ref", "refs/pull/8/merge", head)
    with Repository.at(made.path) as repository:
        assert repository.heads == {1: head, 5: head, 6: head}


def test_a_clone_without_heads_names_the_command_that_fetches_them(tmp_path: Path) -> None:
    """Promise: the error is the command, ready to paste."""
    made = Made(tmp_path / "clone")
    made.commit("Launch", a="x")
    wanted = f"git -C {made.path} fetch origin '+refs/pull/*/head:refs/pull/*/head'"
    with (
        Repository.at(made.path) as repository,
        pytest.raises(RequestError, match="no pull-request heads") as refused,
    ):
        pull_request(repository, 1)
    assert refused.value.remedy == wanted


def test_a_folder_that_is_no_clone_is_said(tmp_path: Path) -> None:
    """Promise: neither a plain folder nor one inside a clone is taken for one."""
    made = small_clone(tmp_path / "clone")
    (made.path / "inside").mkdir()
    (tmp_path / "file").write_text("gitdir: /nowhere\n")
    for path in (tmp_path, made.path / "inside", tmp_path / "nothing"):
        with pytest.raises(RequestError, match="no git repository"):
            Repository.at(path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(RequestError, match="no git repository"):
        Repository.at(tmp_path / "empty")


def test_names_of_commits_are_a_persons_words_only(tmp_path: Path) -> None:
    """Promise: options, ranges and what is not there are refused; branches and ids are found."""
    made = small_clone(tmp_path / "clone")
    made.git("tag", "-a", "v1", "-m", "one", "main")
    made.git("update-ref", "refs/remotes/origin/topic", "first")
    with Repository.at(made.path) as repository:
        main = repository.main
        assert repository.resolve("v1") == main == repository.resolve(main[:12])
        assert repository.resolve("first~1") == main
        assert repository.resolve("topic") == made.git("rev-parse", "first")
        for name in ("", "--help", "-h", "nowhere", "main..first", "a\x1bb", "main:README.md"):
            with pytest.raises(RequestError):
                repository.resolve(name)


def test_git_that_is_not_there_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: MissingTool, with the package to install."""
    made = small_clone(tmp_path / "clone")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="git is not installed") as missing:
        Repository.at(made.path)
    assert "apt-get install git" in missing.value.remedy


def test_a_damaged_object_is_an_answer_and_the_others_are_read(tmp_path: Path) -> None:
    """Promise: one corrupt object costs itself, not the reading."""
    made = small_clone(tmp_path / "clone")
    other = made.git("rev-parse", f"first:{RECORD}/model.py")
    garbage = made.git("rev-parse", f"first:{RECORD}/train_gpt.py")
    cut = made.blob(os.urandom(100_000))
    for identity, content in ((garbage, b"no zlib at all"), (cut, None)):
        loose = made.path / ".git" / "objects" / identity[:2] / identity[2:]
        whole = loose.read_bytes()
        loose.chmod(0o644)
        loose.write_bytes(content or whole[: len(whole) // 2])
    with Repository.at(made.path) as repository:
        for identity in (garbage, cut, "0" * 40, f"not an id\n{other}"):
            assert repository.objects.read(identity, 1_000_000) is None
            found = repository.objects.read(other, 100)
            assert found is not None and found.content == b"class Model:\n    pass\n"


def test_what_is_larger_than_wanted_is_not_taken_in(tmp_path: Path) -> None:
    """Promise: the size is told, the bytes are not read, and the next answer is right."""
    made = small_clone(tmp_path / "clone")
    large = made.blob(bytes(5_000_000))
    small = made.blob(b"small")
    with Repository.at(made.path) as repository:
        head = repository.objects.read(large, 1000)
        assert head is not None and (head.size, head.content) == (5_000_000, None)
        found = repository.objects.read(small, 1000)
        assert found is not None and found.content == b"small"


def slow_git(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)


def test_a_git_that_hangs_or_says_too_much_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: bounds on time and output hold, children included."""
    mark = tmp_path / "late"
    slow_git(tmp_path / "slow", f"(sleep 0.8; touch '{mark}') & sleep 60")
    slow_git(tmp_path / "loud", "exec yes")
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tmp_path / 'slow'}:{path}")
    begun = time.monotonic()
    with pytest.raises(MachineFault, match=r"longer than 0.3 s"):
        git.run(tmp_path, ["fetch"], git.Patience(seconds=0.3))
    assert time.monotonic() - begun < 5
    monkeypatch.setenv("PATH", f"{tmp_path / 'loud'}:{path}")
    with pytest.raises(MachineFault, match="says more than 1000 bytes"):
        git.run(tmp_path, ["fetch"], git.Patience(seconds=20, output_bytes=1000))
    time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))
    assert not mark.exists()


def test_ctrl_c_ends_git_with_us(tmp_path: Path) -> None:
    """Promise: an interrupted command leaves no git behind."""
    mark = tmp_path / "late"
    slow_git(tmp_path / "slow", f"touch '{tmp_path}/begun'; sleep 0.8; touch '{mark}'")
    code = textwrap.dedent(
        f"""
        import signal
        from pathlib import Path
        from verifier.submission import git
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
        git.run(Path({str(tmp_path)!r}), ["fetch"], git.Patience(seconds=60))
        """
    )
    path = f"{tmp_path / 'slow'}:{os.environ['PATH']}"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (tmp_path / "begun").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    assert child.wait(10) != 0
    time.sleep(1.0)
    assert not mark.exists()
