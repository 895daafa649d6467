"""What a trial stands on: its documents, its box, its artifact, the papers and the projection."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.traces import trace
from tests.cheats.running import cheats_policy
from tests.scoring.fake import FakeSandbox
from verifier import heldout, image, store
from verifier import submission as submissions
from verifier.errors import EngineUnavailable, RequestError
from verifier.pipeline import artifacts
from verifier.pipeline.trying import documents, ground, papers, projecting, spelling
from verifier.pipeline.trying.projecting import Work
from verifier.records import Assurance, Finding, ImageFacts, Outcome, Root, SeedEvidence
from verifier.scoring.passing import Targets
from verifier.submission import Submission
from verifier.watch import Unwatched

PINNED = Root(digest="5" * 64, python="/usr/bin/python3", pinned=True, tar=Path("/root.tar"))
FACTS = ImageFacts(recipe="cpu", root_digest="5" * 64, pinned=True, python="3.11", packages={})
HOST = Root(digest="host", python="python3", pinned=False)


# ---------------------------------------------------------------- documents


@pytest.mark.parametrize(("rows", "chunk"), [(1, 1), (2, 8), (16, 64), (256, 1024), (4, 4096)])
def test_documents_cross_a_chunk_and_stand_in_three_batches(rows: int, chunk: int) -> None:
    """What is remembered shows in a later batch, what looks ahead at a chunk's border."""
    wanted = documents.wanted(rows, chunk)
    assert wanted.crosses is (chunk <= documents.BORDER_CHUNK)
    assert (max(wanted.lengths) > chunk) is wanted.crosses
    assert min(wanted.lengths) == 0
    made = documents.batches(len(wanted.lengths), rows)
    assert len(made) == documents.BATCHES and all(len(b.documents) == rows for b in made)
    assert sorted(d for b in made for _, d in b.real()) == list(range(len(wanted.lengths)))


def test_no_held_out_byte_is_in_a_trial() -> None:
    """Every piece is the training side's, the same each time, and not a held-out document's."""
    held_out = heldout.build(store.root())
    lengths = documents.wanted(16, 64).lengths
    found = documents.pieces(held_out, lengths, 2.4)
    assert found == documents.pieces(held_out, lengths, 2.4)
    assert [len(piece) > 0 for piece in found] == [length > 0 for length in lengths]
    training = list(held_out.training_documents())
    secret = b"\n".join(held_out.documents)
    long = [piece for piece in found if len(piece) > 48]
    assert long and all(any(piece in text for text in training) for piece in long)
    assert not any(piece in secret for piece in long)
    own = documents.tried_on(held_out, found)
    assert own.documents == found and own.stream is None
    assert own.manifest_digest != held_out.manifest_digest


# ---------------------------------------------------------------- the box


def boxes(
    monkeypatch: pytest.MonkeyPatch,
    *,
    local: Assurance,
    built: bool,
    docker: bool = False,
    torch: bool = False,
) -> list[str]:
    """A machine that has these; returns the names of the sandboxes opened by name."""
    opened: list[str] = []

    def open_named(name: str) -> FakeSandbox:
        if name == "docker" and not docker:
            raise EngineUnavailable("no engine")
        opened.append(name)
        return FakeSandbox(object)

    def chosen(_: str) -> tuple[FakeSandbox, tuple[str, ...]]:
        sandbox = FakeSandbox(object)
        sandbox.level = local
        return sandbox, ()

    packages = {"torch": "2"} if torch else {}
    host = HOST, replace(FACTS, recipe="host", pinned=False, packages=packages)
    monkeypatch.setattr(ground, "choose", chosen)
    monkeypatch.setattr(ground, "open_sandbox", open_named)
    monkeypatch.setattr(image, "find", lambda *_: (PINNED, FACTS) if built else None)
    monkeypatch.setattr(image, "find_unrooted", lambda *_: None)
    monkeypatch.setattr(image, "extract", lambda root, _: root)
    monkeypatch.setattr(image, "host_root", lambda: host)
    return opened


def opened_for(wanted: str) -> Root:
    return ground.open_ground(wanted, cheats_policy().policy, Path("/s"), Unwatched()).root


