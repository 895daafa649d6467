"""One figure out of the many that were weighed, by the policy's way of weighing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from verifier import policy as policies
from verifier.policy import SizeRule, Weigh
from verifier.records import Weighing
from verifier.size import counted_bytes

WEIGHED = Weighing(
    seed=1,
    artifact_digest="a",
    shipment_digest="b",
    artifact_bytes=1,
    name_bytes=10,
    code_raw_bytes=100,
    code_packed_bytes=1_000,
    tokenizer_bytes=10_000,
    tokenizer_free=False,
    tar_bytes=100_000,
    files=1_000_000,
)


def rule(weigh: Weigh) -> SizeRule:
    return policies.load("local_cpu").policy.size.model_copy(update={"weigh": weigh})


def test_as_ruled_counts_artifact_names_packed_code_and_a_tokenizer_that_is_not_free() -> None:
    """R1, §6: as the organizers counted."""
    assert counted_bytes(WEIGHED, rule(Weigh.AS_RULED)) == 11_011
    free = replace(WEIGHED, tokenizer_free=True)
    assert counted_bytes(free, rule(Weigh.AS_RULED)) == 1_011


def test_a_tar_counts_its_length_and_nothing_else() -> None:
    """§6: names and folders cost what they carry."""
    assert counted_bytes(WEIGHED, rule(Weigh.TAR)) == 100_000
    assert counted_bytes(replace(WEIGHED, tokenizer_free=True), rule(Weigh.TAR)) == 100_000


@pytest.mark.parametrize("weigh", Weigh)
def test_every_way_counts_whole_bytes_of_something_weighed(weigh: Weigh) -> None:
    """A way of weighing that counts nothing would let anything through."""
    doubled = {f.name: 2 * getattr(WEIGHED, f.name) for f in fields(Weighing) if "bytes" in f.name}
    counted = counted_bytes(WEIGHED, rule(weigh))
    assert counted_bytes(replace(WEIGHED, **doubled), rule(weigh)) == 2 * counted > 0
