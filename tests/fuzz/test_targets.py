"""Arbitrary bytes for every reader of strangers' bytes: the fuzzer's targets, a little of each."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS, grammar

EACH, OF_THE_SLOW = 60, 12
SLOW = ("ledger", "output")
"""Those that write files for every input."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_of_the_fuzzer_keeps_its_promise(target: str) -> None:
    """Promise: what the fuzzer starts from is sound, so that what it finds is new."""
    for seed in SEEDS[target]:
        TARGETS[target](seed)


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in SLOW])
@settings(max_examples=EACH, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_bytes_make_a_reader_raise(target: str, data: st.DataObject) -> None:
    """Promise: nothing that a stranger writes is our failure."""
    near_a_seed(target, data)


@pytest.mark.parametrize("target", SLOW)
@settings(max_examples=OF_THE_SLOW, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_bytes_make_a_slow_reader_raise(target: str, data: st.DataObject) -> None:
    """The same."""
    near_a_seed(target, data)


def near_a_seed(target: str, data: st.DataObject) -> None:
    """Try a seed of the fuzzer with some bytes put in."""
    seed = data.draw(st.sampled_from(SEEDS[target]))
    cut = data.draw(st.integers(0, len(seed)))
    TARGETS[target](seed[:cut] + data.draw(st.binary(max_size=60)) + seed[cut:])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_no_script_makes_a_reader_raise(chosen: bytes) -> None:
    """Promise: code that parses and means nothing is read like any other."""
    grammar(chosen)
