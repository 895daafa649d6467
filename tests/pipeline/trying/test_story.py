"""A trial names what is broken, with one place, and leaves an honest scorer alone.

Promise: the pass, replay and chain of a verdict, over the real wire, on documents of our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cheats.running import cheats_policy, own_store
from tests.pipeline.trying import scorers
from tests.scoring.fake import FakeSandbox
from verifier.cli.main import run
from verifier.errors import RequestError
from verifier.pipeline.grounds import Ground
from verifier.pipeline.trying import Tried, TryRequest, running, story, try_out
from verifier.records import Finding, ImageFacts, Outcome, Root
from verifier.report import trying as told
from verifier.watch import Unwatched

MANIFEST = """contract: scorer/1
train: [python3, train.py]
scorer: scorer:Scorer
tokenizer: bytes
adaptation: document
rows: 4
chunk: 8
"""
IMAGE = ImageFacts(recipe="fake", root_digest="host", pinned=False, python="3", packages={})
Trying = Callable[[type], Tried]


def submission(folder: Path, manifest: str = MANIFEST) -> Path:
    """Papers in order; the scorer itself is a thread of ours."""
    folder.mkdir()
    (folder / "verify.yaml").write_text(manifest)
    (folder / "submission.json").write_text('{"name": "mine", "author": "me", "val_bpb": 5}')
    (folder / "train.py").write_text("print(1)\n")
    (folder / "scorer.py").write_text("class Scorer: ...\n")
    artifact = folder.with_name("artifact")
    artifact.mkdir()
    (artifact / "weights").write_bytes(b"12345")
    return folder


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trying]:
    """`trial(Scorer)` tries a submission whose scorer is a thread."""
    folder = submission(tmp_path / "mine")

    def made(scorer: type) -> Tried:
        root = Root(digest="host", python="python3", pinned=False)
        ground = Ground(FakeSandbox(scorer), root, IMAGE)
        monkeypatch.setattr(story, "open_ground", lambda *_: ground)
        request = TryRequest(
            reference=str(folder), policy=cheats_policy(), artifact=tmp_path / "artifact"
        )
        return try_out(request, Unwatched())

    with own_store(tmp_path / "store"):
        yield made


def wrong(found: Tried) -> dict[str, Finding]:
    return {
        each.audit: each
        for each in found.findings
        if each.outcome in (Outcome.BROKEN, Outcome.UNPROVEN)
    }


def shown(found: Tried) -> str:
    """What a person reads, on one line."""
    console = Console(file=StringIO(), width=200)
    told.render(found, console, "verifier verify mine")
    assert isinstance(console.file, StringIO)
    return " ".join(console.file.getvalue().split())


def test_an_honest_scorer_is_left_alone(trial: Trying) -> None:
    """Nothing found, exit code 0, and the next command is said."""
    found = trial(scorers.Honest)
    assert wrong(found) == {} and found.exit_code == 0
    assert {each.outcome for each in found.findings} == {Outcome.KEPT}
    text = shown(found)
    assert "nothing found" in text and "→ next: verifier verify mine" in text
    assert "VERIFIED" not in text
    assert "5 of 16,000,000 bytes" in text or "artifact-size" in text


@pytest.mark.parametrize(
    ("scorer", "audit", "sentence"),
    [
        (scorers.LooksAhead, "lookahead", "with what follows in its chunk and"),
        (scorers.NoDistribution, "normalization", "do not sum to 1: at "),
        (scorers.ForgetsEnd, "normalization", "do not sum to 1: at "),
        (scorers.Remembers, "reset", "in the pass and"),
        (scorers.SharesRows, "reset", "among its companions and"),
        (scorers.LeavesTraces, "purity", "after they were scored and"),
        (scorers.Throws, "determinism", "in one of them and"),
        (scorers.Unnormalised, "normalization", "to 2.718"),
        (scorers.LessContext, "lookahead", "by score and"),
    ],
)
def test_each_sentence_of_the_contract_is_checked(
    trial: Trying, scorer: type, audit: str, sentence: str
) -> None:
    """The check that is named, one place with both costs, the token, the sentence and the fix."""
    found = trial(scorer)
    assert audit in wrong(found), [(f.audit, f.outcome, f.reason) for f in found.findings]
    finding = wrong(found)[audit]
    assert sentence in finding.reason
    where = finding.evidence["example"]
    named = "END" if where["is_end"] else f"token {where['token']}"
    assert f"{named} of document {where['document']}" in finding.reason
    text = shown(found)
    assert found.words[audit] and f"token {found.words[audit]}" in text
    assert told.CONTRACT[audit] in text
    assert finding.advice and finding.advice in text
    assert found.exit_code in (1, 2)


def test_an_end_that_costs_nothing_is_named_as_the_end(trial: Trying) -> None:
    """END is a target like any other; who takes it for padding is told so."""
    found = trial(scorers.ForgetsEnd)
    reasons = " ".join(each.reason for each in wrong(found).values())
    assert "END of document" in reasons
    assert any(said.startswith("END") for said in found.words.values())


@pytest.mark.parametrize(
    ("scorer", "outcome", "said"),
    [
        (scorers.SaysNaN, Outcome.BROKEN, "charged NaN for token 2 of document"),
        (scorers.SaysNegative, Outcome.BROKEN, "nats for token 0 of document"),
        (scorers.WrongShape, Outcome.BROKEN, "answered 28 numbers where 4 rows × 8 tokens"),
        (scorers.Dies, Outcome.UNPROVEN, "died in answer to OBSERVE"),
    ],
)
def test_a_broken_wire_is_named_with_its_place(
    trial: Trying, scorer: type, outcome: Outcome, said: str
) -> None:
    """Nothing else can be said then, and nothing else passes."""
    found = trial(scorer)
    finding = wrong(found)["protocol"]
    assert finding.outcome is outcome and said in finding.reason
    rest = [each for each in found.findings if each.audit == "lookahead"]
    assert [each.outcome for each in rest] == [Outcome.NOT_RUN]
    assert said in shown(found)


def test_a_scorer_that_never_answers_is_waited_for_a_little(
    trial: Trying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial ends, whatever the scorer does."""
    monkeypatch.setattr(running, "ANSWER_SECONDS", 0.3)
    found = trial(scorers.Hangs)
    assert "late in answer to SCORE" in wrong(found)["protocol"].reason
    assert found.exit_code == 1


