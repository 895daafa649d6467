"""A table of labels is read whole, or its first fault is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import BadInput
from verifier.submission.labelled import read_labels

HEAD = "pr,ref,path,label,class,source\n"


def test_rows_are_read(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(
        HEAD
        + "42,main,records/a/train_gpt.py,valid/merged,-,a table\n"
        + '7,refs/pull/7/head,train_gpt.py,invalid,SLOT,"a, b"\n'
    )
    first, second = read_labels(table)
    assert (first.number, first.valid, first.kind) == (42, True, "-")
    assert (second.ref, second.valid, second.kind) == ("refs/pull/7/head", False, "SLOT")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no column pr"),
        ("pr,ref\n1,main\n", "no column path, label, class"),
        (HEAD + "x,main,a,valid,-,b\n", "2"),
        (HEAD + "1,main,a,valid,-,b\n2,main\n", "3"),
        (HEAD + "1,main,a,valid,-,b,more\n", "2"),
    ],
)
def test_what_is_no_table_is_refused_by_line(tmp_path: Path, content: str, said: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(content)
    with pytest.raises(BadInput, match=r"labels\.csv") as refused:
        read_labels(table)
    assert said in str(refused.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing\.csv"):
        read_labels(tmp_path / "nothing.csv")
