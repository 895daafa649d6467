"""A record comes back exactly the same, or an error names the key that stood in the way."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger import samples
from tests.ledger.samples import same
from verifier.ledger import codec, events
from verifier.ledger.codec import Mismatch, decode_record, encode_record
from verifier.records import (
    Adaptation,
    Array,
    Assurance,
    EndedBy,
    Finding,
    HeldOutFacts,
    Opening,
    Outcome,
    PreviousRow,
    Training,
)

plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    if hint is Any:
        return plain_json
    if hint == Array:
        return st.just(np.zeros(0))
    if origin := typing.get_origin(hint):
        return composed(origin, typing.get_args(hint))
    if dataclasses.is_dataclass(hint):
        return records(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return {
        str: st.text(max_size=20),
        bool: st.booleans(),
        int: st.integers(),
        float: st.floats(),
        types.NoneType: st.none(),
    }[hint]


def composed(origin: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=5), values(inner[1]), max_size=3)
    if origin is not tuple:
        return st.one_of([values(kind) for kind in inner])
    if inner[-1] is Ellipsis:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    return st.tuples(*map(values, inner))


def records(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hint) for name, hint in hints.items()})


def there_and_back(record: Any) -> Any:
    text = json.dumps(encode_record(record), allow_nan=False)
    return decode_record(type(record), json.loads(text), "data")


@pytest.mark.parametrize("kind", events.KINDS.values(), ids=events.KINDS)
def test_every_kind_of_event_comes_back_the_same(kind: type) -> None:
    """§5: enums, tuples, mappings, optional fields, nested records, floats that are no number."""

    @settings(deadline=None, max_examples=40)
    @given(records(kind))
    def comes_back(record: Any) -> None:
        assert same(there_and_back(record), record)

    comes_back()


def test_every_event_of_the_records_is_a_kind() -> None:
    """A record marked *event* can be appended; every array of one has a type on disk."""
    from verifier import records as module

    marked = {
        kind
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind) and (kind.__doc__ or "").startswith("*event")
    }
    assert set(events.KINDS.values()) == marked
    arrays = {(kind, name) for kind in marked for name in codec.array_fields(kind)}
    assert set(events.DTYPES) == arrays


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (-0.0, -0.0),
        (1, 1.0),
        (-(2**53), -(2.0**53)),
    ],
)
def test_a_float_that_is_no_number_is_a_word(value: float, written: Any) -> None:
    """JSON stays JSON; an integer in a float's place becomes one."""
    data = encode_record(PreviousRow(name="row", bpb=(value,)))
    assert same(data["bpb"], [written])
    assert same(there_and_back(PreviousRow(name="row", bpb=(value,))).bpb, (float(value),))


def test_numpys_scalars_become_pythons() -> None:
    """What a room computed with numpy is recorded as the number it is."""
    row = PreviousRow(name="row", bpb=(np.float64(1.5), np.float32(0.1)))  # type: ignore[arg-type]
    assert same(there_and_back(row).bpb, (1.5, float(np.float32(0.1))))
    facts = samples.held_out(targets=np.int64(8), vocabulary=np.uint16(9))
    assert same(there_and_back(facts).targets, 8)


def test_enums_are_written_by_value_and_levels_by_name() -> None:
    """An assurance level reads `L2`, not 2."""
    data = encode_record(samples.opening())
    assert data["assurance"] == "L2"
    assert data["submission"]["scorer"]["adaptation"] == "document"


IMAGE = samples.opening().image


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (samples.opening(attempt=1.0), "'attempt' is a float, not a int"),
        (samples.opening(attempt=True), "'attempt' is a bool, not a int"),
        (samples.opening(attempt=None), "'attempt' is a NoneType"),
        (samples.opening(self_run=1), "'self_run' is a int, not a bool"),
        (samples.opening(format=b"x"), "'format' is a bytes"),
        (samples.opening(assurance=2), "'assurance' is a int, not a Assurance"),
        (samples.opening(seeds=[7]), "'seeds' is a list"),
        (samples.opening(seeds=(7, "8")), r"'seeds\[1\]' is a str"),
        (samples.opening(hardware={1: "a"}), "'hardware' has a key that is not text"),
        (samples.opening(hardware=[]), "'hardware' is a list"),
        (samples.opening(hardware={"cpu": 1}), "'hardware.cpu' is a int"),
        (samples.opening(image=None), "'image' is a NoneType"),
        (samples.opening(submission={}), "'submission' is a dict"),
        (samples.opening(image=replace(IMAGE, python=3)), "'image.python' is a int, not a str"),
        (samples.training(wall_seconds=(1.0,)), "'wall_seconds' must have 2 items"),
        (samples.training(cpu_seconds="1"), "'cpu_seconds' is a str, not a float"),
        (samples.training(cpu_seconds=True), "'cpu_seconds' is a bool, not a float"),
        (
            samples.training(cpu_seconds=-(2**53) - 1),
            "'cpu_seconds' is an integer that a float does not hold",
        ),
        (samples.training(cpu_seconds=10**400), "an integer that a float does not hold"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_key(record: Any, said: str) -> None:
    """Never guess: neither rounded nor turned into text."""
    with pytest.raises(Mismatch, match=said):
        encode_record(record)


def found(**evidence: Any) -> Finding:
    return Finding(audit="a", outcome=Outcome.KEPT, reason="", evidence=evidence)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def within(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "is a float that JSON does not have"),
        (math.inf, "is a float that JSON does not have"),
        (np.float32(1), "is a float32 that JSON does not have"),
        (np.int64(1), "is a int64"),
        ({1, 2}, "is a set"),
        (b"a", "is a bytes"),
        (Assurance.L1, "is a Assurance"),
        ({1: 2}, "'evidence.x' has a key that is not text"),
        ([[{"a": object()}]], r"'evidence.x\[0\]\[0\].a' is a object"),
        (nested(33), r"'evidence.x(\[0\]){33}' is nested too deeply"),
        (within(33), r"'evidence.x(\.a){33}' is nested too deeply"),
    ],
)
def test_an_open_field_holds_json_and_nothing_else(value: Any, said: str) -> None:
    """A finding's figures come back as they are, or are refused."""
    with pytest.raises(Mismatch, match=said):
        encode_record(found(x=value))