def test_the_built_image_is_preferred_in_the_lightest_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local box where it can hold an image, else an engine's, else this Python with torch."""
    assert boxes(monkeypatch, local=Assurance.L1, built=True, torch=True) == []
    assert opened_for("auto").pinned
    opened = boxes(monkeypatch, local=Assurance.L0, built=True, docker=True, torch=True)
    assert opened_for("auto").pinned and opened == ["docker"]
    opened = boxes(monkeypatch, local=Assurance.L0, built=True, torch=True)
    assert not opened_for("auto").pinned and opened == ["plain"]
    opened = boxes(monkeypatch, local=Assurance.L1, built=True, torch=True)
    assert not opened_for("host").pinned and opened == ["plain"]


def test_with_nothing_to_run_in_both_remedies_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the image, or install torch; with --image pinned only the first helps."""
    boxes(monkeypatch, local=Assurance.L1, built=False)
    with pytest.raises(RequestError) as caught:
        opened_for("auto")
    assert "verifier image build cpu" in caught.value.remedy
    assert "golf-verifier[guest]" in caught.value.remedy
    boxes(monkeypatch, local=Assurance.L1, built=False, torch=True)
    with pytest.raises(RequestError) as caught:
        opened_for("pinned")
    assert "golf-verifier[guest]" not in caught.value.remedy


# ---------------------------------------------------------------- the artifact


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "verify.yaml").write_text(
        "contract: scorer/1\ntrain: [python3, train.py]\nscorer: scorer:Scorer\n"
        "tokenizer: bytes\nadaptation: none\nrows: 2\nchunk: 4\n"
    )
    (folder / "submission.json").write_text(json.dumps({"name": "m", "author": "a", "val_bpb": 2}))
    (folder / "train.py").write_text("print(1)\n")
    (folder / "scorer.py").write_text("class Scorer: ...\n")
    return folder


def pulled(folder: Path, place: Path) -> Submission:
    found = submissions.pull(str(folder), place)
    assert isinstance(found, Submission)
    return found


def test_an_artifact_is_found_again_after_the_scorer_changed(mine: Path, tmp_path: Path) -> None:
    """By folder, not by digest; what changed since is named, and a lost one is not there."""
    place, left = tmp_path / "store", tmp_path / "left"
    left.mkdir()
    (left / "weights").write_bytes(b"123")
    submission = pulled(mine, place)
    assert artifacts.kept(place, str(mine), submission) is None
    shelf = place / "shipments"
    shipment = submissions.freeze(left, submission, shelf, cheats_policy().policy)
    artifacts.keep(place, str(mine), submission, shipment.digest, "verify")
    found = artifacts.kept(place, str(mine), submission)
    assert found is not None and (found.by, found.changed) == ("verify", ())
    assert (found.folder / "weights").read_bytes() == b"123"
    (mine / "scorer.py").write_text("class Scorer: pass\n")
    (mine / "more.py").write_text("")
    later = artifacts.kept(place, f"{mine}/../mine", pulled(mine, place))
    assert later is not None and later.changed == ("more.py", "scorer.py")
    (shelf / shipment.digest / "shipment.tar").unlink()
    assert artifacts.kept(place, str(mine), submission) is None


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"shipment": 1, "by": 2, "files": 3}'])
def test_a_damaged_note_is_no_artifact(mine: Path, tmp_path: Path, note: str) -> None:
    """A trial then trains, as if there had been none."""
    place = tmp_path / "store"
    submission = pulled(mine, place)
    artifacts.keep(place, str(mine), submission, "5" * 64, "try")
    (path,) = (place / artifacts.FOLDER).iterdir()
    path.write_text(note)
    assert artifacts.kept(place, str(mine), submission) is None


# ---------------------------------------------------------------- papers


def test_papers_in_order_are_kept(mine: Path, tmp_path: Path) -> None:
    """The command, the files, the claim."""
    submission = pulled(mine, tmp_path / "store")
    assert papers.train_command(submission).outcome is Outcome.KEPT
    assert papers.claim(submission).outcome is Outcome.KEPT


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("verify.yaml", "train.py||trian.py", "`train` names trian.py, which is not there"),
        ("scorer.py", "class Scorer||def (", "scorer.py:1: does not parse"),
        ("submission.json", ', "val_bpb": 2||', "claims no val_bpb"),
    ],
)
def test_papers_out_of_order_are_named_with_their_place(
    mine: Path, tmp_path: Path, file: str, text: str, said: str
) -> None:
    """Before anything is run for minutes; each with what to do."""
    old, _, new = text.partition("||")
    (mine / file).write_text((mine / file).read_text().replace(old, new))
    submission = pulled(mine, tmp_path / "store")
    found: list[Finding] = [papers.train_command(submission), papers.claim(submission)]
    (finding,) = (each for each in found if each.outcome is not Outcome.KEPT)
    assert said in finding.reason and finding.advice


# ---------------------------------------------------------------- projection and words


def took(passed: float, blind: float, held: float = 0.0) -> SeedEvidence:
    """A pass and a replay of so many busy seconds, `held` of them taken by others."""
    found = make.evidence().seeds[0]
    assert found.scoring is not None and found.replay is not None
    cpu = {
        phase: trace(seconds=100, phase=phase, box=1 - held, waits=held, others=1.0)
        for phase in ("pass", "replay")
    }
    return replace(
        found,
        scoring=replace(found.scoring, busy_seconds=passed),
        replay=replace(found.replay, busy_seconds=blind),
        cpu=cpu if held else {},
    )


def test_work_is_counted_as_the_plan_makes_it() -> None:
    """Frames and asks go by each batch's longest document."""
    counts = [5, 9, 1]
    made = (documents.Batch((0, 1)), documents.Batch((2, -1)))
    assert projecting.work(counts, made, 4) == Work(frames=4, asks=10, targets=15)


