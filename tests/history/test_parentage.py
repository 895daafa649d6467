"""On all cores the parents are the same as on one, whatever becomes of a reader."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest

from verifier.history import parentage
from verifier.history.lineage import ROWS_AT_A_TIME, Sources, parents
from verifier.history.lines import reduced
from verifier.history.parentage import every_parent
from verifier.watch import Unwatched

SOURCES = 2 * ROWS_AT_A_TIME + 5


class Counting:
    """A phase that only counts."""

    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount

    def stopped(self, why: str) -> None:
        raise AssertionError(why)


@pytest.fixture(name="sources", scope="module")
def of_three_families() -> Sources:
    made = Sources()
    for place in range(SOURCES):
        family = place % 3
        rows = [f"of_{family}_{line} = f_{line}(x)" for line in range(40)]
        rows[place % 40] = f"changed_in_{place} = 1"
        made.add(reduced([("train_gpt.py", "\n".join(rows))]))
    return made


def names(sources: Sources) -> Sequence[tuple[int, str]]:
    return [(place, f"records/{place}") for place in range(len(sources))]


@pytest.mark.parametrize("readers", [0, 1, 3])
def test_the_same_as_on_one_core(sources: Sources, readers: int) -> None:
    progress = Counting()
    found = every_parent(sources, names(sources), progress, readers=readers)
    assert found == list(parents(sources, names(sources)))
    assert sum(each is not None for each in found) == SOURCES - 3
    assert progress.done == SOURCES


def test_a_stretch_whose_reader_died_is_compared_here(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = os.getpid()

    def deadly(*given: object, **named: object) -> object:
        if os.getpid() != ours:
            os.kill(os.getpid(), signal.SIGKILL)
        return parents(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(parentage, "parents", deadly)
    found = every_parent(sources, names(sources), Counting(), readers=2)
    assert found == list(parents(sources, names(sources)))


def test_no_sources_have_no_parents() -> None:
    with Unwatched().phase("lineage", 0) as progress:
        assert every_parent(Sources(), [], progress) == []
