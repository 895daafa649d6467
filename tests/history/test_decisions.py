"""What a person ruled: read strictly, shown beside the finding, void after a push."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.history import made
from verifier.errors import BadInput
from verifier.history.decisions import answer, counted, decide, read_decisions
from verifier.screening import Confidence
from verifier.screening.screened import Answer

HEAD, PUSHED = "a" * 40, "b" * 40
RULES = ("ngram-hash", "two-pass")


def ruling(head: str = HEAD, rule: str = "ngram-hash", said: str = "accepted") -> str:
    return (
        f"- head: {head}\n  rule: {rule}\n  ruling: {said}\n"
        "  name: Jane Doe\n  date: 2026-05-01\n  reason: counts context only\n"
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "decisions.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_accepted_finding_asks_for_nobody_any_more(tmp_path: Path) -> None:
    """The finding itself stays as it was; the ruling stands beside it."""
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.VIOLATION))
    assert answer(row) is Answer.VIOLATION
    found = decide([row], read_decisions(written(tmp_path, ruling()), RULES))
    (ruled,) = found.rows
    assert ruled.screening is not None
    assert ruled.screening.answer is Answer.VIOLATION
    assert [each.name for each in ruled.rulings] == ["Jane Doe"]
    assert answer(ruled) is Answer.NOTHING_FOUND
    assert counted(found) == "1 findings accepted and 0 refused by a person"


def test_a_refused_finding_is_a_violation(tmp_path: Path) -> None:
    """What a person confirmed needs no second look."""
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.REVIEW))
    rulings = read_decisions(written(tmp_path, ruling(said="refused")), RULES)
    (ruled,) = decide([row], rulings).rows
    assert answer(row) is Answer.REVIEW
    assert answer(ruled) is Answer.VIOLATION


def test_a_ruling_is_void_after_a_push(tmp_path: Path) -> None:
    """It was about what stood there, and that is gone."""
    row = made.row(7, PUSHED, made.remark("ngram-hash", Confidence.VIOLATION))
    found = decide([row], read_decisions(written(tmp_path, ruling()), RULES))
    assert [each.head for each in found.void] == [HEAD]
    assert found.rows == (row,)
    assert "1 void" in counted(found)


def test_a_ruling_about_another_finding_changes_nothing_and_is_counted(tmp_path: Path) -> None:
    """Rulings are per finding, not per submission."""
    row = made.row(7, HEAD, made.remark("two-pass", Confidence.VIOLATION))
    found = decide([row], read_decisions(written(tmp_path, ruling()), RULES))
    assert answer(found.rows[0]) is Answer.VIOLATION
    assert len(found.idle) == 1


def test_no_decisions_say_nothing(tmp_path: Path) -> None:
    """An empty file is no ruling."""
    assert read_decisions(written(tmp_path, "# none yet\n"), RULES) == ()
    assert counted(decide([], ())) == ""


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("head: x", 1, "must be a list"),
        ("- 5", 1, "must be a ruling"),
        (ruling() + "- hed: x", 7, "did you mean 'head'"),
        (ruling(head="abc"), 1, "whole commit id"),
        (ruling(rule="ngram-hsh"), 2, "did you mean 'ngram-hash'"),
        (ruling(said="fine"), 3, "accepted or refused"),
        (ruling().replace("2026-05-01", "yesterday"), 5, "date like"),
        (ruling().replace("Jane Doe", '""'), 4, "must not be empty"),
        (ruling().replace("Jane Doe", "[a]"), 4, "must be text"),
        (ruling().replace("  rule: ngram-hash\n", ""), 1, "missing key 'rule'"),
        (ruling() + ruling(), 7, "ruled on in line 1"),
        (ruling() + "  name: again\n", 7, "stands twice"),
        (ruling() + "- {", 7, "is not YAML"),
        ("- !!python/object:os.system x", 1, "must be a ruling"),
        ("\x07", 1, "control characters"),
        ("[" * 5_000, 1, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    """A ruling that cannot be read must not be skipped."""
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_decisions(path, RULES)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


@settings(max_examples=50)
@given(text=st.binary(max_size=200))
def test_any_bytes_are_rulings_or_a_named_mistake(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    """Nothing else comes out, whatever is in the file."""
    path = tmp_path_factory.mktemp("decisions") / "decisions.yaml"
    path.write_bytes(text)
    try:
        assert isinstance(read_decisions(path, RULES), tuple)
    except BadInput as fault:
        assert str(path) in str(fault)
