"""Hostile histories: whatever a head points at, it is a row with a reason, and the next is read."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.submission.repositories import RECORD, Made, identity, small_clone
from verifier.errors import Unanswered
from verifier.submission import PullRequest, Repository, Shape, pull_requests
from verifier.submission.ancestry import COMMIT_BYTES
from verifier.submission.contents import contents_of
from verifier.submission.objects import Objects

HOSTILE = 7
AFTER = 8


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A clone whose pull request 1 is honest, and so is AFTER."""
    made = small_clone(tmp_path / "clone")
    made.pull_head(AFTER, "first")
    return made


def commit(tree: str, *extra: str, day: int = 0) -> bytes:
    """A commit with header lines that git's porcelain would not write."""
    when = f"{1_774_000_000 + day * 86_400} +0000"
    lines = [f"tree {tree}", *extra]
    lines += [f"{who} Ada <ada@host.example> {when}" for who in ("author", "committer")]
    return ("\n".join(lines) + "\n\nhostile\n").encode()


def raw_commit(made: Made, *extra: str, tree: str = "main^{tree}") -> str:
    """The id of such a commit."""
    return made.packed("commit", [commit(made.git("rev-parse", tree), *extra)])[0]


def two_hundred_folders(made: Made) -> str:
    """A tree with two hundred records, each with one script; its id."""
    folder = made.tree(("100644", "blob", b"train_gpt.py", made.blob()))
    track = made.tree(*(("40000", "tree", b"%03d" % n, folder) for n in range(200)))
    return made.tree(("40000", "tree", b"records", made.tree(("40000", "tree", b"track", track))))


def told(made: Made, seconds: float = 20.0) -> PullRequest:
    """The row of HOSTILE, once both honest requests are told as ever."""
    begun = time.monotonic()
    with Repository.at(made.path) as repository:
        first, hostile, after = pull_requests(repository)
        assert first.folder is not None and after.folder == first.folder
        for folder in hostile.folders:
            contents_of(repository, folder)
    assert time.monotonic() - begun < seconds
    assert (first.shape, first.fault, after.fault) == (Shape.ONE_FOLDER, "", "")
    said = (hostile.fault, *hostile.notes)
    assert all(text.isprintable() for text in said)
    return hostile


def _large_commit(made: Made) -> str:
    return raw_commit(made, "x-padding " + "x" * COMMIT_BYTES)


def _history_with_a_large_commit(made: Made) -> str:
    return raw_commit(made, f"parent {_large_commit(made)}")


def _tag(made: Made) -> str:
    made.git("tag", "-a", "-m", "x", "annotated", "first", **made.dates())
    return made.git("rev-parse", "refs/tags/annotated")


def _without_tree(made: Made) -> str:
    return made.packed("commit", [b"author nobody\n\nx\n"])[0]


def _absent_tree(made: Made) -> str:
    tree = made.tree(("100644", "blob", b"train.py", made.blob()))
    head = made.commit_tree(tree, "main")
    (made.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    return head


def _absent_records(made: Made) -> str:
    records = made.tree(("40000", "tree", b"track", made.git("rev-parse", "main^{tree}")))
    tree = made.tree(("40000", "tree", b"records", records))
    head = made.commit_tree(tree, "main")
    (made.path / ".git" / "objects" / records[:2] / records[2:]).unlink()
    return head


def _absent_head(made: Made) -> str:
    return "1" * 40


def _huge_tree(made: Made) -> str:
    blob = made.blob()
    names = [("100644", "blob", b"%056d.py" % n, blob) for n in range(100_000)]
    tree = made.tree(("40000", "tree", b"records", made.tree(*names)))
    return made.commit_tree(tree, "main")


def _tree_as_head(made: Made) -> str:
    return made.git("rev-parse", "main^{tree}")


def _tree_is_a_blob(made: Made) -> str:
    parent = f"parent {made.git('rev-parse', 'main')}"
    return made.packed("commit", [commit(made.blob(), parent)])[0]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (_large_commit, "bytes, more than the 1048576 of any commit"),
        (_tag, "its head is a tag, and no commit"),
        (lambda made: made.blob(), "its head is a blob, and no commit"),
        (_tree_as_head, "its head is a tree, and no commit"),
        (_without_tree, "its head is no commit that can be read"),
        (_absent_head, "its head is not in this clone"),
        (_absent_tree, "1 of its folders cannot be read"),
        (_tree_is_a_blob, "1 of its folders cannot be read"),
        (_absent_records, "1 of its folders cannot be read"),
        (_huge_tree, "1 of its folders cannot be read"),
    ],
)
def test_a_head_that_cannot_be_read_is_a_row_that_says_why(
    made: Made, head: Callable[[Made], str], why: str
) -> None:
    """Law 4: never "nothing found", and never the end of the reading."""
    path = made.path / ".git" / "refs" / "pull" / str(HOSTILE) / "head"
    path.parent.mkdir(parents=True)
    path.write_text(head(made) + "\n")
    request = told(made)
    assert request.fault.startswith("not screened: ")
    assert why in request.fault
    assert request.folder is None


