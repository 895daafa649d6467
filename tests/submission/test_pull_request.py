"""What a pull request adds is told from the history, and each shape is said as it is."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.submission.repositories import RECORD, Made, small_clone
from verifier.errors import RequestError
from verifier.submission.ancestry import parsed
from verifier.submission.changes import parsed_tree
from verifier.submission.pull_request import Shape, compared, pull_request, pull_requests
from verifier.submission.repository import Repository

OTHER = "records/track_10min_16mb/2026-03-21_Second"


def test_one_new_folder_is_the_submission_and_the_rest_is_said(tmp_path: Path) -> None:
    """R9: one folder under records/; whatever else it touches is listed."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.commit("More", README__md="# Golf, edited\n", notes__txt="x\n")
    head = made.pull_head(1)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert request.shape is Shape.ONE_FOLDER
    assert request.folder is not None
    assert (request.folder.path, request.folder.added) == (RECORD, True)
    assert f"{RECORD}/train_gpt.py" in request.folder.changed
    assert request.others == ("README.md", "notes.txt")
    assert (request.head, request.base) == (head, made.git("rev-parse", "main"))
    assert (request.author, request.merge) == ("Ada", "")
    assert (request.created, request.updated) == ("2026-03-22T09:46:40Z", "2026-03-23T09:46:40Z")


def test_a_head_is_compared_with_where_it_left_main(tmp_path: Path) -> None:
    """Promise: what main got since then is not what the request adds or takes away."""
    made = small_clone(tmp_path / "clone")
    made.record(OTHER)
    made.commit("Another record on main")
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert request.shape is Shape.ONE_FOLDER
    assert request.others == ()
    made.git("checkout", "-q", "first")
    made.git("merge", "-q", "main", "-m", "Catch up", **made.dates())
    made.pull_head(1)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert (request.shape, request.base) == (Shape.ONE_FOLDER, made.git("rev-parse", "main"))


def test_of_several_folders_the_newest_is_taken_and_the_rest_noted(tmp_path: Path) -> None:
    """Promise: each is a candidate, in order; the note names the others."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.record(OTHER.replace("Second", "Aardvark"))
    made.commit("A newer one, earlier in the alphabet")
    made.put(f"{RECORD}/README.md", "# Edited last\n")
    made.commit("Edit the old one")
    made.pull_head(1)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert request.shape is Shape.SEVERAL_FOLDERS
    paths = [folder.path for folder in request.folders]
    assert paths == [OTHER.replace("Second", "Aardvark"), RECORD]
    assert request.folder == request.folders[0]
    assert any(RECORD in note for note in request.notes)


def test_notes_about_another_folder_do_not_make_it_the_submission(tmp_path: Path) -> None:
    """Promise: a newer folder without script and claims is a candidate, not the submission."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    made.put(f"{OTHER}/analysis.py", "print('proof')\n")
    made.put(f"{OTHER}/README.md", "# Proof\n")
    made.commit("An analysis")
    made.pull_head(1)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert [folder.path for folder in request.folders] == [RECORD, OTHER]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"SUBMISSION_FINAL/train_gpt.py": "1", "SUBMISSION_FINAL/submission.json": "{}"}, 0),
        ({"train_gpt.py": "2"}, 1),
        ({"golf/records/track/x/train_gpt.py": "3", "golf/records/track/x/README.md": ""}, 2),
        ({"records/x/train_gpt_fast.py": "4"}, 3),
        ({"docs/notes.md": "5", "tests/test_train.py": "x"}, 4),
    ],
)
def test_without_a_record_folder_what_could_be_it_is_taken_and_said(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    """Promise: claims or a training script make a folder a candidate; nothing else does."""
    where = ["SUBMISSION_FINAL", "", "golf/records/track/x", "records/x", None][expected]
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "-b", "second", "main")
    for path, content in files.items():
        made.put(path, content)
    made.commit("Elsewhere")
    made.pull_head(2)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
    assert request.shape is Shape.NO_FOLDER
    assert (request.folder.path if request.folder else None) == where
    assert any("records/" in note for note in request.notes)


