"""From a ledger to a verdict, and what people do with a finished one. Runs nothing."""

from __future__ import annotations

from pathlib import Path

from verifier import policy as policies
from verifier import report as reports
from verifier import signature
from verifier.errors import LedgerDamaged, RequestError
from verifier.ledger import Ledger
from verifier.pipeline.preparation import Preparation
from verifier.pipeline.request import Rechecked, Report
from verifier.records import Verdict
from verifier.verdict import decide


def conclude(preparation: Preparation) -> Report:
    """Decide from the ledger alone, sign its head, write the reports."""
    ledger = preparation.ledger
    finished = ledger.find(Verdict)
    if finished:
        preparation.watch.note("already decided: the finished verdict is shown again")
    verdict = finished[-1] if finished else decide(ledger.evidence(), preparation.policy)
    if not finished:
        ledger.append(verdict)
    signature.sign_head(preparation.trial.key, ledger.folder, ledger.head)
    html = reports.write(preparation.folder, ledger.evidence(), verdict)
    return Report(verdict=verdict, folder=preparation.folder, html=html)


def ledger_folder(folder: Path) -> Path:
    """The ledger in a run's folder, or the folder itself."""
    inside = folder / "ledger"
    return inside if (inside / "ledger.jsonl").exists() else folder


def recheck(folder: Path) -> Rechecked:
    """Decide again from a finished ledger, offline, and compare.

    Raises LedgerDamaged when a hash, an array, the signature or the stored verdict is not what it
    should be, RequestError when there is no finished ledger.
    """
    place = ledger_folder(folder)
    ledger = _opened(place)
    stored = ledger.find(Verdict)
    if not stored:
        raise RequestError(
            f"{place} holds no finished verdict", remedy="finish it with `verifier verify` first"
        )
    signed = (place / signature.SIGNATURE_FILE).exists()
    key = signature.verify_head(place, ledger.head) if signed else None
    policy = policies.load(str(place / "policy.yaml")).policy
    evidence = ledger.evidence()
    verdict = decide(evidence, policy)
    if verdict != stored[-1]:
        raise LedgerDamaged(
            f"the evidence says {verdict.answer.value}, the ledger {stored[-1].answer.value}",
            file=place / "ledger.jsonl",
            place="verdict",
            remedy="the verdict was written by another version of the rules, or altered",
        )
    return Rechecked(verdict=verdict, key=key, self_run=evidence.opening.self_run)


def _opened(place: Path) -> Ledger:
    if not (place / "ledger.jsonl").exists():
        raise RequestError(f"{place} holds no ledger", remedy="name the folder of a run")
    return Ledger.open(place)


def sign(folder: Path, key: Path | None) -> str:
    """Sign a finished ledger's head. Returns the public key, hex."""
    place = ledger_folder(folder)
    ledger = _opened(place)
    loaded = signature.load_or_create(key)
    signature.sign_head(loaded, place, ledger.head)
    return loaded.public_hex


def verify_signature(folder: Path) -> str:
    """The public key, hex, whose signature covers this ledger's head.

    Raises LedgerDamaged when there is none or it does not fit.
    """
    place = ledger_folder(folder)
    return signature.verify_head(place, _opened(place).head)


def report(folders: list[Path], out: Path) -> Path:
    """Write the pages of finished ledgers again, and an index over several."""
    for folder in folders:
        ledger = _opened(ledger_folder(folder))
        for verdict in ledger.find(Verdict)[-1:]:
            reports.write(folder, ledger.evidence(), verdict)
    return reports.index(folders, out)
