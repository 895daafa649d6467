"""What was handed over? A run's folder, a ledger, a bundle, or the address of one.

Of a bundle all parts lie in a scratch folder; of a run here they lie in this machine's store. Must
never look for a bundle's parts anywhere but in the bundle.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from verifier import bundle, store
from verifier import submission as submissions
from verifier.errors import BundleCut, RequestError, StorageFault
from verifier.records import Weighing
from verifier.watch import Watch

LEDGER, EVENTS = "ledger", "ledger.jsonl"
SUBMISSION_TAR = "submission.tar"
REPORTS = ("report.html", "report.json", "report.md")
WHEELS = "image/requirements.lock"
LOCKS = ("image/debs.lock", WHEELS)


def shipment_tar(seed: int) -> str:
    """Where a bundle has what one seed was scored with."""
    return f"shipments/seed-{seed}.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """`ledger` is its folder; `unpacked` a bundle's, with the `files` in it, None for a run here.

    `sha256` and `file_bytes` are the bundle's.
    """

    named: str
    ledger: Path
    unpacked: Path | None
    scratch: Path
    files: tuple[str, ...] = ()
    sha256: str = ""
    file_bytes: int = 0


def open_handed(named: str, scratch: Path, watch: Watch) -> Handed:
    """Open what `named` says; bundles are fetched and unpacked into `scratch`.

    Raises RequestError where there is nothing of the kind, BundleCut where a bundle is not whole,
    BundleDamaged where it is none of ours, MachineFault and StorageFault.
    """
    if "://" in named:
        fetched = scratch / "fetched"
        bundle.fetch(named, fetched, watch)
        return _bundle(named, fetched, scratch, watch)
    path = Path(named)
    if path.is_dir() or path.name == EVENTS:
        return Handed(named=named, ledger=ledger_folder(path), unpacked=None, scratch=scratch)
    if not path.exists():
        raise RequestError(f"{path}: there is no such folder or bundle")
    return _bundle(named, path, scratch, watch)


def ledger_folder(folder: Path) -> Path:
    """The ledger in a run's folder, the folder itself, or where its `ledger.jsonl` lies."""
    if folder.name == EVENTS:
        return folder.parent
    inside = folder / LEDGER
    return inside if (inside / EVENTS).exists() else folder


def _bundle(named: str, path: Path, scratch: Path, watch: Watch) -> Handed:
    if not path.is_file():
        raise BundleCut("is no bundle", file=path, remedy="`verifier bundle RUN` makes one")
    with watch.phase("unpack the bundle", None):
        files = bundle.unpack(path, scratch / "bundle")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Handed(
        named=named,
        ledger=scratch / "bundle" / LEDGER,
        unpacked=scratch / "bundle",
        scratch=scratch,
        files=files,
        sha256=digest,
        file_bytes=path.stat().st_size,
    )


# ---------------------------------------------------------------- where a part lies


def submission_folder(handed: Handed, digest: str) -> Path:
    """The frozen submission. A bundle's was unpacked by `belonging.submission`.

    Raises RequestError where this machine's store no longer has it.
    """
    if handed.unpacked is not None:
        return handed.scratch / "submission"
    folder = store.root() / "submissions" / digest
    if not folder.is_dir():
        raise RequestError(
            f"the store no longer has the submission {digest[:12]}",
            remedy="verify it again, or name a bundle",
        )
    return folder


def shipment_folder(handed: Handed, weighing: Weighing) -> Path:
    """What the scoring box gets. A bundle's was unpacked by `belonging.shipment`.

    Raises RequestError where this machine's store no longer has it.
    """
    if handed.unpacked is not None:
        return handed.scratch / f"shipment-{weighing.seed}"
    try:
        return submissions.extracted(store.root() / "shipments", weighing.shipment_digest)
    except StorageFault as missing:
        raise RequestError(
            f"the store no longer has what was scored: {missing.message}",
            remedy="verify it again, or name a bundle",
        ) from missing
