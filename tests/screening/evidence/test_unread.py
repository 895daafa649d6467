"""What was refused or not read is never passed over in silence."""

from __future__ import annotations

import pytest

from tests.screening.evidence.submissions import FOLDER, files, refused, remarks, rules, unread
from verifier.screening import Confidence, Remark
from verifier.screening.evidence import unread as family
from verifier.screening.screen import screen
from verifier.screening.screened import Answer
from verifier.source import Tree


def asked(found: list[Remark]) -> set[str]:
    mine = {rule.id for rule in family.RULES}
    return {each.rule for each in found if each.rule in mine and each.confidence in _ASKS}


_ASKS = (Confidence.REVIEW, Confidence.VIOLATION)


@pytest.mark.parametrize(
    "reason", ["data: a symbolic link", "../x.py: a name that leaves the folder", "a: a submodule"]
)
def test_what_the_pull_refused_asks_for_a_person(reason: str) -> None:
    """Red: it is left out of what is read, so it is named."""
    found = refused(files(), reason)
    assert asked(found) == {"files-refused"}
    (said,) = [each for each in found if each.rule == "files-refused"]
    assert reason in said.said
    assert said.locations[0].path == reason.partition(":")[0]


def test_a_screening_with_a_refused_file_never_says_that_nothing_was_found() -> None:
    """So that no queue takes it."""
    tree = Tree(files=files())
    given = {"folder": FOLDER, "digest": "", "policy": rules()}
    assert screen(tree, **given).answer is Answer.NOTHING_FOUND  # type: ignore[arg-type]
    told = screen(tree, refused=("x: a symbolic link",), **given)  # type: ignore[arg-type]
    assert told.answer is Answer.REVIEW


@pytest.mark.parametrize("path", ["train_gpt.py", "helper.py", "kernels/fast.cu", "run.sh"])
def test_a_source_that_was_not_read_asks_for_a_person(path: str) -> None:
    """Red: the script, a sibling, native code, a shell script."""
    assert "source-not-read" in asked(unread(files(), path))


@pytest.mark.parametrize("path", ["model.ptz", "final_model.pt", "figure.png", "data.bin"])
def test_weights_and_pictures_are_left_alone(path: str) -> None:
    """Near misses: they are counted, not read."""
    assert asked(unread(files(), path)) == set()


def test_a_folder_without_a_script_is_left_alone_here() -> None:
    """Near miss: that is said elsewhere."""
    assert asked(remarks(files(train_gpt__py=None))) == set()
