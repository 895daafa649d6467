"""The main job on real boxes: verdicts, resumption, sameness, and what is shown again.

Runs the honest submission that the cheats start from, on a few held-out documents.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cheats.catalog import HERE
from tests.cheats.running import cheats_policy
from tests.pipeline.conftest import Finished, verified
from verifier import pipeline, training
from verifier import submission as submissions
from verifier.errors import RequestError
from verifier.ledger import Ledger
from verifier.pipeline import seed as seeds
from verifier.records import (
    Answer,
    EnvironmentFault,
    NonceOpened,
    Opening,
    Outcome,
    Pass,
    Training,
    Verdict,
    Weighing,
)
from verifier.watch import Unwatched


def the_pass(report: pipeline.Report) -> Pass:
    """The one seed's pass."""
    (found,) = Ledger.open(report.folder / "ledger").find(Pass)
    return found


def test_one_artifact_has_one_score_root_whatever_the_boxes_and_scorers(
    finished: Finished, tmp_path: Path
) -> None:
    """§3, §5: any number of scorers, any backend, twice: the same charges and the same root.

    Trained anew each time: fixed steps also give the same artifact.
    """
    first = the_pass(finished.report)
    elsewhere = dataclasses.replace(
        finished.request, backend="local", scorers=1, out=tmp_path / "local"
    )
    second = the_pass(verified(elsewhere))
    assert first.score_root == second.score_root
    assert np.array_equal(first.charges, second.charges)


def test_a_finished_verdict_is_shown_again_and_rechecked_from_its_ledger(
    finished: Finished, tmp_path: Path
) -> None:
    """§4.1: never drawn again. `recheck` gives the same verdict and says whose key."""
    first = finished.report
    events = len(Ledger.open(first.folder / "ledger").records)
    again = verified(finished.request)
    assert again.verdict == first.verdict
    assert len(Ledger.open(first.folder / "ledger").records) == events
    ledger = first.folder / "ledger"
    found = pipeline.recheck(pipeline.Asked(named=str(ledger / "ledger.jsonl")))
    assert found.verdict == first.verdict
    assert found.self_run
    assert found.policy_as_shipped is None, "no policy called 'cheats' ships"
    (opening,) = Ledger.open(ledger).find(Opening)
    assert found.signer.key == found.run_under == opening.public_key
    page = json.loads((first.folder / "report.json").read_text(encoding="utf-8"))
    assert first.verdict.line in json.dumps(page, ensure_ascii=False)
    damaged = shutil.copytree(first.folder, tmp_path / "damaged")
    for name in ("ledger.jsonl", "signature.json", "policy.yaml"):
        damage_one_byte(damaged / "ledger" / name)
        broken = pipeline.recheck(pipeline.Asked(named=str(damaged)))
        assert name in broken.forged and broken.verdict is None
        damage_one_byte(damaged / "ledger" / name)
    assert pipeline.checked_verdict(damaged) == first.verdict


def damage_one_byte(path: Path) -> None:
    """Flip one bit in the middle of a file; twice is none."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_run_that_died_resumes_after_its_last_finished_phase(
    request_of: pipeline.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same nonce, and nothing that was finished is done again."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(submissions, "weigh", die)
        with pytest.raises(KeyboardInterrupt):
            pipeline.verify(request_of, Unwatched())
    (folder,) = request_of.out.iterdir()
    trained = Ledger.open(folder / "ledger")
    assert trained.find(Training)
    assert not trained.find(Weighing)
    with monkeypatch.context() as patched:
        patched.setattr(training, "train", die)
        patched.setattr(seeds, "run_pass", die)
        with pytest.raises(KeyboardInterrupt):
            pipeline.verify(request_of, Unwatched())
    for errand in (pipeline.checked_verdict, lambda run: pipeline.sign(run, request_of.key)):
        with pytest.raises(RequestError, match="no finished verdict"):
            errand(folder)
    with pytest.raises(RequestError, match="none of these runs"):
        pipeline.report([folder], request_of.out / "index.html", Unwatched())
    before = Ledger.open(folder / "ledger")
    assert before.find(Training) == trained.find(Training)
    assert before.find(Weighing)
    assert not before.find(Pass)
    with monkeypatch.context() as patched:
        patched.setattr(training, "train", die)
        report = verified(request_of)
    after = Ledger.open(report.folder / "ledger")
    assert after.find(Opening) == before.find(Opening)
    assert after.find(Training) == before.find(Training)


def test_two_verifiers_never_write_one_ledger(finished: Finished) -> None:
    """The second is told, and the first is not disturbed."""
    with (
        Ledger.resume(finished.report.folder / "ledger"),
        pytest.raises(RequestError, match="another verifier"),
    ):
        pipeline.verify(finished.request, Unwatched())


def test_a_run_that_the_machine_spoiled_is_free_again(
    request_of: pipeline.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN §6: before any replay the nonce stays closed, and the same one serves again."""
    honest_training = training.train

    def unfair(*given: object, **more: object) -> training.Trained:
        trained = honest_training(*given, **more)  # type: ignore[arg-type]
        facts = dataclasses.replace(trained.facts, unfair="the machine was suspended")
        return dataclasses.replace(trained, facts=facts)

    with monkeypatch.context() as patched:
        patched.setattr(training, "train", unfair)
        spoilt = pipeline.verify(request_of, Unwatched())
    assert spoilt.verdict.answer is Answer.INCONCLUSIVE
    ledger = Ledger.open(spoilt.folder / "ledger")
    assert ledger.find(EnvironmentFault)
    assert not ledger.find(NonceOpened)
    report = verified(request_of)
    assert report.folder == spoilt.folder
    aside = Ledger.open(report.folder / "ledger-unfair-1")
    fresh = Ledger.open(report.folder / "ledger")
    assert aside.find(Verdict)[0].answer is Answer.INCONCLUSIVE
    assert aside.find(Opening)[0].nonce_commitment == fresh.find(Opening)[0].nonce_commitment


