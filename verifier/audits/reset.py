"""Is what was learned from one batch or row gone before the next? (R5, PROTOCOL §4.5a, c)

Must never be more certain than the replay that it reads.
"""

from __future__ import annotations

from verifier.audits.audit import Audit
from verifier.audits.replayed import judge_of

AUDIT = Audit(
    "reset",
    "What was learned from one batch or row is gone before the next.",
    "R5, PROTOCOL §4.5",
    judge_of("reset"),
)
