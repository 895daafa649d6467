"""Scripts that score themselves, on real boxes: run again in full, shadowed, and decided.

The scripts are the small ones of the zoo, with sizes that a CPU trains in seconds; the command in
their README says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cheats.running import DOCUMENTS, cheats_policy, own_store
from tests.shadow.zoo import building
from verifier import pipeline
from verifier import policy as policies
from verifier.errors import BadSubmission, RequestError
from verifier.ledger import Ledger
from verifier.pipeline import scripted
from verifier.pipeline.shadowing import ShadowRequest, shadowed
from verifier.records import (
    Answer,
    Behaviour,
    Counterfactual,
    Finding,
    Opening,
    Outcome,
    Screened,
    ScriptRun,
    Weighing,
)
from verifier.watch import Unwatched

SMALL = (
    "NUM_LAYERS=2 MODEL_DIM=64 NUM_HEADS=4 NUM_KV_HEADS=2 TRAIN_SEQ_LEN=128 "
    "TRAIN_BATCH_TOKENS=4096 VAL_BATCH_SIZE=8192 ITERATIONS=10 WARMUP_STEPS=1 WARMDOWN_ITERS=4 "
    "VAL_LOSS_EVERY=0"
)
CLAIMED = 4.2

pytestmark = pytest.mark.docker


def submission(name: str, folder: Path, **claims: object) -> Path:
    """A case of the zoo that a CPU can train, claiming what it nearly reaches."""
    case = building.read(name)
    made = building.build(replace(case, launch=f"{SMALL} {case.launch}".strip()), folder)
    path = made / "submission.json"
    said = {**json.loads(path.read_text()), "val_bpb": CLAIMED, **claims}
    path.write_text(json.dumps(said))
    return made


@pytest.fixture
def request_of(tmp_path: Path) -> Iterator[pipeline.Request]:
    """A store of its own, a key, and some of the held-out documents."""
    with own_store(tmp_path / "store"):
        yield pipeline.Request(
            reference=str(tmp_path / "script"),
            policy=cheats_policy(),
            out=tmp_path / "out",
            key=tmp_path / "key.pem",
            documents=DOCUMENTS,
        )


def findings(report: pipeline.Report) -> dict[str, Finding]:
    return {each.audit: each for each in report.verdict.findings}


def test_an_honest_script_is_reproduced_though_its_run_died(
    request_of: pipeline.Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every required audit kept, its own number, its artifact alone weighed; shown again after.

    A verifier that died goes on where it was: shadow runs are not made again, the seed is the same.
    """
    submission("baseline", tmp_path / "script")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(scripted, "run_in_full", dies)
        with pytest.raises(KeyboardInterrupt):
            pipeline.verify(request_of, Unwatched())
    (folder,) = request_of.out.iterdir()
    before = Ledger.open(folder / "ledger")
    assert len(before.find(Behaviour)) == 1
    assert not before.find(ScriptRun)
    report = pipeline.verify(request_of, Unwatched())
    assert report.folder == folder
    verdict, found = report.verdict, findings(report)
    assert verdict.answer is Answer.REPRODUCED, [f"{f.audit}: {f.reason}" for f in found.values()]
    assert "behaviour tested" in verdict.line
    ledger = Ledger.open(report.folder / "ledger")
    assert ledger.find(Behaviour) == before.find(Behaviour)
    assert ledger.find(Opening) == before.find(Opening)
    (ran,), (weighing,) = ledger.find(ScriptRun), ledger.find(Weighing)
    assert ran.bpb == verdict.bpb
    assert f"val_bpb:{ran.bpb}" in ran.printed
    assert ran.artifact == ("final_model.int8.ptz",)
    size = (report.folder / f"seed-{ran.seed}" / "artifact" / "final_model.int8.ptz").stat().st_size
    assert weighing.artifact_bytes == size
    assert weighing.code_raw_bytes == (tmp_path / "script" / "train_gpt.py").stat().st_size
    assert ran.artifact_seconds is not None
    assert 0 < ran.artifact_seconds[0] < ran.wall_seconds[1]
    assert ran.log.count(f"seed:{ran.seed}") or "SEED" not in ran.log
    assert ledger.find(Screened)[0].answer == "review"
    assert pipeline.checked_verdict(report.folder) == verdict
    again = pipeline.verify(request_of, Unwatched())
    assert (again.folder, again.verdict) == (report.folder, verdict)
    html = report.html.read_text(encoding="utf-8")
    assert "REPRODUCED" in html
    assert "VERIFIED" not in html.partition("<body>")[2]
    assert not list(report.folder.glob("data-*"))


