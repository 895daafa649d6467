"""What does each pull request of a clone add? Worked out once for its main branch and its heads.

The same two thousand answers as long as no head and no main has moved: a second triage reads them
from what was kept.
"""

from __future__ import annotations

import hashlib
import json

from verifier.history.library import Library
from verifier.screening.written import Mismatch, from_json, to_json
from verifier.submission.pull_request import PullRequest, pull_requests
from verifier.submission.repository import Repository


def every_request(repository: Repository, library: Library) -> tuple[PullRequest, ...]:
    """Every pull request whose head the clone has, ascending. Raises as `pull_requests` does."""
    said = json.dumps([repository.main, list(repository.heads.items())])
    key = f"requests {hashlib.sha256(said.encode()).hexdigest()}"
    kept = library.recalled(key)
    if kept is not None:
        try:
            return tuple(from_json(PullRequest, each) for each in json.loads(kept))
        except (ValueError, TypeError, Mismatch):
            pass  # damaged: worked out anew
    found = pull_requests(repository)
    library.keep(key, json.dumps([to_json(each) for each in found]).encode())
    return found
