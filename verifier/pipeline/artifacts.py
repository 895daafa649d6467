"""Which artifact did this submission leave last? So that a changed scorer needs no new training.

One small file a submission in the store: whose folder, which shipment, and the digest of each of
its files then. Must never be taken for evidence: only `try` looks here, and it gives no verdict.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier import submission as submissions
from verifier.errors import StorageFault
from verifier.scratch import beside_of
from verifier.submission import Submission
from verifier.submission.manifest import MANIFEST_NAME

FOLDER = "artifacts"
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An artifact that was left before: its folder, by whose run, and which files changed since."""

    folder: Path
    by: str
    changed: tuple[str, ...]


def keep(store: Path, reference: str, submission: Submission, shipment: str, by: str) -> None:
    """Note that `by` ("verify" or "try") trained `reference` and left the shipment of this digest.

    Nothing that runs depends on it: where it cannot be written, it is not.
    """
    said = {"shipment": shipment, "by": by, "files": digests(submission)}
    place = _place(store, reference)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        making = beside_of(place)
        making.write_text(json.dumps(said), encoding="utf-8")
        making.replace(place)


def kept(store: Path, reference: str, submission: Submission) -> Kept | None:
    """What the last run of `reference` left; None where there is nothing, or it is gone."""
    try:
        said: Any = json.loads(_place(store, reference).read_text(encoding="utf-8"))
        shipment, by, files = said["shipment"], said["by"], dict(said["files"])
        tree = submissions.extracted(store / "shipments", str(shipment))
    except (OSError, ValueError, KeyError, TypeError, StorageFault):
        return None
    return Kept(folder=tree / "artifact", by=str(by), changed=_changed(files, digests(submission)))


def digests(submission: Submission) -> dict[str, str]:
    """sha256 of verify.yaml and of each source file."""
    names = (MANIFEST_NAME, *submission.code)
    return {name: _sha256(submission.folder / name) for name in names}


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _place(store: Path, reference: str) -> Path:
    path = Path(reference)
    named = str(path.resolve()) if path.exists() else reference
    return store / FOLDER / f"{hashlib.sha256(named.encode()).hexdigest()}.json"
