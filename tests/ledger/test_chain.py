"""A line is exactly what the verifier would write, and follows exactly one other."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.samples import canonical
from verifier.ledger import chain, score_root
from verifier.ledger.codec import Mismatch

PREVIOUS = "ab" * 32
LINE, HASH = chain.written(3, PREVIOUS, "nonce", {"nonce": "é", "x": [1.5, None]}, {})

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.text(), json_values, json_values)
def test_what_is_written_is_read(seq: int, kind: str, data: Any, arrays: Any) -> None:
    """§5: canonical JSON; the hash is that of the line without it."""
    line, digest = chain.written(seq, PREVIOUS, kind, data, arrays)
    event = chain.read(line, seq, PREVIOUS)
    assert (event["kind"], event["data"], event["arrays"]) == (kind, data, arrays)
    assert event["hash"] == digest
    body = {key: value for key, value in event.items() if key != "hash"}
    assert digest == hashlib.sha256(canonical(body)).hexdigest()
    assert line == canonical(event)
    assert line.isascii()


def spoilt(**changes: Any) -> bytes:
    """The line with other fields and the hash they should have."""
    body = {k: v for k, v in (json.loads(LINE) | changes).items() if k != "hash"}
    return canonical({**body, "hash": hashlib.sha256(canonical(body)).hexdigest()})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (LINE.replace(b"1.5", b"NaN"), "is not JSON"),
        (LINE.replace(b"1.5", b"-Infinity"), "is not JSON"),
        (LINE.replace(b"1.5", b"1e400"), "is not JSON"),
        (LINE.replace(b"1.5", b"9" * 5000), "is not JSON"),
        (LINE.replace(b"1.5", b"1.50"), "not written as the verifier writes it"),
        (LINE.replace(b"\\u00e9", "é".encode()), "not written as the verifier writes it"),
        (LINE.replace(b"\\u00e9", b"\\u00E9"), "not written as the verifier writes it"),
        (LINE.replace(b",", b", ", 1), "not written as the verifier writes it"),
        (LINE + b" ", "not written as the verifier writes it"),
        (LINE.replace(b'"arrays":{}', b'"arrays":{},"arrays":{}'), "not written as the verifier"),
        (b"[]", "must have the keys arrays, data, hash, kind, previous, seq"),
        (b"null", "must have the keys"),
        (canonical({"seq": 3}), "must have the keys"),
        (spoilt(more=1), "must have the keys"),
        (spoilt(seq=4), "does not follow"),
        (spoilt(seq="3"), "does not follow"),
        (spoilt(previous="00" * 32), "does not follow"),
        (spoilt(previous=None), "does not follow"),
        (spoilt(kind=["nonce"]), "'kind' must be text"),
        (LINE.replace(HASH.encode(), b"0" * 64), "'hash' is not the hash"),
        (LINE.replace(b'"' + HASH.encode() + b'"', b"7"), "'hash' is not the hash"),
        (LINE.replace(b"1.5", b"2.5"), "'hash' is not the hash"),
    ],
)
def test_a_line_that_is_not_what_would_be_written_is_refused(line: bytes, said: str) -> None:
    """Another spelling of the same event is a second ledger with the same head."""
    with pytest.raises(Mismatch, match=said) as caught:
        chain.read(line, 3, PREVIOUS)
    assert str(caught.value).startswith(("this line ", "'kind' ", "'hash' "))


@pytest.mark.parametrize("one", [b"1.0", b"true"])
def test_a_number_that_only_equals_the_place_is_another_line(one: bytes) -> None:
    """1, 1.0 and true are equal in Python and not in the file: no byte may be free."""
    line, _ = chain.written(1, PREVIOUS, "nonce", {}, {})
    with pytest.raises(Mismatch, match="'hash' is not the hash"):
        chain.read(line.replace(b'"seq":1', b'"seq":' + one), 1, PREVIOUS)


def test_the_score_root_is_pinned() -> None:
    """§5: sha256 over length-prefixed names and values, in order."""
    parts = [("format", b"ledger/2"), ("charges", b"\0\0\x80?")]
    expected = hashlib.sha256(
        b"\6\0\0\0\0\0\0\0format\10\0\0\0\0\0\0\0ledger/2"
        b"\7\0\0\0\0\0\0\0charges\4\0\0\0\0\0\0\0\0\0\x80?"
    ).hexdigest()
    assert score_root(parts) == expected
    assert score_root([]) == hashlib.sha256().hexdigest()


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=8)), min_size=1, max_size=5))
def test_no_two_lists_of_parts_share_a_root(parts: list[tuple[str, bytes]]) -> None:
    """Lengths keep neighbours apart: what is moved over a border is another root."""
    root = score_root(parts)
    (name, value), *rest = parts
    assert score_root([*parts, ("", b"")]) != root
    assert score_root([(name + "a", value), *rest]) != root
    assert score_root([(name, value + b"\0"), *rest]) != root
    if value:
        assert score_root([(name, value[:-1]), (chr(value[-1] % 128), b""), *rest]) != root
    if rest and parts[::-1] != parts:
        assert score_root(parts[::-1]) != root
