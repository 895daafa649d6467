"""Is the score a full distribution, fixed before the token is known? (C2, PROTOCOL §4.5d)

Must never be more certain than the replay that it reads.
"""

from __future__ import annotations

from verifier.audits.audit import Audit
from verifier.audits.replayed import judge_of

AUDIT = Audit(
    "normalization",
    "Scores are the logarithms of one distribution over all symbols.",
    "C2, PROTOCOL §4.5d",
    judge_of("normalization"),
)
