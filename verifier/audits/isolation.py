"""Were the walls as strong as the policy asks, around the image that was pinned? (R3, DESIGN §6)

A weak wall is ours, never the submission's, so this is never broken. Attempts that a wall stopped
are disclosed here and change nothing: the wall held. Must never take a box for granted that nobody
read back.
"""

from __future__ import annotations

from typing import Any

from verifier.audits.audit import Audit, Reading, kept, not_run, unproven
from verifier.policy import Policy
from verifier.records import Assurance, Evidence

SHOWN = 20


def read(evidence: Evidence, policy: Policy) -> Reading:
    """The weakest box and its root against what the policy asks."""
    if not evidence.boxes:
        return not_run("no box was read back")
    least = Assurance[policy.isolation.least_assurance]
    weakest = min(evidence.boxes, key=lambda box: box.assurance)
    shown: dict[str, Any] = {
        "weakest": weakest.assurance.name,
        "least": least.name,
        "backend": weakest.backend,
        "lacking": sorted({wall for box in evidence.boxes for wall in box.lacking}),
        "image": evidence.opening.image.root_digest,
        "stopped_attempts": attempts(evidence)[:SHOWN],
    }
    level = min(weakest.assurance, evidence.opening.assurance)
    if level < least:
        return unproven(
            f"the boxes reached {level.name}; the policy asks {least.name}",
            "run where stronger walls can be built: what these lack is listed",
            **shown,
        )
    if policy.isolation.pinned_image and not evidence.opening.image.pinned:
        reason = "the image was not pinned: nobody knows exactly what ran"
        return unproven(reason, "build the locked image (`verifier image build`)", **shown)
    strange = [b.label for b in evidence.boxes if b.root_digest != shown["image"]]
    if strange:
        return unproven(f"the {strange[0]} box had another root than the image", **shown)
    return kept(f"every box had {level.name} walls and the same root", **shown)


def attempts(evidence: Evidence) -> list[str]:
    """What walls stopped, as far as the backend saw it, in words."""
    return [f"{hit.phase}: {what}" for hit in evidence.wall_hits for what in hit.attempts]


AUDIT = Audit(
    "isolation",
    "The boxes' walls are as strong as the policy asks.",
    "R3, DESIGN §6",
    read,
)
