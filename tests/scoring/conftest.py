"""What every test of this room shares: a kernel that is left alone, and a clock moved by hand."""

from __future__ import annotations

import pytest

from tests.scoring.fake import Clock
from verifier.sandbox import names
from verifier.scoring import box, passing, patience


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry each time that the kernel's names would have been dropped."""
    found: list[str] = []
    monkeypatch.setattr(names, "forget", lambda: found.append("names"))
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that boxes and passes are measured with."""
    made = Clock()
    for module in (box, passing, patience):
        monkeypatch.setattr(module, "time", made)
    return made
