"""A labelled list is taken up where it was ended, and anew where what it rests on is another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from verifier.errors import BadSubmission
from verifier.pipeline import corpus
from verifier.pipeline.shadowing import ShadowRequest
from verifier.shadow import Behaviour, Conclusion, Family, Ran, Shadowed
from verifier.watch import Unwatched

REQUEST = ShadowRequest(reference="a list")


@pytest.fixture(name="clone")
def with_two_submissions(tmp_path: Path) -> Path:
    place = tmp_path / "clone"
    for name in ("one", "two"):
        folder = place / "records" / name
        folder.mkdir(parents=True)
        (folder / "train_gpt.py").write_text(f"print({name!r})\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "both"]):
        subprocess.run(["git", *identity, *words], cwd=place, check=True)
    return place


@pytest.fixture(name="labels")
def a_table(tmp_path: Path) -> Path:
    table = tmp_path / "labels.csv"
    table.write_text(
        "pr,ref,path,label,class\n"
        "1,main,records/one/train_gpt.py,valid/merged,-\n"
        "2,main,records/two/train_gpt.py,invalid,SLOT\n"
        "3,main,records/three/train_gpt.py,invalid,SLOT\n"
    )
    return table


class Boxes:
    """Stands for boxes: refutes the second, and remembers what was run."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fault: Exception | None = None

    def stage(self, *_: object) -> object:
        return SimpleNamespace(root=SimpleNamespace(digest="a root"))

    def shadow(self, candidate: object, *_: object) -> Shadowed:
        folder = str(candidate.folder)  # type: ignore[attr-defined]
        self.ran.append(folder)
        if self.fault is not None:
            raise self.fault
        learned = Conclusion(variant="future", family=Family.LEARNED, clause="C3", said="It moves.")
        bad = folder.endswith("two")
        ran = Ran(
            variant="base",
            seconds=1.0,
            ended="exit code 0",
            printed="x",
            loss=None,
            bpb=None,
            memory_peak_bytes=7,
        )
        return Shadowed(
            answer=Behaviour.REFUTED if bad else Behaviour.CLEAN,
            conclusions=(learned,) if bad else (),
            tested=(),
            missing=(),
            conditions=(),
            artifact=(),
            opened=(),
            elsewhere=(),
            notes=(),
            runs=(ran,),
            entry="train_gpt.py",
            command="",
            kept=(),
            scaled={},
            seed=1,
            seconds=2.0,
        )


@pytest.fixture(name="boxes")
def no_real_boxes(monkeypatch: pytest.MonkeyPatch) -> Boxes:
    made = Boxes()
    monkeypatch.setattr(corpus, "open_stage", made.stage)
    monkeypatch.setattr(corpus, "shadowed_candidate", made.shadow)
    return made


def test_each_row_has_its_answer(clone: Path, labels: Path, boxes: Boxes, tmp_path: Path) -> None:
    one, two, three = corpus.shadow_corpus(labels, clone, REQUEST, tmp_path / "out", Unwatched())
    assert (one.answer, one.group) == (Behaviour.CLEAN, "valid")
    assert (two.answer, two.right, two.why) == (Behaviour.REFUTED, True, "It moves.")
    assert (three.answer, three.why) == (Behaviour.INCONCLUSIVE, "is not in the clone")
    assert two.memory_peak_bytes == 7


def test_what_was_answered_is_not_run_again(
    clone: Path, labels: Path, boxes: Boxes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = corpus.shadow_corpus(labels, clone, REQUEST, out, Unwatched())
    (out / "2.json").unlink()
    boxes.ran.clear()
    assert corpus.shadow_corpus(labels, clone, REQUEST, out, Unwatched()) == first
    assert boxes.ran == ["records/two"]


@pytest.mark.parametrize("spoil", ["{", "[]", '{"key": "of something else", "answer": {}}'])
def test_what_was_kept_and_spoiled_is_run_again(
    clone: Path, labels: Path, boxes: Boxes, tmp_path: Path, spoil: str
) -> None:
    out = tmp_path / "out"
    first = corpus.shadow_corpus(labels, clone, REQUEST, out, Unwatched())
    (out / "1.json").write_text(spoil)
    boxes.ran.clear()
    assert corpus.shadow_corpus(labels, clone, REQUEST, out, Unwatched()) == first
    assert boxes.ran == ["records/one"]
    assert json.loads((out / "1.json").read_text())["answer"]["answer"] == "CLEAN"


def test_a_submission_without_a_script_is_a_row_like_others(
    clone: Path, labels: Path, boxes: Boxes, tmp_path: Path
) -> None:
    boxes.fault = BadSubmission("there is no script to run", file="records/one")
    rows = corpus.shadow_corpus(labels, clone, REQUEST, tmp_path / "out", Unwatched())
    assert {row.answer for row in rows} == {Behaviour.INCONCLUSIVE}
    assert rows[0].why.endswith("there is no script to run")
