"""Does asking change later answers? (PROTOCOL §2, §4.5b)

Must never be more certain than the replay that it reads.
"""

from __future__ import annotations

from verifier.audits.audit import Audit
from verifier.audits.replayed import judge_of

AUDIT = Audit(
    "purity",
    "Asking for a score or a prediction changes no later answer.",
    "R5, PROTOCOL §2",
    judge_of("purity"),
)
