"""One finished run of the honest submission, for every test that only looks at one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cheats.catalog import rows
from tests.cheats.running import FEW, cheats_policy, composed, own_store
from verifier import pipeline
from verifier.records import Answer
from verifier.watch import Unwatched


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that was VERIFIED, how it was asked for, and the store in which it can be again."""

    request: pipeline.Request
    report: pipeline.Report
    store: Path


def honest(folder: Path) -> pipeline.Request:
    """The honest submission and a key in `folder`, on a few documents, two boxes at a time."""
    return pipeline.Request(
        reference=str(composed(rows()["honest"], folder / "honest")),
        policy=cheats_policy(),
        out=folder / "out",
        key=folder / "key.pem",
        scorers=2,
        documents=FEW,
    )


def verified(request: pipeline.Request) -> pipeline.Report:
    """The report of a run that must be VERIFIED."""
    report = pipeline.verify(request, Unwatched())
    reasons = [f"{f.audit}: {f.reason}" for f in report.verdict.findings]
    assert report.verdict.answer is Answer.VERIFIED, reasons
    return report


@pytest.fixture
def request_of(tmp_path: Path) -> Iterator[pipeline.Request]:
    """The honest submission, a key and a store of its own."""
    with own_store(tmp_path / "store"):
        yield honest(tmp_path)


@pytest.fixture(scope="session")
def once_finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run itself: nobody may change what lies in its folder."""
    folder = tmp_path_factory.mktemp("finished")
    with own_store(folder / "store"):
        request = honest(folder)
        return Finished(request, verified(request), folder / "store")


@pytest.fixture
def finished(once_finished: Finished) -> Iterator[Finished]:
    """The finished run, its store the one at hand."""
    with own_store(once_finished.store):
        yield once_finished