def test_an_ancestor_that_cannot_be_read_is_where_its_history_ends(made: Made) -> None:
    """The head's own files are there, so they are shown."""
    made.pull_head(HOSTILE, _history_with_a_large_commit(made))
    assert any("history ends at" in note for note in told(made).notes)


@pytest.mark.parametrize(("parents", "children"), [(20_001, 0), (1_001, 1)])
def test_a_commit_with_thousands_of_parents_is_a_row(
    made: Made, parents: int, children: int
) -> None:
    """Attack: 20,000 parents against 200 folders are millions of comparisons."""
    tree = two_hundred_folders(made)
    empty = made.tree()
    many = made.packed("commit", [commit(empty, f"x {n}") for n in range(parents)])
    head = raw_commit(made, *(f"parent {parent}" for parent in many), tree=tree)
    for _ in range(children):
        head = raw_commit(made, f"parent {head}", tree=tree)
    made.pull_head(HOSTILE, head)
    assert f"has {parents} parents" in told(made).fault


def test_the_same_parent_a_thousand_times_is_one_parent(made: Made) -> None:
    """Attack: nothing says that parents differ."""
    main = made.git("rev-parse", "main")
    made.pull_head(HOSTILE, raw_commit(made, *[f"parent {main}"] * 5_000, tree="first^{tree}"))
    request = told(made)
    assert request.folder is not None and request.folder.path == RECORD


def test_a_history_that_costs_too_much_is_a_row(made: Made) -> None:
    """Attack: thousands of commits, each against hundreds of folders."""
    tree = two_hundred_folders(made)
    chain = [commit(tree, f"parent {made.git('rev-parse', 'main')}")]
    for day in range(2_000):
        chain.append(commit(tree, f"parent {identity('commit', chain[-1])}", day=day))
    made.pull_head(HOSTILE, made.packed("commit", chain)[-1])
    assert "takes more than 1000000 steps" in told(made).fault


def test_ten_thousand_levels_of_folders_are_not_walked(made: Made) -> None:
    """Attack: a stack as deep as the tree."""
    level = b"100644 train_gpt.py\0" + bytes.fromhex(made.blob())
    levels = [level]
    for _ in range(10_000):
        level = b"40000 d\0" + bytes.fromhex(identity("tree", level))
        levels.append(level)
    made.pull_head(HOSTILE, made.commit_tree(made.packed("tree", levels)[-1], "main"))
    assert "more than can be listed" in told(made).fault


def test_submodules_that_name_the_repository_itself_are_named(made: Made) -> None:
    """Attack: a submodule whose commit is main's own, within a record."""
    main = made.git("rev-parse", "main")
    blob = made.blob()
    made.hostile(
        HOSTILE,
        ("160000", "commit", b"again", main),
        ("100644", "blob", b"train_gpt.py", blob),
    )
    request = told(made)
    assert request.fault == "" and request.folder is not None
    with Repository.at(made.path) as repository:
        (objection,) = contents_of(repository, request.folder).objections
    assert objection.reason == "a submodule"


@pytest.mark.parametrize("name", ["7/head\udcff", "+7/head", "07/head", "7/head/more", "9" * 200])
def test_refs_with_odd_names_are_no_heads(made: Made, name: str) -> None:
    """Only refs/pull/N/head is one, whatever stands beside it."""
    path = os.fsencode(str(made.path / ".git" / "refs" / "pull")) + b"/" + os.fsencode(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(made.git("rev-parse", "main") + "\n")
    with Repository.at(made.path) as repository:
        assert set(repository.heads) == {1, AFTER}


def test_a_ref_that_holds_no_id_is_no_head(made: Made) -> None:
    """A damaged ref is passed over as git does."""
    path = made.path / ".git" / "refs" / "pull" / "7" / "head"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\x00not an id\n")
    with Repository.at(made.path) as repository:
        assert set(repository.heads) == {1, AFTER}


def test_hundreds_of_damaged_objects_are_one_requests_fault(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: git ends over each of them; the next request counts anew."""
    monkeypatch.setattr("verifier.submission.objects.RESTARTS_AT_MOST", 20)
    parents = [f"{n:02d}{n:038d}" for n in range(30)]
    for parent in parents:
        path = made.path / ".git" / "objects" / parent[:2] / parent[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(b"commit 300\0" + bytes(range(256)))[:40])
    made.pull_head(HOSTILE, raw_commit(made, *(f"parent {p}" for p in parents)))
    assert "git cat-file ended 20 times" in told(made).fault


def test_a_git_that_answers_nobody_is_the_machines_fault(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 5: where one request after the other goes unanswered, it is no request's fault."""
    for number in range(10, 20):
        made.pull_head(number, "first")
    with Repository.at(made.path) as repository:
        from verifier.submission.pull_request import Survey

        survey = Survey(repository, repository.main)

        def silent(*_: object) -> None:
            raise Unanswered("git says nothing")

        monkeypatch.setattr(Objects, "_asked", silent)
        with pytest.raises(Unanswered):
            for number in range(10, 20):
                survey.request(number, f"{number:040d}")
