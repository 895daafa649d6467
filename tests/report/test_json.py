"""report.json: one model, a schema, no NaN, and the same bytes for the same run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.audits import evidence as make
from tests.report import runs
from tests.report.runs import RUNS, files, found, told, written
from tests.report.schema import check
from verifier import report
from verifier.errors import StorageFault
from verifier.ledger import Ledger
from verifier.report.model import Report


def body(name: str) -> Any:
    """A run's report.json; NaN is no JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(files(name)["report.json"], parse_constant=refuse)


@pytest.mark.parametrize("name", RUNS)
def test_every_report_is_what_the_schema_says(name: str) -> None:
    """By the exported JSON Schema alone, and by the model."""
    found = body(name)
    check(found, report.schema())
    assert Report.model_validate_json(json.dumps(found)).model_dump(mode="json") == found


def test_the_schema_refuses_what_is_no_report() -> None:
    """A key too many, one too few, and an answer that does not exist."""
    good = body("verified")
    for bad in (
        good | {"extra": 1},
        {key: value for key, value in good.items() if key != "verdict"},
        good | {"verdict": good["verdict"] | {"answer": "PROBABLY"}},
        good | {"format": "report/0"},
    ):
        with pytest.raises(AssertionError):
            check(bad, report.schema())
        with pytest.raises(ValidationError):
            Report.model_validate(bad)


@pytest.mark.parametrize("name", RUNS)
def test_the_same_run_is_the_same_bytes(name: str, tmp_path: Path) -> None:
    """All three files, however often they are written and wherever to."""
    folder = written(tmp_path / "again", name).parent
    again = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}
    assert again == files(name)
    assert sorted(again) == ["report.html", "report.json", "report.md"]


@pytest.mark.parametrize("name", ["refuted", "several", "no_replay"])
def test_a_ledger_read_back_tells_the_same(name: str, tmp_path: Path) -> None:
    """`verifier report` writes again what `verifier verify` wrote, whatever order maps come in."""
    evidence, verdict = found(name)
    text = make.local().model_dump_json().encode()
    digest = runs.hashlib.sha256(text).hexdigest()
    opening = replace(evidence.opening, policy_digest=digest)
    evidence = replace(evidence, opening=opening)
    with Ledger.create(tmp_path) as ledger:
        ledger.write_policy(text)
        for event in events(evidence):
            ledger.append(event)
        ledger.append(verdict)
    again = Ledger.open(tmp_path)
    policy = make.local()
    told_again = runs.tell(again.evidence(), again.find(type(verdict))[-1], policy)
    assert told_again == runs.tell(evidence, verdict, policy)


def events(evidence: Any) -> list[Any]:
    """What a run of that evidence would have recorded, in order."""
    found = [evidence.opening, evidence.held_out, *evidence.boxes]
    for seed in evidence.seeds:
        parts = (seed.training, seed.weighing, seed.scoring, *seed.chain.values(), seed.replay)
        found += [replace(part, seed=seed.seed) for part in parts if part is not None]
        found += [replace(scan, seed=seed.seed) for scan in seed.secrecy]
    return [*found, evidence.nonce]


def test_what_is_no_number_is_null() -> None:
    """NaN and infinity never reach the file, in any place."""
    found = body("no_numbers")
    seed = found["seeds"][0]
    assert seed["training"]["wall_seconds"] == [None, None]
    assert seed["scoring"]["busy_seconds"] is None
    assert found["opening"]["submission"]["claim"]["val_bpb"] is None
    assert found["previous"] is None


def test_text_is_kept_verbatim_for_machines() -> None:
    """Escaping is each page's own; only a lone surrogate cannot be kept."""
    found = body("hostile")
    assert found["opening"]["submission"]["name"] == runs.HOSTILE.replace("\ud800", "?")
    assert found["previous"]["bpb"] == [1.9, None]


def test_a_map_comes_in_order_of_its_keys() -> None:
    """A ledger keeps no other."""
    evidence, verdict = found("verified")
    for hardware in ({"b": "1", "a": "2"}, {"a": "2", "b": "1"}):
        opening = replace(evidence.opening, hardware=hardware)
        told_ = runs.tell(replace(evidence, opening=opening), verdict, None)
        assert list(told_.opening.hardware) == ["a", "b"]


def test_numpys_scalars_are_plain_numbers() -> None:
    """As a ledger keeps them."""
    evidence, verdict = found("verified")
    figures = {
        "a": np.float64(1.5),
        "b": np.int64(2),
        "c": np.float64("nan"),
        "d": (np.bool_(True),),
    }
    odd = replace(verdict, findings=(replace(verdict.findings[0], evidence=figures),))
    told_ = runs.tell(evidence, odd, None).verdict.findings[0].evidence
    assert told_ == {"a": 1.5, "b": 2, "c": None, "d": [True]}
    assert type(told_["b"]) is int


def test_standing_is_the_verdicts() -> None:
    """Required and disclosed as the verdict lists them; the rest is only listed."""
    standing = {finding.audit: finding.standing for finding in told("verified").verdict.findings}
    assert standing["lookahead"] == "required"
    assert standing["twin"] == "disclosed"
    assert standing["record"] == "listed"


def test_an_audit_that_nobody_has_is_told_without_a_sentence() -> None:
    """A policy may name one that this verifier does not know."""
    evidence, verdict = found("verified")
    strange = replace(verdict.findings[0], audit="horoscope")
    told_ = runs.tell(evidence, replace(verdict, findings=(strange,)), None)
    assert told_.verdict.findings[0].sentence == ""


def test_a_policy_of_another_digest_is_not_the_runs(tmp_path: Path) -> None:
    """Only the file that the run was opened under is quoted."""
    evidence, verdict = found("verified")
    (tmp_path / "policy.yaml").write_bytes(b"name: another\n")
    path = report.write(tmp_path, evidence, verdict).with_name("report.json")
    assert json.loads(path.read_text(encoding="utf-8"))["policy"] is None


def test_the_policy_is_found_beside_a_ledger_too(tmp_path: Path) -> None:
    """`verifier report` may be given the ledger's own folder."""
    written(tmp_path / "run", "verified")
    evidence, verdict = found("verified")
    text = (tmp_path / "run" / "ledger" / "policy.yaml").read_bytes()
    (tmp_path / "policy.yaml").write_bytes(text)
    opening = replace(evidence.opening, policy_digest=runs.hashlib.sha256(text).hexdigest())
    path = report.write(tmp_path, replace(evidence, opening=opening), verdict)
    found_ = json.loads(path.with_name("report.json").read_text(encoding="utf-8"))
    assert found_["policy"]["name"] == "local_cpu"


def test_a_disk_fault_is_ours_and_names_the_file(tmp_path: Path) -> None:
    """StorageFault, never half a page."""
    evidence, verdict = found("verified")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFault, match=r"report\.json"):
        report.write(tmp_path / "file", evidence, verdict)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(StorageFault, match=r"report\.html"):
        report.write(tmp_path, evidence, verdict)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