@pytest.mark.parametrize(
    ("passed", "blind", "outcome"),
    [(1.0, 1.0, Outcome.KEPT), (31.0, 1.0, Outcome.UNPROVEN), (1.0, 31.0, Outcome.UNPROVEN)],
)
def test_a_scorer_too_slow_for_all_documents_is_told(
    passed: float, blind: float, outcome: Outcome
) -> None:
    """Ten times the work at the least: 310 s are more than the policy's 300."""
    tried, whole = Work(10, 10, 10), Work(100, 200, 150)
    policy = cheats_policy().policy
    found = projecting.project(tried, whole, took(passed, blind * 2 / 3), policy)
    assert found is not None and found.outcome is outcome
    assert bool(found.advice) is (outcome is Outcome.UNPROVEN)
    assert "of 300 s" in found.reason


def test_what_others_took_is_not_held_against_a_scorer() -> None:
    """On a busy machine the same scorer is as fast as ever."""
    tried, whole, policy = Work(10, 10, 10), Work(100, 100, 100), make.local()
    alone = projecting.project(tried, whole, took(31.0, 1.0), policy)
    beside = projecting.project(tried, whole, took(31.0, 1.0, held=0.5), policy)
    assert alone is not None and alone.outcome is Outcome.UNPROVEN
    assert beside is not None and beside.outcome is Outcome.KEPT
    assert "others held this machine for 50 %" in beside.reason
    unfinished = replace(took(1.0, 1.0), scoring=None)
    assert projecting.project(tried, whole, unfinished, policy) is None


def test_a_token_is_told_with_what_stands_before_it() -> None:
    """END by its name; a token of an own tokenizer by its id."""
    targets = Targets(np.array([104, 105, 256, 104, 256], np.int32), np.array([0, 3, 5]))
    pieces = tuple(bytes([value]) for value in range(256))

    def told(document: int, token: int, known: tuple[bytes, ...] = pieces) -> str:
        where = {"document": document, "token": token}
        found = Finding(audit="x", outcome=Outcome.BROKEN, reason="", evidence={"example": where})
        return spelling.words([found], targets, known)["x"]

    assert told(0, 1) == "'i' after 'h'"
    assert told(0, 2) == "END after 'hi'"
    assert told(1, 0) == "'h', the first of its document"
    assert told(0, 1, ()) == "id 105"
