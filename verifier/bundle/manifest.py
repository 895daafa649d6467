"""What does a bundle say that it is? One canonical JSON file, made again by its reader.

Must never be believed: whoever reads a bundle makes the manifest again from the ledger and the
files that are there, and compares once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "bundle.json"
FORMAT = "golf-verifier bundle/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the ledger in a bundle names. Digests in hex; `score_roots` in the order of seeds."""

    verifier_version: str
    submission: str
    policy: str
    image: str
    shipments: tuple[str, ...]
    score_roots: tuple[str, ...]
    ledger_head: str


def manifest(named: Named, folder: Path, paths: tuple[str, ...]) -> bytes:
    """The manifest's bytes for the files `paths` of `folder`. Raises OSError."""
    listed = {path: _file(folder / path) for path in sorted(paths)}
    body = {
        "format": FORMAT,
        "verifier": named.verifier_version,
        "submission": named.submission,
        "policy": named.policy,
        "image": named.image,
        "shipments": list(named.shipments),
        "score_roots": list(named.score_roots),
        "ledger_head": named.ledger_head,
        "files": listed,
    }
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def _file(path: Path) -> Mapping[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
