"""Is every key of a stranger's JSON read with its line, and every mistake said where it stands?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.screening.located_json import DEEPEST, MOST_BYTES, decimals_of, read_json

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
_KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), max_size=12)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=6), st.sampled_from([None, 0, 2]))
def test_valid_json_is_read_as_the_standard_reader_reads_it(
    document: dict[str, Any], indent: int | None
) -> None:
    """Same values, no faults, whatever the spacing."""
    text = json.dumps(document, indent=indent)
    located = read_json(text.encode())
    assert located.value == json.loads(text)
    assert located.faults == ()


@given(st.dictionaries(_KEYS.filter(bool), _SCALARS, min_size=1, max_size=8))
def test_every_key_is_found_on_its_line(document: dict[str, Any]) -> None:
    """One key a line: the nth key stands on line n + 1."""
    located = read_json(json.dumps(document, indent=1, ensure_ascii=True).encode())
    assert [located.lines[key] for key in document] == list(range(2, len(document) + 2))


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
def test_no_bytes_make_it_raise(content: bytes) -> None:
    """Hostile bytes: a value or none, and faults that can be written out."""
    located = read_json(content)
    for fault in located.faults:
        assert fault.said.encode("utf-8")
        assert fault.line >= 0
    json.dumps(located.value).encode("utf-8")


@given(st.text('{}[]",:0123456789.eE+-tfn \n\\u', max_size=60))
def test_no_near_json_makes_it_raise(text: str) -> None:
    """The same with the letters that JSON is made of."""
    read_json(text.encode())


@pytest.mark.parametrize(
    ("text", "key", "line", "said"),
    [
        ('{\n"a": NaN\n}', "a", 2, "NaN"),
        ('{\n"a": 1,\n"b": -Infinity}', "b", 3, "-Infinity"),
        ('{\n"a": 1e400}', "a", 2, "beyond any number"),
        ('{\n"a": ' + "9" * 500 + "}", "a", 2, "400 digits"),
        ('{"a": 388_800}', "a", 1, "no JSON value"),
        ('{\n"a": 1,\n"a": 2}', "a", 3, "given twice, first on line 2"),
        ('{"a": 1,}', "", 1, "a comma before"),
        ('{"a": 1 "b": 2}', "", 1, "where a comma"),
        ('{"a": "x', "a", 1, "does not end"),
        ('{"a": 1', "", 1, "'}' belongs"),
        ('json\n{"a": 1}', "", 1, "text before the object"),
        ('{"a": 1}\n```', "", 2, "text after the object"),
        ('{"a": 1, b: 2}', "", 1, "where a key belongs"),
        ("", "", 1, "no JSON object"),
    ],
)
def test_a_mistake_is_named_with_key_and_line(text: str, key: str, line: int, said: str) -> None:
    """What stands where, so that its author finds it."""
    faults = read_json(text.encode()).faults
    assert any((fault.key, fault.line) == (key, line) and said in fault.said for fault in faults)


def test_what_stood_before_a_mistake_is_kept() -> None:
    """A missing quote on line 3 does not lose line 2."""
    located = read_json(b'{\n"a": {"b": 1},\n"c": "x\n}')
    assert located.value == {"a": {"b": 1}, "c": None}
    assert located.lines["a.b"] == 2


def test_nesting_and_size_are_bounded() -> None:
    """A tower of brackets and a megabyte too many are refused by name."""
    deep = read_json(b"[" * 5_000)
    assert f"more than {DEEPEST} deep" in deep.faults[-1].said
    assert "at most" in read_json(b" " * (MOST_BYTES + 1)).faults[0].said
    many = read_json(b"[" + b"1," * 30_000 + b"1]")
    assert "the rest is not read" in many.faults[-1].said


def test_text_that_is_not_utf8_is_read_and_said() -> None:
    """The line of the first byte that is none."""
    located = read_json(b'{\n"a": "caf\xe9"}')
    assert located.value == {"a": "caf\ufffd"}
    assert [(fault.line, fault.said) for fault in located.faults] == [(2, "is not UTF-8")]


def test_a_lone_surrogate_cannot_travel_further() -> None:
    """No writer could encode it."""
    value = read_json(b'{"a": "\\ud800"}').value
    assert isinstance(value, dict)
    assert value["a"].encode("utf-8")


def test_a_number_remembers_its_decimals() -> None:
    """1.06400 claims five digits, though its value needs three."""
    value = read_json(b'{"a": 1.06400, "b": 1.064, "c": 2, "d": 1e-7}').value
    assert isinstance(value, dict)
    assert [decimals_of(value[key]) for key in "abcd"] == [5, 3, 0, 17]
