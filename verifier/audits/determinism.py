"""Do the same calls to a fresh box give the same answers? (PROTOCOL §2, §4.5a)

Must never be more certain than the replay that it reads.
"""

from __future__ import annotations

from verifier.audits.audit import Audit
from verifier.audits.replayed import judge_of

AUDIT = Audit(
    "determinism",
    "The same calls to a fresh box give the same answers.",
    "PROTOCOL §2",
    judge_of("determinism"),
)
