"""Records of screening come back from JSON as they were, or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.screening import Confidence, Location, Remark
from verifier.screening.screened import Claimed, LogFacts, Parent, Row, Screening
from verifier.screening.written import Mismatch, from_json, to_json

TEXT = st.text(max_size=20)
NUMBER = st.none() | st.floats(allow_nan=False)
LOCATION = st.builds(Location, path=TEXT, line=st.integers(0), text=TEXT, layer=TEXT)
REMARK = st.builds(
    Remark,
    rule=TEXT,
    confidence=st.sampled_from(Confidence),
    said=TEXT,
    locations=st.lists(LOCATION, max_size=2).map(tuple),
    values=st.dictionaries(TEXT, st.none() | st.integers() | TEXT, max_size=2),
)
CLAIMED = st.builds(
    Claimed,
    path=TEXT,
    val_bpb=NUMBER,
    seeds=st.lists(st.integers(), max_size=3).map(tuple),
    seed_bpbs=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=2),
    others=st.dictionaries(TEXT, st.none() | st.booleans() | st.lists(TEXT), max_size=2),
)
LOG = st.builds(LogFacts, path=TEXT, bpb=NUMBER, final=st.booleans())
SCREENING = st.builds(
    Screening,
    claimed=st.none() | CLAIMED,
    logs=st.lists(LOG, max_size=2).map(tuple),
    seconds=st.floats(0, 60),
    remarks=st.lists(REMARK, max_size=3).map(tuple),
)
ROW = st.builds(
    Row,
    number=st.integers(0),
    head=TEXT,
    shape=TEXT,
    screening=st.none() | SCREENING,
    parent=st.none() | st.builds(Parent, similarity=st.floats(0, 1), diff=TEXT),
)


@settings(max_examples=40)
@given(row=ROW)
def test_a_row_comes_back_as_it_was(row: Row) -> None:
    """What is kept between two runs is what was found."""
    assert from_json(Row, json.loads(json.dumps(to_json(row)))) == row


def test_a_number_that_is_none_comes_back() -> None:
    """A hostile claim may be no number; the record keeps what it said."""
    back = from_json(Claimed, json.loads(json.dumps(to_json(Claimed(path="x", val_bpb=math.nan)))))
    assert back.val_bpb is not None
    assert math.isnan(back.val_bpb)


@pytest.mark.parametrize(
    "change",
    [
        {"head": 5},
        {"noted": "x"},
        {"noted": [5]},
        {"unknown": 1},
        {"screening": {}},
        {"screening": []},
        {"number": "7"},
    ],
)
def test_what_is_not_a_row_is_refused(change: dict[str, Any]) -> None:
    """A damaged file is read anew, never repaired."""
    data = to_json(Row(number=7, head="a", shape="empty")) | change
    with pytest.raises(Mismatch):
        from_json(Row, data)


def test_a_missing_field_is_refused() -> None:
    """Every field is written, so every field must be there."""
    data = to_json(Row(number=7, head="a", shape="empty"))
    del data["fault"]
    with pytest.raises(Mismatch):
        from_json(Row, data)