def test_every_token_of_a_trial_is_replayed_whatever_the_policy_draws(trial: Trying) -> None:
    """A sampled policy's trial must not miss what a sample misses."""
    found = trial(scorers.Honest)
    (lookahead,) = (each for each in found.findings if each.audit == "lookahead")
    assert lookahead.reason.startswith("every target")


def test_what_is_said_for_machines_names_the_place_too(trial: Trying) -> None:
    """--json: one object, with the example's numbers, the sentence and the fix."""
    said = json.loads(told.as_json(trial(scorers.LooksAhead)))
    (row,) = (each for each in said["findings"] if each["check"] == "lookahead")
    assert row["outcome"] == "broken" and said["exit_code"] == 1
    example = row["evidence"]["example"]
    assert example["later_nats"] > example["earlier_nats"]
    assert row["sentence"] == told.CONTRACT["lookahead"] and row["fix"]


def test_what_has_a_place_to_look_at_is_explained_first(trial: Trying) -> None:
    """Traces of `score` leave the later questions open: the traces are told before them."""
    text = shown(trial(scorers.LeavesTraces))
    assert 0 < text.index("? unproven purity") < text.index("? unproven lookahead")


def test_a_script_has_no_scorer_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told what to do instead."""
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "train_gpt.py").write_text("print(1)\n")
    (folder / "submission.json").write_text('{"name": "x", "author": "y"}')
    with own_store(tmp_path / "store"):
        assert run(["try", str(folder), "--quiet"]) == 64
    assert "verifier shadow" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["try", "nowhere/at/all"], "nowhere/at/all"),
        (["try", ".", "--image", "vm"], "there is no image 'vm'"),
        (["try", ".", "--artifact", "x", "--train"], "ask for two"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_words(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage is exit code 64, with --json too."""
    assert run([*words, "--json"]) == 64
    caught = capsys.readouterr()
    assert said in caught.err and json.loads(caught.out)["exit_code"] == 64


def test_an_artifact_that_is_not_there_is_no_artifact(trial: Trying, tmp_path: Path) -> None:
    """A misspelt --artifact does not train in silence."""
    (tmp_path / "artifact" / "weights").unlink()
    (tmp_path / "artifact").rmdir()
    with pytest.raises(RequestError, match="no such folder"):
        trial(scorers.Honest)


def finding(**changes: Any) -> Finding:
    return Finding(**({"audit": "x", "outcome": Outcome.KEPT, "reason": ""} | changes))


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.KEPT], 0),
        ([Outcome.KEPT, Outcome.NOT_RUN], 2),
        ([Outcome.UNPROVEN, Outcome.KEPT], 2),
        ([Outcome.UNPROVEN, Outcome.BROKEN], 1),
        ([], 2),
    ],
)
def test_only_a_trial_in_which_all_was_kept_ends_with_0(outcomes: list[Outcome], code: int) -> None:
    """Law 4: what was not looked at is no pass."""
    found = Tried(
        reference="",
        name="",
        findings=tuple(finding(outcome=outcome) for outcome in outcomes),
        artifact="",
        ground="",
        tried_on="",
        words={},
        said="",
        notes=(),
        seconds=0.0,
    )
    assert found.exit_code == code