def test_a_script_outside_is_lent_to_a_folder_without_code(tmp_path: Path) -> None:
    """Promise: where the record holds claims only, the one script the request changes is shown."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "-b", "second", "main")
    made.put(f"{OTHER}/README.md", "# Second\n")
    made.put(f"{OTHER}/submission.json", "{}")
    made.put("train_gpt.py", "print('second')\n")
    made.commit("Claims here, script there")
    made.pull_head(2)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
    assert request.folder is not None
    assert request.folder.path == OTHER
    assert [path for path, _ in request.folder.lent] == ["train_gpt.py"]
    assert any("train_gpt.py outside it" in note for note in request.notes)


def test_what_a_merge_brought_is_the_difference_of_the_merge(tmp_path: Path) -> None:
    """Promise: against main it is empty; the merge that brought it in shows what it added."""
    made = small_clone(tmp_path / "clone")
    before = made.git("rev-parse", "main")
    made.git("merge", "-q", "--no-ff", "first", "-m", "Merge pull request #1 from ada/first")
    merge = made.git("rev-parse", "HEAD")
    made.put(f"{RECORD}/README.md", "# Changed later on main\n")
    made.commit("Later")
    made.pull_head(7, "first")
    with Repository.at(made.path) as repository:
        first, again = pull_requests(repository, [1, 7])
    assert (first.shape, first.merge, first.base) == (Shape.MERGED, merge, before)
    assert first.folder is not None
    assert (first.folder.path, first.folder.added, first.notes) == (RECORD, True, ())
    assert first.folder.tree == made.git("rev-parse", f"first:{RECORD}")
    assert again.notes == ("main got its commits with the merge of #1",)


def test_a_squashed_request_is_known_by_its_number(tmp_path: Path) -> None:
    """Promise: the commit on main whose subject ends in (#N) is its merge."""
    made = small_clone(tmp_path / "clone")
    made.git("merge", "-q", "--squash", "first")
    squash = made.commit("Add the first record (#1)")
    made.commit("Talk of (#1) in the middle", notes__txt="x")
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert (request.shape, request.merge) == (Shape.ONE_FOLDER, squash)


def test_a_head_that_is_a_commit_of_main_adds_nothing(tmp_path: Path) -> None:
    """Promise: empty, and said why."""
    made = small_clone(tmp_path / "clone")
    made.pull_head(2, "main")
    empty = made.commit_tree(made.git("rev-parse", "main^{tree}"), "main")
    made.pull_head(3, empty)
    with Repository.at(made.path) as repository:
        second, third = pull_requests(repository, [2, 3])
    assert (second.shape, second.folder) == (Shape.EMPTY, None)
    assert "commit of main itself" in second.notes[0]
    assert (third.shape, third.folder) == (Shape.EMPTY, None)


def test_a_history_without_a_common_commit_is_said(tmp_path: Path) -> None:
    """Promise: no merge base is a shape of its own; main's head is what it is compared with."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "--orphan", "alone")
    made.record(OTHER)
    made.commit("Out of nowhere")
    made.pull_head(2)
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
    assert (request.shape, request.base) == (Shape.NO_MERGE_BASE, "")
    assert request.folder is not None and request.folder.path == OTHER
    assert "no commit in common" in request.notes[0]


def test_a_shallow_clone_says_where_its_history_ends(tmp_path: Path) -> None:
    """Attack: a merge base that is not in the clone must not be guessed."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    cut = made.git("rev-parse", "first")
    made.commit("Second", a="x")
    made.pull_head(1)
    loose = made.path / ".git" / "objects" / cut[:2] / cut[2:]
    loose.unlink()
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 1)
    assert request.shape is Shape.NO_MERGE_BASE
    assert f"history ends at {cut[:12]}" in request.notes[0]


def test_a_head_that_is_not_here_is_a_row_and_no_crash(tmp_path: Path) -> None:
    """Promise: a ref whose commit is missing is said; a number without a ref is a usage error."""
    made = small_clone(tmp_path / "clone")
    head = made.pull_head(2, made.commit_tree(made.git("rev-parse", "main^{tree}"), "main"))
    (made.path / ".git" / "objects" / head[:2] / head[2:]).unlink()
    with Repository.at(made.path) as repository:
        assert pull_request(repository, 2).fault == "not screened: its head is not in this clone"
        with pytest.raises(RequestError, match="no head of pull request #99"):
            pull_request(repository, 99)


def test_a_checkout_in_ci_is_compared_with_its_base(tmp_path: Path) -> None:
    """Promise: PATH@BASE..HEAD needs no pull-request refs, only two names."""
    made = small_clone(tmp_path / "clone")
    made.git("update-ref", "-d", "refs/pull/1/head")
    with Repository.at(made.path) as repository:
        request = compared(repository, "main", "first")
    assert (request.number, request.shape) == (0, Shape.ONE_FOLDER)
    assert request.folder is not None and request.folder.path == RECORD


def test_a_checkout_whose_history_is_cut_is_not_compared(tmp_path: Path) -> None:
    """Promise: depth 1 in CI is an error that says what to set, not a wrong difference."""
    made = small_clone(tmp_path / "clone")
    made.git("checkout", "-q", "first")
    cut = made.git("rev-parse", "HEAD")
    made.commit("Second", a="x")
    (made.path / ".git" / "objects" / cut[:2] / cut[2:]).unlink()
    with (
        Repository.at(made.path) as repository,
        pytest.raises(RequestError, match="no commit in common") as refused,
    ):
        compared(repository, "main", "first")
    assert "fetch-depth: 0" in refused.value.remedy


