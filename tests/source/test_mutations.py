"""Attacks in combination: whatever is put together, a reader ends in time and never fails."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.source.hostile import HOSTILE, files
from verifier import policy
from verifier.screening.screen import read
from verifier.screening.weighing import Pack
from verifier.source import Tree
from verifier.source.parsing import parse

SECONDS = 5.0
POLICY = policy.load("track_10min_16mb_as_ruled").policy
SCRIPTS = sorted(
    name
    for name in HOSTILE
    if set(HOSTILE[name].made(2)) == {"train_gpt.py"}
    and parse(files(name, 2)["train_gpt.py"]).tree is not None
)
"""What does not parse would hide the rest."""
INSIDE = ("{}", "def main():\n{}main()\n", "class A:\n{}A()\n", "if a:\n{}", "for val in x:\n{}")


def _indented(text: str) -> str:
    return "".join(f"    {row}\n" for row in text.split("\n"))


def combined(names: list[str], shares: list[int], around: str) -> str:
    """The scripts of several attacks, each a share of its size, under one another."""
    text = ""
    for name, share in zip(names, shares, strict=True):
        size = max(1, HOSTILE[name].small * share // 100)
        text += files(name, size)["train_gpt.py"].decode()
    return around.format(_indented(text) if around != "{}" else text)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_attacks_in_combination_are_read_in_time(data: st.DataObject) -> None:
    """Promise: no combination of constructs stalls a reader, or makes it fail."""
    names = data.draw(st.lists(st.sampled_from(SCRIPTS), min_size=2, max_size=5))
    shares = data.draw(st.lists(st.integers(1, 60), min_size=len(names), max_size=len(names)))
    text = combined(names, shares, data.draw(st.sampled_from(INSIDE)))
    before = time.process_time()
    read(
        Tree(files={"train_gpt.py": text.encode()}),
        folder="",
        digest="",
        policy=POLICY,
        pack=Pack.NEVER,
    )
    assert time.process_time() - before < SECONDS
