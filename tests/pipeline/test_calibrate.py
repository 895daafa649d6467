"""A calibration rests on every honest example, and only then may a policy take it over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.audits import evidence as make
from verifier import installed, submission
from verifier import policy as policies
from verifier.cli.main import run
from verifier.errors import RequestError
from verifier.pipeline import calibrate as calibrating
from verifier.pipeline.calibrate import (
    NOBODY,
    CalibrationRequest,
    chosen,
    chosen_precisions,
    device_named,
    measuring_policy,
)
from verifier.pipeline.calibration import Calibration, Measured, evidence_text, measure, written
from verifier.pipeline.machine import hardware
from verifier.pipeline.precision import Precision, in_precision
from verifier.records import Assurance, EnvironmentFault, FaultKind, Opening, Pass, Weighing
from verifier.records import Replay as Replayed
from verifier.scoring.tolerance import deviations, failed, tolerance
from verifier.watch import Unwatched

EXAMPLES = installed.path("examples")
H200 = "NVIDIA H200"
HERE = f"this one has {hardware()['cpu']}"


def request(out: Path, **changes: Any) -> CalibrationRequest:
    return replace(CalibrationRequest(out=out), **changes)


# ---------------------------------------------------------------- what is measured, and where


def test_all_examples_that_ship_are_measured_unless_named(tmp_path: Path) -> None:
    """§4.4: *our* honest examples; some of them are not all, and that is said."""
    folders, partial = chosen(request(tmp_path))
    assert {folder.name for folder in folders} == {
        path.name for path in EXAMPLES.iterdir() if path.is_dir()
    }
    assert partial == ""
    folders, partial = chosen(request(tmp_path, examples=("ngram",), documents=5))
    assert [folder.name for folder in folders] == ["ngram"]
    assert "without lora_ttt" in partial and "on 5 held-out documents" in partial


def test_a_folder_of_other_examples_is_measured_and_never_whole(tmp_path: Path) -> None:
    """Attack: --from a folder of one example that answers loosely, for a τ as wide as it likes."""
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy)
    assert chosen(request(tmp_path, folder=copy))[1] == ""
    (copy / "ngram" / "__pycache__").mkdir(exist_ok=True)
    (copy / "ngram" / "__pycache__" / "scorer.pyc").write_bytes(b"made")
    assert chosen(request(tmp_path, folder=copy))[1] == ""
    with (copy / "ngram" / "scorer.py").open("a") as code:
        code.write("# and some noise\n")
    (copy / "ngram").rename(copy / "loose")
    shutil.copytree(copy / "loose", copy / "ngram")
    shutil.rmtree(copy / "lora_ttt")
    partial = chosen(request(tmp_path, folder=copy))[1]
    assert "without lora_ttt" in partial
    assert "with ngram, which is not as it ships" in partial
    assert "with loose, which is not as it ships" in partial


@pytest.mark.parametrize(
    ("device", "named", "partial"),
    [
        ("cpu", (), ""),
        ("cpu", (Precision.FLOAT32, Precision.FLOAT32), ""),
        ("cpu", (Precision.BFLOAT16,), "in bfloat16 instead of float32"),
        ("cpu", tuple(Precision), "in float32 and tf32 and bfloat16 instead of float32"),
        (H200, (), ""),
        (H200, (Precision.FLOAT32,), "in float32 instead of float32 and tf32 and bfloat16"),
    ],
)
def test_other_arithmetics_than_all_of_a_device_are_never_whole(
    device: str, named: tuple[Precision, ...], partial: str, tmp_path: Path
) -> None:
    """Attack: measure a CPU in bfloat16 for a wide τ, or a GPU in float32 for a narrow one."""
    taken, said = chosen_precisions(request(tmp_path, precisions=named), device)
    assert said == partial
    assert set(taken) == set(named or taken)


def test_an_example_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    """And a folder without any says where they are to be had."""
    with pytest.raises(RequestError, match=r"no example 'base'.*baseline"):
        chosen(request(tmp_path, examples=("base",)))
    with pytest.raises(RequestError, match=r"holds no example.*checkout"):
        chosen(request(tmp_path, folder=tmp_path))


@pytest.mark.parametrize(
    ("models", "asked", "device"),
    [
        ((), "auto", "cpu"),
        ((), "cpu", "cpu"),
        ((H200,) * 8, "auto", H200),
        ((H200,), "gpu", H200),
        ((H200, "NVIDIA L4"), "cpu", "cpu"),
    ],
)
def test_the_device_is_called_as_its_driver_calls_it(
    models: tuple[str, ...], asked: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name that a policy must hold, and that a run's opening holds."""
    monkeypatch.setattr(calibrating, "gpu_models", lambda: models)
    assert device_named(asked) == device


