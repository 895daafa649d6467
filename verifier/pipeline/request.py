"""What is asked of the pipeline, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verifier.policy import PolicyFile
from verifier.records import PreviousRow, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One verification.

    `seeds` None: as many as the policy says; fewer make a spot check. `backend`: auto, docker,
    local, or a backend's own name. `image`: pinned or host. `organizer`: the key is not the
    submitter's own. `documents` None: the whole held-out set; a number takes that many, which
    ones `documents_salt` says (never a record: another manifest digest).
    """

    reference: str
    policy: PolicyFile
    out: Path
    seeds: int | None = None
    scorers: int = 1
    backend: str = "auto"
    image: str = "pinned"
    key: Path | None = None
    organizer: bool = False
    data: Path | None = None
    previous: PreviousRow | None = None
    documents: int | None = None
    documents_salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finished verification: the verdict, its folder (ledger inside) and the page for people."""

    verdict: Verdict
    folder: Path
    html: Path