def test_an_open_field_may_be_as_deep_as_a_person_can_read() -> None:
    """32 levels, and tuples for lists."""
    assert same(there_and_back(found(x=nested(32))).evidence, {"x": nested(32)})
    assert same(there_and_back(found(x=within(32))).evidence, {"x": within(32)})
    assert same(there_and_back(found(x=(1, (2,)))).evidence, {"x": [1, [2]]})
    number = np.float64(0.5)
    assert same(there_and_back(found(x=number)).evidence, {"x": 0.5})


DATA = encode_record(samples.training())
HELD_OUT = encode_record(samples.held_out())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": True}, "'data.seed' must be a int"),
        ({"seed": 7.0}, "'data.seed' must be a int"),
        ({"seed": "7"}, "'data.seed' must be a int"),
        ({"seed": None}, "'data.seed' must be a int"),
        ({"limit_seconds": 300}, "'data.limit_seconds' must be a float"),
        ({"limit_seconds": "nan"}, "'data.limit_seconds' must be a float"),
        ({"limit_seconds": ["NaN"]}, "'data.limit_seconds' must be a float"),
        ({"unfair": 0}, "'data.unfair' must be a str"),
        ({"ended_by": "aliens"}, "'data.ended_by' must be one of itself, wall clock limit"),
        ({"ended_by": ["itself"]}, "'data.ended_by' must be one of"),
        ({"wall_seconds": [1.0]}, "'data.wall_seconds' must have 2 items"),
        ({"wall_seconds": {"0": 1.0}}, "'data.wall_seconds' must be a list"),
        ({"wall_seconds": [1.0, None]}, r"'data.wall_seconds\[1\]' must be a float"),
        ({"attempts": "connect"}, "'data.attempts' must be a list"),
        ({"attempts": [1]}, r"'data.attempts\[0\]' must be a str"),
        ({"exit_code": False}, "'data.exit_code' must be a int"),
        ({"more": 1}, "'data.'more'' is unknown"),
        ({"m\n" + "o" * 100: 1}, r"'data.'m\\no{38}'' is unknown"),
    ],
)
def test_json_that_is_not_the_record_is_refused_by_its_key(
    changes: dict[str, Any], said: str
) -> None:
    """Unknown keys too, shortened and escaped: a hostile ledger prints nothing of its own."""
    with pytest.raises(Mismatch, match=said):
        decode_record(Training, DATA | changes, "data")


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_only_an_object_is_a_record(data: Any) -> None:
    """Its place is named."""
    with pytest.raises(Mismatch, match="'data' must be an object"):
        decode_record(Training, data, "data")


@pytest.mark.parametrize("name", DATA)
def test_a_missing_key_is_named(name: str) -> None:
    """No field of the evidence has a default when it is read back."""
    rest = {key: value for key, value in DATA.items() if key != name}
    with pytest.raises(Mismatch, match=rf"'data\.{name}' is missing"):
        decode_record(Training, rest, "data")


def test_nested_records_and_mappings_name_their_place() -> None:
    """Dotted, down to the value."""
    data = encode_record(samples.opening())
    for change, said in (
        ({"image": data["image"] | {"packages": []}}, "'data.image.packages' must be an object"),
        ({"image": data["image"] | {"packages": {"a": 1}}}, "'data.image.packages.a' must be"),
        ({"image": []}, "'data.image' must be an object"),
        ({"assurance": "L9"}, "'data.assurance' must be one of NONE, L0"),
        ({"assurance": 2}, "'data.assurance' must be one of"),
    ):
        with pytest.raises(Mismatch, match=said):
            decode_record(Opening, data | change, "data")


def test_an_array_is_no_part_of_the_json() -> None:
    """It lies beside the event; a field of that name is unknown."""
    assert "target_counts" not in HELD_OUT
    with pytest.raises(Mismatch, match="is unknown"):
        decode_record(HeldOutFacts, HELD_OUT | {"target_counts": []}, "data")
    assert len(decode_record(HeldOutFacts, HELD_OUT, "data").target_counts) == 0


def test_words_for_numbers_stand_only_where_a_float_may() -> None:
    """A text that reads NaN stays a text."""
    record = samples.training(unfair="NaN", log="Infinity")
    assert same(there_and_back(record), record)
    assert same(there_and_back(found(x="NaN")).evidence, {"x": "NaN"})
    assert there_and_back(samples.training(ended_by=EndedBy.HOST)).ended_by is EndedBy.HOST
    scorer = there_and_back(samples.opening()).submission.scorer
    assert scorer.adaptation is Adaptation.DOCUMENT