def test_a_training_run_that_fails_is_a_finding_with_its_log(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Their fault is never our exception."""
    broken = tmp_path / "broken"
    shutil.copytree(HERE / "honest", broken)
    (broken / "train.py").write_text("raise SystemExit('no data like this')\n", encoding="utf-8")
    request = dataclasses.replace(request_of, reference=str(broken))
    verdict = pipeline.verify(request, Unwatched()).verdict
    found = {finding.audit: finding for finding in verdict.findings}
    assert verdict.answer is Answer.INCONCLUSIVE
    assert found["train-budget"].outcome is Outcome.UNPROVEN
    (folder,) = (path for path in request.out.iterdir() if path.is_dir())
    (facts,) = Ledger.open(folder / "ledger").find(Training)
    assert "no data like this" in facts.log
    assert found["train-budget"].reason == "training ended with exit code 1: no data like this"


def test_a_sampled_replay_gives_a_bound(request_of: pipeline.Request) -> None:
    """§4.6 from end to end: draws from the nonce, decoys, δ above zero."""
    sampled = cheats_policy({"mode: all": "mode: sampled", "draws: 0": "draws: 300"})
    verdict = verified(dataclasses.replace(request_of, policy=sampled)).verdict
    assert verdict.delta_bpb is not None
    assert verdict.delta_bpb > 0


def test_a_changed_policy_does_not_go_by_a_shipped_name(request_of: pipeline.Request) -> None:
    """A verdict's line names its policy, and people read names."""
    lenient = cheats_policy({"name: cheats": "name: local_cpu", "1.0e-4": "2.0e-2"})
    with pytest.raises(RequestError, match="'local_cpu' that ships"):
        pipeline.verify(dataclasses.replace(request_of, policy=lenient), Unwatched())


def test_more_seeds_than_the_policy_has_are_refused(request_of: pipeline.Request) -> None:
    """Fewer make a spot check; more would be another rule."""
    with pytest.raises(RequestError, match="--seeds 2"):
        pipeline.verify(dataclasses.replace(request_of, seeds=2), Unwatched())


def test_an_out_folder_that_cannot_be_made_is_the_asker_s(request_of: pipeline.Request) -> None:
    """A file stands there."""
    request_of.out.write_text("a file")
    with pytest.raises(RequestError, match="--out"):
        pipeline.verify(request_of, Unwatched())


def test_a_command_that_the_image_lacks_is_named(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Said as what was handed over, or found when it ended: never as a fault of ours."""
    misspelt = tmp_path / "misspelt"
    shutil.copytree(Path(request_of.reference), misspelt)
    manifest = (misspelt / "verify.yaml").read_text(encoding="utf-8")
    assert "[python3, train.py" in manifest
    (misspelt / "verify.yaml").write_text(
        manifest.replace("[python3, train.py", "[pyton3, train.py"), encoding="utf-8"
    )
    request = dataclasses.replace(request_of, reference=str(misspelt))
    try:
        verdict = pipeline.verify(request, Unwatched()).verdict
    except RequestError as fault:
        assert str(fault).startswith("pyton3: ")
    else:
        assert verdict.answer is Answer.INCONCLUSIVE


def test_the_interpreter_at_hand_needs_torch_and_says_so(request_of: pipeline.Request) -> None:
    """`--image host` without the guest extra fails before anything runs."""
    request = dataclasses.replace(request_of, image="host", backend="local")
    with pytest.raises(RequestError, match="torch"):
        pipeline.verify(request, Unwatched())


def test_data_that_a_policy_wants_and_nobody_gave_is_asked_for(
    request_of: pipeline.Request,
) -> None:
    """The record track scores on data that does not come with the verifier."""
    other = cheats_policy({"name: django-5.2": "name: fineweb-10B"})
    with pytest.raises(RequestError, match="verifier data import"):
        pipeline.verify(dataclasses.replace(request_of, policy=other), Unwatched())
