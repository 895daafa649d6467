"""The score root binds every part that the score rests on, in the protocol's order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.ledger import samples
from verifier.ledger import root_parts, score_root
from verifier.records import Weighing

WEIGHING = next(event for event in samples.every_kind() if isinstance(event, Weighing))


def root(**changes: Any) -> str:
    """The root when one of the facts it is taken over is another."""
    facts: dict[str, Any] = {
        "opening": samples.opening(),
        "held_out": samples.held_out(),
        "weighing": WEIGHING,
        "plan_digest": "d" * 64,
        "charges": samples.CHARGES,
    }
    return score_root(root_parts(**(facts | changes)))


def test_the_parts_stand_in_the_protocols_order() -> None:
    """§5: format, submission, artifact, policy, root, harness, tokenizer, data, plan, …"""
    parts = root_parts(samples.opening(), samples.held_out(), WEIGHING, "d" * 64, samples.CHARGES)
    assert parts == [
        ("format", b"ledger/2"),
        ("submission", b"5" * 64),
        ("artifact", b"c" * 64),
        ("policy", samples.opening().policy_digest.encode()),
        ("root", b"7" * 64),
        ("harness", b"8" * 64),
        ("tokenizer", b"2" * 64),
        ("held-out", b"1" * 64),
        ("plan", b"d" * 64),
        ("verifier", b"0.1"),
        ("charges", samples.CHARGES.tobytes()),
    ]


def test_half_a_character_is_bytes_like_any_other() -> None:
    """A ledger that anybody may write names what it likes: that is a root that differs."""
    strange = replace(samples.opening(), verifier_version="\ud800")
    parts = dict(root_parts(strange, samples.held_out(), WEIGHING, "d" * 64, samples.CHARGES))
    assert parts["verifier"] == b"\xed\xa0\x80"


OTHER = samples.opening()


@pytest.mark.parametrize(
    "changes",
    [
        {"opening": replace(OTHER, format="ledger/1")},
        {"opening": replace(OTHER, submission=replace(OTHER.submission, digest="0" * 64))},
        {"weighing": replace(WEIGHING, shipment_digest="0" * 64)},
        {"opening": replace(OTHER, policy_digest="0" * 64)},
        {"opening": replace(OTHER, image=replace(OTHER.image, root_digest="0" * 64))},
        {"opening": replace(OTHER, harness_digest="0" * 64)},
        {"held_out": samples.held_out(tokenizer_digest="0" * 64)},
        {"held_out": samples.held_out(manifest_digest="0" * 64)},
        {"plan_digest": "0" * 64},
        {"opening": replace(OTHER, verifier_version="0.2")},
        {"charges": samples.CHARGES[::-1]},
        {"charges": samples.CHARGES[:-1]},
        {"charges": np.nextafter(samples.CHARGES, np.float32(9))},
    ],
)
def test_another_part_is_another_root(changes: dict[str, Any]) -> None:
    """Nothing it rests on can be exchanged once positions were drawn from it."""
    assert root(**changes) != root()


@pytest.mark.parametrize(
    "changes",
    [
        {"opening": replace(OTHER, hardware={"cpu": "other"}, started_utc="later")},
        {"opening": replace(OTHER, backend="local", attempt=2, public_key="00" * 32)},
        {"charges": samples.CHARGES.astype(">f4")},
    ],
)
def test_what_two_honest_runs_may_differ_in_is_no_part_of_it(changes: dict[str, Any]) -> None:
    """The same artifact scored twice gives one root, on Docker and local, and on any machine."""
    assert root(**changes) == root()
