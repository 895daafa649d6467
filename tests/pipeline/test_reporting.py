"""`verifier report`: pages written again, and one index that drops no folder."""

from __future__ import annotations

import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path

import pytest

from tests.audits import evidence as make
from tests.report import runs
from tests.report.test_json import events
from verifier import pipeline
from verifier.errors import RequestError
from verifier.ledger import Ledger
from verifier.watch import Progress, Unwatched


@dataclass
class Listening(Unwatched):
    """A watch that keeps what it was told."""

    said: list[str] = field(default_factory=list)
    total: list[float | None] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Kept."""
        self.said.append(text)

    def phase(self, name: str, total: float | None) -> AbstractContextManager[Progress]:
        """Its length is kept."""
        self.total.append(total)
        return super().phase(name, total)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with a finished ledger in it."""
    folder = tmp_path_factory.mktemp("made") / "finished"
    evidence, verdict = runs.found("training_failed")
    text = make.local().model_dump_json().encode()
    opening = replace(evidence.opening, policy_digest=runs.hashlib.sha256(text).hexdigest())
    with Ledger.create(folder / "ledger") as ledger:
        ledger.write_policy(text)
        for event in events(replace(evidence, opening=opening)):
            ledger.append(event)
        ledger.append(verdict)
    return folder


def listed(index: Path) -> dict[str, tuple[str, str]]:
    """(answer, what is said) of every row, by the name it is shown under."""
    rows = re.findall(r'data-answer="([^"]*)"[^>]*>(.*?)</li>', index.read_text(), re.DOTALL)
    return {
        re.findall(r'class="name">(.*?)</bdi>', inside)[0]: (answer, unescape(inside))
        for answer, inside in rows
    }


def test_a_broken_folder_is_listed_with_the_reason(finished: Path, tmp_path: Path) -> None:
    """Unfinished, damaged, empty, missing, no folder at all: each in the index, and noted."""
    cut = shutil.copytree(finished, tmp_path / "unfinished")
    lines = (cut / "ledger" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (cut / "ledger" / "ledger.jsonl").write_bytes(b"".join(lines[:-1]))
    damaged = shutil.copytree(finished, tmp_path / "damaged")
    pipeline.report([damaged], tmp_path / "once.html", Unwatched())
    ledger = damaged / "ledger" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b"still training", b"still Training"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    names = ("unfinished", "damaged", "empty", "missing", "file")
    watch = Listening()
    folders = [finished, *(tmp_path / name for name in names)]
    made = pipeline.report(folders, tmp_path / "index.html", watch)
    assert (made.page, made.verdicts) == (tmp_path / "index.html", 1)
    assert [folder.name for folder in made.unread] == list(names)
    found = listed(made.page)
    assert found.pop("honest")[0] == "REFUTED"
    assert {name: answer for name, (answer, _) in found.items()} == dict.fromkeys(
        names, "NO VERDICT"
    )
    for name, why in (
        ("unfinished", "no finished verdict"),
        ("damaged", "ledger.jsonl"),
        ("empty", "holds no ledger"),
        ("missing", "no such folder"),
        ("file", "holds no ledger"),
    ):
        assert why in found[name][1], name
        assert "href" not in found[name][1]
    assert len(watch.said) == len(names) and watch.total == [len(folders)]


def test_where_nothing_is_finished_there_is_no_index(tmp_path: Path) -> None:
    """RequestError, and every reason was noted."""
    watch = Listening()
    with pytest.raises(RequestError, match="none of these runs"):
        pipeline.report([tmp_path / "one", tmp_path], tmp_path / "index.html", watch)
    assert len(watch.said) == 2
    assert not (tmp_path / "index.html").exists()