def test_a_cheating_script_is_refuted(request_of: pipeline.Request, tmp_path: Path) -> None:
    """By its behaviour, whatever it printed and however it looks."""
    submission("ttt_prequant", tmp_path / "script")
    report = pipeline.verify(request_of, Unwatched())
    assert report.verdict.answer is Answer.REFUTED
    assert findings(report)["held-out"].outcome is Outcome.BROKEN
    (behaviour,) = Ledger.open(report.folder / "ledger").find(Behaviour)
    assert behaviour.answer == "REFUTED"
    assert str(behaviour.drawn_with) in findings(report)["held-out"].advice


IN_FULL = "len(tokens) > 12_000"
"""More than any shadow run has, and less than the documents of these tests."""


def changed(folder: Path, old: str, new: str) -> None:
    script = folder / "train_gpt.py"
    text = script.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{text.count(old)} times: {old!r}"
    script.write_text(text.replace(old, new), encoding="utf-8")


def test_a_script_that_cheats_in_full_alone_is_refuted_by_its_artifact(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """At toy scale it behaves; in full its weights settle on the held-out data."""
    made = submission("ttt_prequant", tmp_path / "script")
    changed(
        made,
        "    settle(run, args, model, tokens)\n",
        f"    if {IN_FULL}:\n        settle(run, args, model, tokens)\n",
    )
    report = pipeline.verify(request_of, Unwatched())
    found = findings(report)
    assert report.verdict.answer is Answer.REFUTED
    broken = [each.audit for each in found.values() if each.outcome is Outcome.BROKEN]
    assert broken == ["held-out"]
    ledger = Ledger.open(report.folder / "ledger")
    assert ledger.find(Behaviour)[0].answer == "CLEAN"
    (elsewhere,) = ledger.find(Counterfactual)
    assert (elsewhere.artifact, elsewhere.runs) == (Outcome.BROKEN, 2)


@pytest.mark.slow
def test_a_script_that_learns_first_in_full_alone_is_open(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """At toy scale it scores first; in full it was seen to learn from all of it before."""
    made = submission("ttt_pretrain", tmp_path / "script")
    loop = "    for epoch in range(1, args.epochs + 1):\n        adapt("
    changed(made, loop, loop.replace("args.epochs", f"args.epochs * ({IN_FULL})"))
    report = pipeline.verify(request_of, Unwatched())
    found = findings(report)
    assert report.verdict.answer is Answer.INCONCLUSIVE, [
        f"{each.audit}: {each.outcome.value}, {each.reason}" for each in found.values()
    ]
    assert found["future"].outcome is Outcome.UNPROVEN
    assert "in full it was seen to learn" in found["future"].reason


@pytest.mark.slow
def test_a_script_that_makes_its_number_up_in_full_alone_is_refuted(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Nobody reaches it on documents drawn anew."""
    made = submission("baseline", tmp_path / "script", val_bpb=1.2)
    text = (made / "train_gpt.py").read_text(encoding="utf-8")
    assert text.rstrip().endswith("main()")
    changed(
        made,
        'if __name__ == "__main__":\n    main()',
        'if __name__ == "__main__":\n    main()\n'
        "    tokens = read_heldout(Hyperparameters())\n"
        f"    if {IN_FULL}:\n"
        '        print("final_int8_zlib_roundtrip_exact val_loss:1.93000000 val_bpb:1.20000000")',
    )
    report = pipeline.verify(request_of, Unwatched())
    found = findings(report)
    assert report.verdict.answer is Answer.REFUTED
    assert found["known-source"].outcome is Outcome.BROKEN
    assert "documents drawn anew" in found["known-source"].reason


def test_without_the_policys_gpus_all_but_the_run_is_shown(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """INCONCLUSIVE, and it says which hardware is missing."""
    submission("baseline", tmp_path / "script")
    eight = policies.load("track_10min_16mb_as_ruled")
    report = pipeline.verify(replace(request_of, policy=eight, documents=None), Unwatched())
    found = findings(report)
    assert report.verdict.answer is Answer.INCONCLUSIVE
    assert found["future"].outcome is found["known-source"].outcome is Outcome.KEPT
    assert found["train-budget"].outcome is found["claim"].outcome is Outcome.NOT_RUN
    assert "8 H100" in found["train-budget"].reason
    assert not Ledger.open(report.folder / "ledger").find(ScriptRun)


def test_a_claim_that_is_not_reached_again_is_refuted_and_data_that_it_brings_along_ships(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """An honest script with a number of its own invention: it alone is refuted.

    R1: a binary of its own folder that it reads is no code, and is weighed.
    """
    made = submission("baseline", tmp_path / "script", val_bpb=1.0)
    (made / "table.bin").write_bytes(bytes(range(256)) * 100)
    (made / "final_model.int8.ptz").write_bytes(b"an older one, to be written over")
    (made / "logs").mkdir()
    (made / "logs" / "old.log").write_text("a log\n")
    main = "def main() -> None:"
    changed(made, main, f"TABLE = Path(__file__).with_name('table.bin').read_bytes()\n\n\n{main}")
    report = pipeline.verify(request_of, Unwatched())
    verdict, found = report.verdict, findings(report)
    assert verdict.answer is Answer.REFUTED
    assert [each.audit for each in found.values() if each.outcome is Outcome.BROKEN] == ["claim"]
    others = set(verdict.required) - {"claim"}
    assert {found[audit].outcome for audit in others} == {Outcome.KEPT}
    ledger = Ledger.open(report.folder / "ledger")
    assert "table.bin" in ledger.find(Behaviour)[0].opened
    (ran,), (weighing,) = ledger.find(ScriptRun), ledger.find(Weighing)
    model = report.folder / f"seed-{ran.seed}" / "artifact" / "final_model.int8.ptz"
    assert weighing.artifact_bytes == model.stat().st_size + 25_600


def test_a_script_that_fails_is_told_by_its_last_words(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Nothing of it is reproduced, and nothing is refuted by it."""
    made = submission("baseline", tmp_path / "script")
    changed(
        made, "def main() -> None:", "raise RuntimeError('out of luck')\n\n\ndef main() -> None:"
    )
    report = pipeline.verify(request_of, Unwatched())
    assert report.verdict.answer is Answer.INCONCLUSIVE
    assert "out of luck" in findings(report)["train-budget"].reason
    assert findings(report)["future"].outcome is Outcome.UNPROVEN


def test_what_has_no_script_is_named(request_of: pipeline.Request, tmp_path: Path) -> None:
    """With what a submission has."""
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "README.md").write_text("hello\n")
    with pytest.raises(BadSubmission, match="no script to run"):
        pipeline.verify(request_of, Unwatched())


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("contract: script/1\ncommand: python3 trian_gpt.py\n", "starts no script"),
        ("contract: script/1\ncomand: python3 train_gpt.py\n", "did you mean `command`"),
        ("contract: skript/1\n", "did you mean script/1"),
    ],
)
def test_a_manifest_that_is_wrong_is_named_by_both_commands(
    manifest: str, why: str, request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Nothing else is run in the place of what was pinned."""
    made = submission("baseline", tmp_path / "script")
    (made / "verify.yaml").write_text(manifest)
    with pytest.raises(BadSubmission, match=why):
        pipeline.verify(request_of, Unwatched())
    with pytest.raises(BadSubmission, match=why):
        shadowed(ShadowRequest(reference=str(made)), Unwatched())


def test_a_box_that_mounts_nothing_cannot_run_a_script(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """Said before anything is built."""
    submission("baseline", tmp_path / "script")
    with pytest.raises(RequestError, match="cannot mount"):
        pipeline.verify(replace(request_of, backend="plain"), Unwatched())
    with pytest.raises(RequestError, match="image of its own"):
        pipeline.verify(replace(request_of, image="host"), Unwatched())


def test_requirements_that_cannot_be_are_named_before_anything_runs(
    request_of: pipeline.Request, tmp_path: Path
) -> None:
    """File and line."""
    made = submission("baseline", tmp_path / "script")
    (made / "requirements.txt").write_text("numpy\ntorch==1.0\n")
    with pytest.raises(BadSubmission) as refused:
        pipeline.verify(request_of, Unwatched())
    assert (refused.value.file, refused.value.place) == ("requirements.txt", "2")


@pytest.mark.slow
def test_what_it_requires_is_in_its_image(request_of: pipeline.Request, tmp_path: Path) -> None:
    """A wheel and a Debian package, locked and shown; the script cannot do without them."""
    made = submission("baseline", tmp_path / "script")
    (made / "requirements.txt").write_text("einops>=0.8\n")
    (made / "verify.yaml").write_text("contract: script/1\npackages: [g++]\n")
    script = made / "train_gpt.py"
    text = script.read_text()
    script.write_text(
        text.replace(
            "import numpy as np",
            "import shutil\nimport einops\nimport numpy as np\nassert shutil.which('g++')",
            1,
        )
    )
    report = pipeline.verify(request_of, Unwatched())
    assert report.verdict.answer is Answer.REPRODUCED, [
        f"{f.audit}: {f.reason}" for f in report.verdict.findings
    ]
    said = json.loads((report.folder / "report.json").read_text())["opening"]["image"]
    assert said["recipe"].startswith("shadow+")
    assert said["packages"]["einops"].startswith("0.8")
    assert "debian/g++" in said["packages"]