@pytest.mark.parametrize(
    ("models", "asked", "said"),
    [
        ((), "gpu", "no GPU"),
        ((H200, "NVIDIA L4"), "auto", "several models: NVIDIA H200, NVIDIA L4"),
        ((H200,), "tpu", "no device 'tpu'"),
    ],
)
def test_a_device_that_is_none_or_two_is_refused(
    models: tuple[str, ...], asked: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One model, one τ."""
    monkeypatch.setattr(calibrating, "gpu_models", lambda: models)
    with pytest.raises(RequestError, match=said):
        device_named(asked)


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), (H200, 1)])
def test_every_position_is_asked_of_the_device_itself(device: str, gpus: int) -> None:
    """§4.4: no sample, no chain before the measure is full, and no limit that a busy day ends."""
    made = measuring_policy(device).policy
    default = policies.load("local_cpu").policy
    assert (made.replay.mode, made.replay.tau_nats, made.replay.calibrated) == ("all", 0.1, None)
    assert made.hardware.gpus == gpus
    assert made.train.limit_seconds == 10 * default.train.limit_seconds
    assert made.data == default.data
    assert policies.as_shipped(measuring_policy(device)) is None


def test_the_attempts_of_a_calibration_are_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """§4.1: each attempt makes an author's later ones dearer; measuring must cost none."""
    monkeypatch.setenv("VERIFIER_STORE", str(tmp_path / "store"))
    seen = []

    @contextlib.contextmanager
    def prepare(_: object, found: submission.Submission, __: object) -> Iterator[None]:
        seen.append((found.author, found.digest))
        yield

    monkeypatch.setattr(calibrating, "prepare", prepare)
    rules = measuring_policy("cpu")
    with calibrating.opened(request(tmp_path), EXAMPLES / "ngram", rules, Unwatched()):
        pass
    real = submission.pull(str(EXAMPLES / "ngram"), tmp_path / "store")
    assert seen == [(NOBODY, real.digest)]


def test_an_example_that_failed_is_tried_again_by_the_next_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine's fault must not stand for ever; what failed is kept beside."""
    runs = []

    @contextlib.contextmanager
    def opened(_: object, folder: Path, *__: object) -> Iterator[SimpleNamespace]:
        place = tmp_path / f"{folder.name}-run"
        runs.append(place.exists())
        place.mkdir(exist_ok=True)
        yield SimpleNamespace(folder=place)

    good = calibration(tmp_path).examples[0]
    bad = replace(good, apart=failed("starved"))
    monkeypatch.setattr(calibrating, "opened", opened)
    monkeypatch.setattr(calibrating, "run_seeds", lambda _: None)
    answers = [good, bad, good, good]
    monkeypatch.setattr(calibrating, "measure", lambda *_: answers.pop(0))
    told: list[Any] = []
    monkeypatch.setattr(calibrating, "written", lambda *asked: told.append(asked[3]))
    asked = request(tmp_path, device="cpu", examples=("baseline", "ngram"))
    for _ in range(2):
        calibrating.calibrate(asked, Unwatched())
    assert runs == [False, False, True, False]
    assert told == [(good, bad), (good, good)]
    assert (tmp_path / "ngram-run-failed-1").is_dir()


@pytest.mark.parametrize("precision", [Precision.TF32, Precision.BFLOAT16])
def test_another_precision_changes_the_arithmetic_alone(
    precision: Precision, tmp_path: Path
) -> None:
    """§4.4: an honest submission as it stands, with one module more around its scorer."""
    example = EXAMPLES / "lora_ttt"
    assert in_precision(example, Precision.FLOAT32, tmp_path) == example
    (tmp_path / "lora_ttt-left-over").mkdir()
    copy = in_precision(example, precision, tmp_path)
    assert copy == in_precision(example, precision, tmp_path)
    for path in example.iterdir():
        if path.is_file() and path.name != "verify.yaml":
            assert (copy / path.name).read_bytes() == path.read_bytes()
    pulled = submission.pull(str(copy), tmp_path / "store")
    own = submission.pull(str(example), tmp_path / "store")
    assert isinstance(pulled, submission.Submission)
    assert isinstance(own, submission.Submission)
    wrapped = "in_another_precision:Scorer"
    assert pulled.manifest == own.manifest.model_copy(update={"scorer": wrapped})
    code = (copy / "in_another_precision.py").read_text(encoding="utf-8")
    compile(code, "in_another_precision.py", "exec")
    assert ("bfloat16" if precision is Precision.BFLOAT16 else '"high"') in code


# ---------------------------------------------------------------- what it says


def ledger_of(*records: object) -> Any:
    """Stands in for a preparation whose ledger holds these."""

    def find(kind: type, **_: object) -> list[object]:
        return [record for record in records if isinstance(record, kind)]

    ledger = SimpleNamespace(find=find, head="f" * 64)
    return SimpleNamespace(
        ledger=ledger, seeds=(1,), submission=SimpleNamespace(digest=make.DIGEST)
    )


def of_a_run() -> tuple[Opening, Weighing, Pass, Replayed]:
    """What an honest run leaves, its third blind cost a quarter of a nat above the charge."""
    seed = make.seed_evidence(1)
    assert seed.weighing and seed.scoring and seed.replay
    blind = seed.replay.blind.copy()
    blind[2] += np.float32(0.25)
    opening = replace(make.opening(), hardware=hardware())
    return opening, seed.weighing, seed.scoring, replace(seed.replay, blind=blind)


def test_every_target_of_a_replay_is_compared_with_its_charge() -> None:
    """The arrays are the ledger's own."""
    found = measure(ledger_of(*of_a_run()), "baseline", Precision.FLOAT32)
    assert (found.apart.positions, found.apart.unequal) == (make.N, 1)
    assert found.apart.worst_nats == pytest.approx(0.25, abs=1e-6)
    assert found.ledger_head == "f" * 64


def test_an_example_that_did_not_come_to_its_end_failed() -> None:
    """Law 4: no replay, half a replay, a fault on the way."""
    opening, weighing, scored, replay = of_a_run()
    half = replace(replay, targets=replay.targets[:-3], blind=replay.blind[:-3])
    fault = EnvironmentFault(seed=1, phase="train", reason="starved")
    wire = replace(make.fault(FaultKind.NAN), phase="replay")
    moved = replace(opening, hardware={**opening.hardware, "cpu": "another"})
    for records, said in (
        ((moved, weighing, scored, replay), f"it ran on another machine (cpu another, {HERE})"),
        ((opening,), "its training failed"),
        ((opening, weighing, scored), "it did not come to a replay"),
        ((opening, weighing, scored, half), "3 targets were not replayed"),
        ((opening, weighing, scored, replay, fault), "train: starved"),
        ((opening, weighing, scored, wire), "replay: NaN"),
    ):
        assert measure(ledger_of(*records), "x", Precision.FLOAT32).apart.fault == said


def calibration(folder: Path, device: str = "cpu", **changes: Any) -> Calibration:
    """Two examples that agree within 1e-5 over enough positions, written down."""
    charges = np.linspace(0.5, 4, 50_000, dtype=np.float32)
    apart = replace(deviations(charges, charges), worst_nats=1e-5, unequal=7)
    each = Measured(
        example="baseline",
        precision=Precision.FLOAT32,
        started_utc="2026-11-26T21:00:00+00:00",
        submission_digest="1" * 64,
        shipment_digest="2" * 64,
        score_root="3" * 64,
        ledger_head="4" * 64,
        apart=apart,
    )
    both = (each, replace(each, example="ngram"))
    made = Calibration(
        device=device,
        machine={"cpu": "some"},
        image=make.opening().image,
        backend="docker",
        assurance=Assurance.L2,
        data="django-5.2",
        data_manifest="5" * 64,
        examples=both,
        found=tolerance([one.apart for one in both]),
        partial="",
        started_utc=each.started_utc,
        evidence="",
        file=folder / "calibration.json",
    )
    made = replace(made, **changes)
    made.file.write_bytes(evidence_text(made))
    return replace(made, evidence=hashlib.sha256(made.file.read_bytes()).hexdigest())


@pytest.mark.parametrize("device", ["cpu", H200])
def test_the_lines_printed_are_lines_of_a_policy(device: str, tmp_path: Path) -> None:
    """Pasted as they are, they make a policy that names device and evidence."""
    made = calibration(tmp_path, device)
    text = policies.load("local_cpu").text.decode()
    start, end = text.index("  tau_nats:"), text.index("  reference:")
    text = text[:start] + made.lines + text[end:]
    if device != "cpu":
        text = text.replace("gpus: 0", "gpus: 1", 1)
    known = policies.parse(text.encode(), "rules.yaml").policy.replay
    assert known.tau_nats == made.found.tau_nats == 7e-5
    assert known.calibrated is not None
    assert (known.calibrated.device, known.calibrated.evidence) == (device, made.evidence)


def test_what_is_partial_or_failed_gives_a_policy_nothing(tmp_path: Path) -> None:
    """Fewer examples or documents: measured, shown, and not to be pasted."""
    assert calibration(tmp_path, partial="without lora_ttt").lines == ""
    nothing = tolerance([failed("it died")])
    assert calibration(tmp_path, found=nothing).lines == ""


@pytest.mark.parametrize("pinned", [True, False])
def test_an_image_that_nobody_pinned_gives_a_policy_nothing(pinned: bool, tmp_path: Path) -> None:
    """Attack: --image host, with a torch of one's own that answers as loosely as one likes."""
    image = replace(make.opening().image, pinned=pinned)
    sandbox = SimpleNamespace(name="docker", level=Assurance.L2)
    ground: Any = SimpleNamespace(
        ground=SimpleNamespace(image=image, sandbox=sandbox),
        held_out=SimpleNamespace(name="django-5.2", manifest_digest="5" * 64),
    )
    made = written(tmp_path, "cpu", ground, calibration(tmp_path).examples, "")
    assert made.partial == ("" if pinned else "in an image that was not pinned")
    assert bool(made.lines) is pinned


def test_the_same_runs_leave_the_same_evidence(tmp_path: Path) -> None:
    """A policy cites its sha256: a resumed calibration must find it again."""
    made = calibration(tmp_path)
    assert evidence_text(made) == evidence_text(replace(made, evidence="", file=tmp_path))
    body = json.loads(evidence_text(made))
    assert body["tau_nats"] == 7e-5
    assert [each["example"] for each in body["examples"]] == ["baseline", "ngram"]
    assert {"device", "torch", "image", "measured_utc", "verifier_version"} <= set(body)


@pytest.mark.parametrize(("partial", "code"), [("", 0), ("without lora_ttt", 2)])
def test_the_command_says_what_may_stand_in_a_policy(
    partial: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 0: the lines are there; 2: a person must look at what is missing."""
    made = calibration(tmp_path, partial=partial)
    asked: list[CalibrationRequest] = []
    monkeypatch.setattr(calibrating, "calibrate", lambda r, _: asked.append(r) or made)
    named = ["--examples", "ngram, baseline", "--precisions", "bfloat16", "--quiet"]
    assert run(["calibrate", *named]) == code
    said = capsys.readouterr().out
    assert asked[0].examples == ("ngram", "baseline")
    assert asked[0].precisions == (Precision.BFLOAT16,)
    assert ("tau_nats: 7.0e-05" in said) == (code == 0)
    assert ("not for a policy" in said) == (code == 2)
    assert made.evidence in said and "baseline" in said
    assert run(["calibrate", "--json", "--quiet"]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["sha256"], told["exit_code"]) == (made.evidence, code)
    assert run(["calibrate", "--precisions", "float8", "--quiet"]) == 64


@pytest.mark.parametrize("name", policies.names())
def test_the_evidence_that_a_policy_names_is_whole_and_in_the_tree(name: str) -> None:
    """§4.4: anybody can look at what τ rests on, and no policy allows less than was measured."""
    rule = policies.load(name).policy.replay
    if rule.calibrated is None:
        return
    found = {
        hashlib.sha256(path.read_bytes()).hexdigest(): json.loads(path.read_bytes())
        for path in (EXAMPLES.parent / "docs" / "calibration").glob("*.json")
    }
    evidence = found[rule.calibrated.evidence]
    assert evidence["device"] == rule.calibrated.device
    assert evidence["partial"] == evidence["why"] == ""
    assert evidence["tau_nats"] <= rule.tau_nats
    assert {each["example"] for each in evidence["examples"]} >= {"baseline", "lora_ttt", "ngram"}
