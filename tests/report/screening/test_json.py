"""screen.json and triage.json: the records as they are, a schema that is met, strict when read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.schema import check
from tests.report.screening import screenings as make
from tests.report.screening.test_terminal import ANY, SCREENINGS
from verifier.errors import BadInput, RequestError
from verifier.report import screening as told
from verifier.report.screening import as_json
from verifier.screening.screened import Screening

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def written(found: Screening, folder: Path) -> Path:
    told.write_screening(found, folder, make.RULES)
    return folder / "screen.json"


@pytest.mark.parametrize("name", SCREENINGS)
def test_a_screening_meets_its_schema(name: str) -> None:
    """Hostile ones too: what a schema promises holds for all."""
    text = told.as_format(SCREENINGS[name](), "json", make.RULES)
    body = json.loads(text)
    assert body["format"] == "screen/1"
    check(body, told.screen_schema())


def test_a_triage_meets_its_schema_one_row_a_line() -> None:
    """So that a line can be searched, and a difference be read."""
    text = "".join(as_json.triage(make.triage()))
    body = json.loads(text)
    check(body, told.triage_schema())
    assert len(text.splitlines()) == len(body["rows"]) + 2
    assert [row["number"] for row in body["rows"]] == [1234, 812, 666, 7, 8]


@settings(deadline=None, max_examples=50)
@given(ANY)
def test_to_print_a_file_is_harmless(text: str) -> None:
    """No control, no direction: a terminal gets letters."""
    made = as_json.screen(make.hostile(text)) + "".join(
        as_json.triage(make.triage(make.hostile_row(text=text)))
    )
    assert made.isascii() and made.replace("\n", "").isprintable()


def test_a_schema_refuses_what_is_unknown_or_missing() -> None:
    """Every key is there, and no other."""
    body = json.loads(told.as_format(make.screening(), "json", make.RULES))
    for wrong in (
        {**body, "more": 1},
        {key: value for key, value in body.items() if key != "digest"},
        {**body, "answer": "VERIFIED"},
        {**body, "format": "screen/2"},
    ):
        with pytest.raises(AssertionError):
            check(wrong, told.screen_schema())


def test_schemas_explain_what_a_record_is() -> None:
    """The words of the records are the words of the schema."""
    assert "Nothing was run" not in json.dumps(told.screen_schema())
    assert "One submission, read." in told.screen_schema()["description"]
    assert "One pull request of a triage." in json.dumps(told.triage_schema())


@pytest.mark.parametrize("name", ["plain", "empty"])
def test_what_was_written_comes_back(name: str, tmp_path: Path) -> None:
    """The comment on a pull request is made from the file that its run left."""
    found = SCREENINGS[name]()
    assert told.read_screening(written(found, tmp_path)) == found


@settings(deadline=None, max_examples=50)
@given(ANY, JSON)
def test_whatever_they_write_it_is_json_and_comes_back(text: str, others: Any) -> None:
    """But for what no file can hold; a second writing changes nothing."""
    found = make.hostile(text)
    assert found.claimed is not None
    object.__setattr__(found.claimed, "others", {"x": others})
    once = as_json.screen(found)
    check(json.loads(once), told.screen_schema())
    again = as_json.validated(json.loads(once))
    assert as_json.screen(again) == once


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "screen/2"}, "not of format"),
        ({"answer": "VERIFIED"}, "answer"),
        ({"remarks": 3}, "remarks"),
        ({"more": 3}, "no screening holds"),
        ({"seconds": "soon"}, "seconds"),
    ],
)
def test_a_file_that_is_no_screening_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Whoever wrote it: it may come from the run of a stranger's pull request."""
    path = written(make.screening(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=said):
        told.read_screening(path)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b'"x"', b"[" * 100_000, b"\xff", b'{"a": 1e999}', b"1" * 9_999]
)
def test_a_file_that_is_no_json_is_refused(text: bytes, tmp_path: Path) -> None:
    """However deep, however long."""
    path = tmp_path / "screen.json"
    path.write_bytes(text)
    with pytest.raises(BadInput):
        told.read_screening(path)


def test_a_file_that_is_too_long_or_missing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read without end."""
    with pytest.raises(RequestError, match="cannot be read"):
        told.read_screening(tmp_path / "none.json")
    path = written(make.screening(), tmp_path)
    monkeypatch.setattr(as_json, "READ_BYTES", 100)
    with pytest.raises(BadInput, match="more than"):
        told.read_screening(path)


def test_what_is_nested_too_deeply_is_said_to_be() -> None:
    """No recursion without end."""
    deep: Any = 1
    for _ in range(1000):
        deep = [deep]
    assert "nested too deeply" in json.dumps(as_json.plain(deep))
