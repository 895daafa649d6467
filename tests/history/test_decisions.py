"""What a person ruled: read strictly, shown beside the finding, void after a push."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.history import made
from verifier.errors import BadInput
from verifier.history.decisions import read_decisions, schema
from verifier.history.rules import ALL
from verifier.history.rulings import Decided, counted, decide
from verifier.screening import Confidence
from verifier.screening.ruled import answer, said, standing
from verifier.screening.screened import Answer, Row

HEAD, PUSHED = "a" * 40, "b" * 40
RULES = ("ngram-hash", "two-pass")


def ruling(head: str = HEAD, rule: str = "ngram-hash", word: str = "dismissed") -> str:
    return (
        f"- head: {head}\n  rule: {rule}\n  ruling: {word}\n"
        "  name: Jane Doe\n  date: 2026-05-01\n  reason: counts context only\n"
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "decisions.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def decided(row: Row, path: Path, heads: Mapping[int, str] | None = None) -> Decided:
    return decide([row], read_decisions(path, RULES), heads or {row.number: row.head})


def test_a_dismissed_finding_asks_for_nobody_any_more(tmp_path: Path) -> None:
    """The finding itself stays as it was; the ruling stands beside it."""
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.VIOLATION))
    assert answer(row) is Answer.VIOLATION
    found = decided(row, written(tmp_path, ruling()))
    (ruled,) = found.rows
    assert ruled.screening is not None
    assert ruled.screening.answer is Answer.VIOLATION
    assert [said(each) for each in ruled.rulings] == [
        "dismissed by Jane Doe on 2026-05-01: counts context only"
    ]
    assert answer(ruled) is Answer.NOTHING_FOUND
    assert standing(ruled) == ()
    assert counted(found) == "Rulings: 1 finding dismissed and 0 upheld by a person"


def test_an_upheld_finding_is_a_violation(tmp_path: Path) -> None:
    """What a person confirmed needs no second look."""
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.REVIEW))
    (ruled,) = decided(row, written(tmp_path, ruling(word="upheld"))).rows
    assert answer(row) is Answer.REVIEW
    assert answer(ruled) is Answer.VIOLATION


def test_a_dismissed_finding_leaves_the_others_to_be_looked_at(tmp_path: Path) -> None:
    """Rulings are per finding, not per submission."""
    other = made.remark("two-pass", Confidence.REVIEW)
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.VIOLATION), other)
    (ruled,) = decided(row, written(tmp_path, ruling())).rows
    assert answer(ruled) is Answer.REVIEW
    assert standing(ruled) == (other,)


def test_a_ruling_is_void_after_a_push_and_is_named(tmp_path: Path) -> None:
    """It was about what stood there, and that is gone: whose it was, and where it was written."""
    row = made.row(7, PUSHED, made.remark("ngram-hash", Confidence.VIOLATION))
    numbered = ruling().replace("  rule:", "  number: 7\n  rule:")
    found = decided(row, written(tmp_path, ruling(head="c" * 40) + numbered))
    assert [each.head for each in found.void] == ["c" * 40, HEAD]
    assert found.rows == (row,)
    assert counted(found) == (
        "Rulings: 2 void, the head was pushed over or is not in this clone: "
        "head cccccccccccc (ngram-hash, line 1), #7 (ngram-hash, line 7)"
    )


def test_a_ruling_that_names_its_number_is_about_no_other(tmp_path: Path) -> None:
    """Two pull requests may have one head; without a number it is about both."""
    row = made.row(7, HEAD, made.remark("ngram-hash", Confidence.VIOLATION))
    numbered = ruling().replace("  rule:", "  pull_request: '#8'\n  rule:")
    found = decided(row, written(tmp_path, numbered), {7: HEAD, 8: HEAD})
    assert (found.rows, len(found.elsewhere)) == ((row,), 1)
    assert len(decided(row, written(tmp_path, ruling()), {7: HEAD, 8: HEAD}).held) == 1


def test_what_is_not_asked_for_makes_no_ruling_void(tmp_path: Path) -> None:
    """A triage of the open ones says nothing about rulings on the closed."""
    row = made.row(7, PUSHED)
    found = decided(row, written(tmp_path, ruling()), {7: PUSHED, 8: HEAD})
    assert (found.void, len(found.elsewhere)) == ((), 1)
    assert counted(found) == "Rulings: 1 about pull requests that were not asked for"


def test_a_ruling_about_another_finding_changes_nothing_and_is_counted(tmp_path: Path) -> None:
    """It may be meant for a finding that an earlier version had."""
    row = made.row(7, HEAD, made.remark("two-pass", Confidence.VIOLATION))
    found = decided(row, written(tmp_path, ruling()))
    assert answer(found.rows[0]) is Answer.VIOLATION
    assert len(found.idle) == 1
    assert (
        "1 about a finding that the head does not have: head aaaaaaaaaaaa (ngram-hash, line 1)"
        in counted(found)
    )


def test_the_schema_is_what_is_read(tmp_path: Path) -> None:
    """Every key that it demands is demanded, and the example in the documentation fits it."""
    item = schema()["items"]
    text = Path(__file__).parents[2].joinpath("docs/triage.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(- head.*?)```", text, re.DOTALL)
    read = read_decisions(written(tmp_path, example), {rule.id for rule in ALL})
    assert [each.dismissed for each in read] == [True, False]
    for entry in yaml.load(example, Loader=yaml.BaseLoader):
        assert set(item["required"]) <= set(entry) <= set(item["properties"])
        assert entry["ruling"] in item["properties"]["ruling"]["enum"]
        assert re.fullmatch(item["properties"]["head"]["pattern"], entry["head"])


def test_no_decisions_say_nothing(tmp_path: Path) -> None:
    """An empty file is no ruling."""
    assert read_decisions(written(tmp_path, "# none yet\n"), RULES) == ()
    assert counted(decide([], (), {})) == ""


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("head: x", 1, "must be a list"),
        ("- 5", 1, "must be a ruling"),
        (ruling() + "- hed: x", 7, "did you mean 'head'"),
        (ruling(head="abc"), 1, "whole commit id"),
        (ruling(rule="ngram-hsh"), 2, "did you mean 'ngram-hash'"),
        (ruling(word="fine"), 3, "dismissed or upheld"),
        (ruling(word="accepted"), 3, "dismissed or upheld"),
        (ruling().replace("2026-05-01", "yesterday"), 5, "date like"),
        (ruling().replace("Jane Doe", '""'), 4, "must not be empty"),
        (ruling().replace("Jane Doe", "[a]"), 4, "must be text"),
        (ruling().replace("  rule: ngram-hash\n", ""), 1, "missing key 'rule' ("),
        (f"- head: {HEAD}\n  name: x\n", 1, "missing keys 'rule', 'ruling', 'date', 'reason' ("),
        (ruling() + "  finding: x\n", 7, "'finding': a ruling has head, rule, ruling, name, date"),
        (ruling() + "  numbr: x\n", 7, "did you mean 'number'"),
        (ruling() + "  number: many\n", 7, "pull request's number"),
        (ruling() + "  number: 1\n  pull_request: 1\n", 8, "calls it 'number': use one"),
        (
            ruling() + "  pull_request: 1\n" + ruling(head=PUSHED) + "  number: 2\n",
            14,
            "'number' in a file that calls it 'pull_request'",
        ),
        (ruling() + ruling(), 7, "ruled on in line 1"),
        (ruling() + "  name: again\n", 7, "stands twice"),
        (ruling() + "- {", 7, "is not YAML"),
        ("- !!python/object:os.system x", 1, "must be a ruling"),
        ("\x07", 1, "control characters"),
        ("[" * 5_000, 1, "nested too deeply"),
        ('"\\UFFFFFFFF"', 1, "spells a character"),
        ("%YAML 1." + "9" * 5_000 + "\n--- a", 1, "or a version that is none"),
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
