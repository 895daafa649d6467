"""Of several results that a script prints, the one that the submission claims is found."""

from __future__ import annotations

import json

import pytest

from verifier.shadow.claimed import claimed_label, counted
from verifier.source import Tree
from verifier.source.logs import read_log

LOG = """step:3/3 val_loss:2.1000 val_bpb:{step:.4f} train_time:599000ms
final_int8_zlib_roundtrip_exact val_loss:2.0600 val_bpb:{roundtrip:.8f}
mixer val_bpb:{mixer:.8f} eval_time:5ms
sliding_window val_loss:2.0500 val_bpb:{sliding:.8f} eval_time:9ms
"""


TEXT = 'print("final_int8_zlib_roundtrip_exact", "mixer", "sliding_window")'


def log(mixer: float, sliding: float = 1.2105) -> bytes:
    said = LOG.format(step=1.25, roundtrip=1.2304, mixer=mixer, sliding=sliding)
    return said.encode()


def tree(claim: object, *mixers: float) -> Tree:
    logs = {f"seed{seed}.log": log(mixer) for seed, mixer in enumerate(mixers)}
    said = {"submission.json": json.dumps({"name": "x", "val_bpb": claim}).encode()}
    return Tree(files={**logs, **said})


@pytest.mark.parametrize(
    ("claim", "label"),
    [(1.1803, "mixer"), (1.2105, "sliding_window"), (1.2304, "final_int8_zlib_roundtrip_exact")],
)
def test_the_claims_own_line(claim: float, label: str) -> None:
    """A claim may be the mean of seeds, which no log prints."""
    assert claimed_label(tree(claim, 1.1798, 1.1808), [TEXT]) == label


def test_a_line_that_this_script_does_not_print_is_another_versions() -> None:
    assert claimed_label(tree(1.1803, 1.1798, 1.1808), [TEXT.replace("mixer", "mixture")]) == ""


@pytest.mark.parametrize("claim", [0.99, None, "1.18", True, -1.0, [1.18]])
def test_a_claim_that_no_log_prints_names_none(claim: object) -> None:
    assert claimed_label(tree(claim, 1.1798), [TEXT]) == ""


def test_several_results_of_one_line_are_told_apart_by_their_own_names() -> None:
    said = "integrated_exact model_bpb:1.16{seed}00000 ngram_bpb:0.32{seed}00000\n"
    logs = {f"{seed}.log": said.format(seed=seed).encode() for seed in (1, 3)}
    claim = {"submission.json": json.dumps({"val_bpb": 0.322}).encode()}
    text = 'print(f"integrated_exact model_bpb:{model:.8f} ngram_bpb:{ngram:.8f}")'
    label = claimed_label(Tree(files={**logs, **claim}), [text])
    found, is_claimed = counted(read_log(said.format(seed=5).encode()), label)
    assert found is not None
    assert (found.bpb, is_claimed) == (0.325, True)


def test_a_run_is_judged_by_that_line_else_by_its_last() -> None:
    run = read_log(log(2.5, 2.6))
    mixed, last = counted(run, "mixer"), counted(run, "")
    assert mixed[0] is not None
    assert last[0] is not None
    assert (mixed[0].bpb, mixed[1]) == (2.5, True)
    assert (last[0].bpb, last[1]) == (2.6, True)
    assert counted(run, "never printed") == (last[0], False)


def test_numbers_in_a_label_may_be_others_at_toy_scale() -> None:
    run = read_log(b"window_s16_exact val_loss:2.0 val_bpb:1.50000000\n")
    found, is_claimed = counted(run, "window_s64_exact")
    assert found is not None
    assert (found.bpb, is_claimed) == (1.5, True)


def test_hostile_claims_tell_nothing() -> None:
    for content in (b"[" * 100_000, b"{", b"[]", b"\xff", b'{"val_bpb": 1e999}'):
        assert (
            claimed_label(Tree(files={"submission.json": content, "a.log": log(1.1)}), [TEXT]) == ""
        )
