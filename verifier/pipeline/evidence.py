"""From a ledger to a verdict, and what people do with a finished one. Runs nothing."""

from __future__ import annotations

from pathlib import Path

from verifier import policy as policies
from verifier import report as reports
from verifier import signature
from verifier.errors import LedgerDamaged, RequestError
from verifier.ledger import Ledger
from verifier.pipeline.request import Rechecked, Report, Request
from verifier.records import Verdict
from verifier.verdict import decide
from verifier.watch import Watch


def conclude(ledger: Ledger, key: signature.Key, request: Request, watch: Watch) -> Report:
    """Decide from the ledger alone, sign its head, write the reports beside it."""
    folder = ledger.folder.parent
    finished = ledger.find(Verdict)
    if finished:
        watch.note("already decided: the finished verdict is shown again")
    verdict = finished[-1] if finished else decide(ledger.evidence(), request.policy.policy)
    if not finished:
        ledger.append(verdict)
    signature.sign_head(key, ledger.folder, ledger.head)
    html = reports.write(folder, ledger.evidence(), verdict)
    return Report(verdict=verdict, folder=folder, html=html)


def ledger_folder(folder: Path) -> Path:
    """The ledger in a run's folder, the folder itself, or where its `ledger.jsonl` lies."""
    if folder.name == "ledger.jsonl":
        return folder.parent
    inside = folder / "ledger"
    return inside if (inside / "ledger.jsonl").exists() else folder


def recheck(folder: Path) -> Rechecked:
    """Decide again from a finished ledger, offline, and compare.

    Raises LedgerDamaged when a hash, an array, the signature or the stored verdict is not what it
    should be, RequestError when there is no finished ledger.
    """
    place = ledger_folder(folder)
    ledger = _finished(place)
    (*_, stored) = ledger.find(Verdict)
    signed = (place / signature.SIGNATURE_FILE).exists()
    key = signature.verify_head(place, ledger.head) if signed else None
    policy = policies.load(str(place / "policy.yaml"))
    evidence = ledger.evidence()
    verdict = decide(evidence, policy.policy)
    if verdict != stored:
        raise LedgerDamaged(
            f"the evidence says {verdict.answer.value}, the ledger {stored.answer.value}",
            file=place / "ledger.jsonl",
            place="verdict",
            remedy="the verdict was written by another version of the rules, or altered",
        )
    return Rechecked(
        verdict=verdict,
        key=key,
        run_under=evidence.opening.public_key,
        self_run=evidence.opening.self_run,
        policy_digest=policy.digest,
        policy_as_shipped=policies.as_shipped(policy),
    )


def _opened(place: Path) -> Ledger:
    if not place.exists():
        raise RequestError(f"{place}: there is no such folder")
    if not (place / "ledger.jsonl").exists():
        raise RequestError(f"{place} holds no ledger", remedy="name the folder of a run")
    return Ledger.open(place)


def _finished(place: Path) -> Ledger:
    ledger = _opened(place)
    if not ledger.find(Verdict):
        raise RequestError(
            f"{place} holds no finished verdict", remedy="finish it with `verifier verify` first"
        )
    return ledger


def sign(folder: Path, key: Path | None) -> str:
    """Sign a finished ledger's head. Returns the public key, hex.

    Raises RequestError when there is no verdict to sign.
    """
    place = ledger_folder(folder)
    ledger = _finished(place)
    loaded = signature.load_or_create(key)
    signature.sign_head(loaded, place, ledger.head)
    return loaded.public_hex


def verify_signature(folder: Path) -> str:
    """The public key, hex, whose signature covers this ledger's head.

    Raises LedgerDamaged when there is none or it does not fit.
    """
    place = ledger_folder(folder)
    return signature.verify_head(place, _opened(place).head)


def report(folders: list[Path], out: Path, watch: Watch) -> Path:
    """Write the pages of finished ledgers again, and an index over several.

    A folder that holds no finished run, or a damaged one, is noted and listed in the index with
    the reason. Raises RequestError when none is finished.
    """
    finished: list[Path] = []
    unread: dict[Path, str] = {}
    with watch.phase("pages", len(folders)) as progress:
        for folder in folders:
            try:
                ledger = _finished(ledger_folder(folder))
                (*_, verdict) = ledger.find(Verdict)
                reports.write(folder, ledger.evidence(), verdict)
                finished.append(folder)
            except RequestError as fault:
                unread[folder] = str(fault)
                watch.note(f"no verdict: {fault}")
            progress.advance(1)
    if not finished:
        raise RequestError(
            "none of these runs is finished", remedy="finish one with `verifier verify` first"
        )
    return reports.index(finished, out, unread)
