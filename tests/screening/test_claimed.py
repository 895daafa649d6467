"""Is every way of writing submission.json read into the same record?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.screening.claimed import manifest_paths, read_claimed
from verifier.screening.screened import Claimed
from verifier.source import Tree

SEEDS = {"1": 1.2, "42": 1.21}


def claimed(document: object, path: str = "submission.json") -> Claimed:
    """What a file of this content says."""
    found = read_claimed(Tree(files={path: json.dumps(document, indent=1).encode()}))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "document",
    [
        {"seed_results": {seed: {"val_bpb": bpb} for seed, bpb in SEEDS.items()}},
        {"seed_results": SEEDS},
        {"seeds": {seed: {"val_bpb": bpb, "steps": 9} for seed, bpb in SEEDS.items()}},
        {"seeds": SEEDS},
        {"per_seed": {f"seed_{seed}": {"ttt_bpb": bpb} for seed, bpb in SEEDS.items()}},
        {"val_bpb_per_seed": SEEDS},
        {"val_bpb": {f"seed{seed}": bpb for seed, bpb in SEEDS.items()}},
        {"seed_results": [{"seed": int(seed), "val_bpb": bpb} for seed, bpb in SEEDS.items()]},
        {"runs": [{"seed": seed, "final_bpb": bpb} for seed, bpb in SEEDS.items()]},
        {"seeds": [1, 42], "val_bpb_seeds": [1.2, 1.21]},
        {"seeds": ["1", "42"], "seed_scores": ["1.2", "1.21"]},
        {"seed_1": {"val_bpb_exact": 1.2, "val_bpb": 1.3}, "seed_42": {"val_bpb": 1.21}},
        {"val_bpb_seed1": 1.2, "val_bpb_seed42": 1.21},
        {"results": {"seeds": {seed: {"val_bpb": bpb} for seed, bpb in SEEDS.items()}}},
        {"results": {f"seed_{seed}": {"val_bpb": bpb} for seed, bpb in SEEDS.items()}},
    ],
    ids=" ".join,
)
def test_every_shape_of_a_table_of_seeds_is_understood(document: dict[str, Any]) -> None:
    """The same scores, and the seeds they are of."""
    found = claimed(document)
    assert found.seed_bpbs == SEEDS
    assert found.seeds == (1, 42)


@pytest.mark.parametrize(
    "document",
    [
        {"seed_results_pre_fix": SEEDS},
        {"original_seed_results_retracted": SEEDS},
        {"diagnostics_per_seed": {seed: {"val_bpb": bpb} for seed, bpb in SEEDS.items()}},
        {"eval_time_ms_by_seed": {"1": 400_000, "42": 401_000}},
    ],
    ids=" ".join,
)
def test_a_table_of_something_else_is_no_claim(document: dict[str, Any]) -> None:
    """What was retracted, or counts milliseconds, is kept but not claimed."""
    found = claimed(document)
    assert found.seed_bpbs == {}
    assert found.others == document


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        ({"mean_val_bpb": 1.2}, "val_bpb", 1.2),
        ({"results": {"mean_val_bpb": 1.2}}, "val_bpb", 1.2),
        ({"val_bpb": "1.2"}, "val_bpb", 1.2),
        ({"artifact_bytes_max": 15_900_000}, "total_bytes", 15_900_000),
        ({"artifact_bytes_mean": 15_900_000.4}, "total_bytes", 15_900_000),
        ({"bytes_model_int4_zlib": 7}, "model_bytes", 7),
        ({"wrapped_code_bytes": 7}, "code_bytes", 7),
        ({"train_time_ms": 599_000}, "train_seconds", 599.0),
        ({"eval_time_seconds": 61.5}, "score_seconds", 61.5),
        ({"std_val_bpb": 0.0003}, "bpb_std", 0.0003),
        ({"github_id": 122947991}, "github_id", "122947991"),
        ({"authors": [{"name": "Ada"}, {"name": "Bo"}]}, "author", "Ada, Bo"),
        ({"hardware": ["1x A40", "1x M4"]}, "hardware", "1x A40, 1x M4"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_name_of_a_field_is_known(
    document: dict[str, Any], field: str, value: object
) -> None:
    """The field, in its unit, and nothing said against it but for text."""
    assert getattr(claimed(document), field) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "no number"),
        (-1, "impossible in bits per byte"),
        (1e9, "impossible in bits per byte"),
        (10**300, "impossible in bits per byte"),
        ("TBD", "no number"),
        ("1.2", "is text"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_key_and_line(value: object, said: str) -> None:
    """Wrong types, impossible numbers."""
    found = claimed({"name": "x", "val_bpb": value})
    assert [(fault.key, fault.line) for fault in found.faults] == [("val_bpb", 3)]
    assert said in found.faults[0].said


def test_a_dictionary_where_a_number_belongs_is_read_as_a_table() -> None:
    """`val_bpb` by seed claims each seed, and no mean."""
    found = claimed({"val_bpb": {"1": 1.2}})
    assert found.val_bpb is None
    assert found.faults == ()


def test_unknown_keys_and_nulls_are_kept() -> None:
    """Nothing of a file is lost."""
    found = claimed({"val_bpb": 1.2, "lineage": ["#1"], "val_loss": None})
    assert found.others["lineage"] == ["#1"]
    assert found.nulls == ("val_loss",)


def test_lines_lead_from_a_field_to_its_key() -> None:
    """By field and by key path."""
    found = claimed({"name": "x", "mean_val_bpb": 1.2, "seed_results": {"7": {"val_bpb": 1.2}}})
    assert found.lines["val_bpb"] == found.lines["mean_val_bpb"] == 3
    assert found.lines["seed_bpbs.7"] == found.lines["seed_results.7.val_bpb"] == 6
    assert found.sources["val_bpb"] == "mean_val_bpb"


def test_other_names_and_several_files_are_found() -> None:
    """submission.json first, then what lies least deep."""
    tree = Tree(files={"a/submission.json": b"{}", "submission_ternary.json": b"{}"})
    assert manifest_paths(tree) == ("submission_ternary.json", "a/submission.json")
    both = Tree(files={"submission_a.json": b"{}", "Submission.json": b"{}", "results.json": b"{}"})
    assert manifest_paths(both) == ("Submission.json", "submission_a.json")


def test_no_file_claims_nothing() -> None:
    """None, not an empty claim."""
    assert read_claimed(Tree(files={"README.md": b""})) is None


@pytest.mark.parametrize("content", [b"[]", b"", b"null", b'"x"', b"{", b"\xff\xfe{"])
def test_a_file_that_is_no_object_is_a_fault(content: bytes) -> None:
    """Said, never raised."""
    found = read_claimed(Tree(files={"submission.json": content}))
    assert found is not None
    assert found.faults


def test_a_file_that_was_not_read_is_a_fault() -> None:
    """Too large to bring in."""
    found = read_claimed(Tree(files={}, unread={"submission.json": 10**8}))
    assert found is not None
    assert "was not read" in found.faults[0].said


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_WORDS = st.sampled_from(
    [
        *("val_bpb", "seeds", "seed_results", "results", "per_seed", "author", "name", "seed"),
        *("bytes_total", "bytes_code", "seed_42", "val_bpb_seeds", "hardware", "github_id"),
        *("train_time_ms", "val_bpb_std", "runs", "42", "1337"),
    ]
)
_CLAIMS = st.recursive(
    _JSON,
    lambda inner: st.dictionaries(_WORDS, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_WORDS, _CLAIMS, max_size=8))
def test_no_claim_makes_it_raise(document: dict[str, Any]) -> None:
    """Any value under any key that is known."""
    found = read_claimed(Tree(files={"submission.json": json.dumps(document).encode()}))
    assert found is not None
    assert all(isinstance(bpb, float | int) for bpb in found.seed_bpbs.values())
