"""A blind box reads its whole image first, and the names that earlier boxes asked for are gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.scoring.fake import FakeScorer, setting
from verifier.records import Root
from verifier.scoring.settling import settled


@pytest.mark.parametrize("lies", [{"folder": Path("/image")}, {"tar": Path("/image.tar")}])
def test_a_blind_box_reads_its_image_and_then_becomes_the_scorer(
    lies: dict[str, Path], forgotten: list[str]
) -> None:
    """By a program that the harness holds; nothing else of the setting changes."""
    root = Root(digest="7" * 64, python="python3", pinned=True, **lies)
    made = setting(FakeScorer)
    made = replace(made, spec=replace(made.spec, root=root, argv=("python3", "serve.py")))
    found = settled(made)
    reads = ("python3", "-I", "-S", "/harness/settle.py")
    assert found.spec.argv == (*reads, "python3", "serve.py")
    assert replace(found, spec=made.spec) == made
    assert replace(found.spec, argv=made.spec.argv) == made.spec
    assert forgotten == ["names"]


def test_a_box_on_the_host_s_own_files_has_no_image_to_read(forgotten: list[str]) -> None:
    """Names are dropped all the same."""
    made = setting(FakeScorer)
    assert settled(made) is made
    assert forgotten == ["names"]