def test_a_request_with_thousands_of_folders_is_told_in_no_time(tmp_path: Path) -> None:
    """Attack: each of ten thousand folders could be the submission."""
    made = small_clone(tmp_path / "clone")
    script = made.tree(("100644", "blob", b"train.py", made.blob()))
    many = made.tree(*(("40000", "tree", b"%05d" % n, script) for n in range(9_000)))
    tree = made.tree(
        ("40000", "tree", b"a", many),
        ("40000", "tree", b"records", made.tree(("40000", "tree", b"track", many))),
    )
    made.pull_head(2, made.commit_tree(tree, "main"))
    begun = time.monotonic()
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
    assert time.monotonic() - begun < 5
    assert request.shape is Shape.SEVERAL_FOLDERS
    assert len(request.folders) <= 64
    assert len(request.others) <= 200


def test_names_are_made_safe_to_print(tmp_path: Path) -> None:
    """Attack: escapes and bytes that are no text in paths, subjects and names."""
    made = small_clone(tmp_path / "clone")
    blob = made.blob()
    odd = made.tree(
        ("100644", "blob", b"evil\x1b[2J\xff", blob), ("100644", "blob", b"train.py", blob)
    )
    tree = made.tree(("40000", "tree", b"dir\x1b]0;x\x07", odd), ("100644", "blob", b"a\nb", blob))
    made.pull_head(2, made.commit_tree(tree, "main", subject="\x1b[31mred"))
    with Repository.at(made.path) as repository:
        request = pull_request(repository, 2)
    assert request.folder is not None
    said = (request.folder.path, *request.folder.changed, *request.others, *request.notes)
    assert all(text.isprintable() and text.isascii() for text in said)


def test_trees_that_list_themselves_a_billion_times_are_not_walked_to_the_end(
    tmp_path: Path,
) -> None:
    """Attack: ten names for one tree, ten levels deep, is ten thousand million files."""
    made = small_clone(tmp_path / "clone")
    tree = made.tree(("100644", "blob", b"train.py", made.blob()))
    for _ in range(10):
        tree = made.tree(*(("40000", "tree", b"%d" % n, tree) for n in range(10)))
    deep = made.tree(("100644", "blob", b"f", made.blob()))
    for _ in range(100):
        deep = made.tree(("40000", "tree", b"d" * 200, deep))
    made.pull_head(2, made.commit_tree(made.tree(("40000", "tree", b"records", tree)), "main"))
    made.pull_head(3, made.commit_tree(made.tree(("40000", "tree", b"records", deep)), "main"))
    with Repository.at(made.path) as repository:
        second, third = pull_requests(repository, [2, 3])
    assert any("the list is not whole" in note for note in second.notes)
    assert "the list is not whole" in third.fault


@pytest.mark.parametrize("seed", range(4))
def test_merge_bases_and_differences_are_those_git_finds(tmp_path: Path, seed: int) -> None:
    """Promise: on a random history with merges both ways, base and paths agree with git's own."""
    chance = random.Random(seed)
    made = Made(tmp_path / "clone")
    commits = [made.commit("Launch", README__md="x\n")]
    for step in range(18):
        parents = chance.sample(commits, k=min(len(commits), chance.choice([1, 1, 2])))
        made.git("read-tree", "--empty")
        made.git("read-tree", parents[0])
        blob = made.blob(str(step).encode())
        path = f"records/track/{chance.randrange(4)}/{chance.randrange(3)}.py"
        made.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        if chance.random() < 0.2 and parents[0] != commits[0]:
            made.git("update-index", "--force-remove", path)
        made.day = chance.randrange(100)  # clocks differ: a date says nothing about the order
        commits.append(made.commit_tree(made.git("write-tree"), *parents))
    made.git("update-ref", "refs/heads/main", commits[9])
    for number, commit in enumerate(commits, 1):
        made.pull_head(number, commit)
    with Repository.at(made.path) as repository:
        for request in pull_requests(repository):
            if request.shape in (Shape.MERGED, Shape.EMPTY) and request.merge:
                continue
            bases = made.git("merge-base", "--all", "main", request.head).split()
            assert request.base in bases
            said = made.git("diff", "--name-only", "--no-renames", request.base, request.head)
            listed = {p for f in request.folders for p in f.changed} | set(request.others)
            assert listed == set(said.split())


def test_clones_are_told_apart_by_nothing_but_their_commits(tmp_path: Path) -> None:
    """Promise: a bare copy gives the same answer."""
    made = small_clone(tmp_path / "clone")
    bare = tmp_path / "bare.git"
    shutil.copytree(made.path / ".git", bare)
    with Repository.at(made.path) as one, Repository.at(bare) as two:
        assert pull_requests(one) == pull_requests(two)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_commit_and_a_tree_or_none(content: bytes) -> None:
    """Attack: objects that git's porcelain would never write."""
    for start in (b"", b"tree 0\nauthor ", b"100644 "):
        list(parsed_tree(start + content, 20))
        commit = parsed("0" * 40, start + content)
        if commit is not None:
            assert (commit.author + commit.subject).isprintable()
