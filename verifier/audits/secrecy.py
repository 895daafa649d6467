"""Was held-out text in anything that a box could read? (R3, R4, PROTOCOL §7)

Found in what a submission brought or trained, it is a paid prefix: broken. Found in our image it is
our mistake, and what cannot be read there is only listed: the image is pinned. Must never pass a
part that nobody scanned.
"""

from __future__ import annotations

import math
from typing import Any

from verifier.audits.audit import Audit, Reading, broken, each_seed, kept, not_run, unproven
from verifier.policy import Policy
from verifier.records import Evidence, Secrecy, SeedEvidence

SHOWN = 5
PARTS = ("image", "submission", "artifact")


def judge(_: Evidence, seed: SeedEvidence, policy: Policy) -> Reading:
    """The worst document's share of windows, in each part."""
    limit = policy.secrecy.share_at_most
    ours = [scan for scan in seed.secrecy if scan.scanned == "image"]
    theirs = [scan for scan in seed.secrecy if scan.scanned != "image"]
    if found := _worst(theirs, limit):
        return broken(
            f"{found.worst_share:.0%} of a held-out document stands in {found.worst_file}",
            "train on the training side alone",
            **_shown(found),
        )
    if found := _worst(ours, limit):
        return unproven(
            f"the image holds {found.worst_share:.0%} of a held-out document", **_shown(found)
        )
    missing = [part for part in PARTS if not any(part in scan.scanned for scan in seed.secrecy)]
    if missing:
        return not_run(f"not scanned: {', '.join(missing)}")
    if any(
        scan.windows <= 0 or scan.files <= 0 or math.isnan(scan.worst_share)
        for scan in seed.secrecy
    ):
        return unproven("a scan had no windows to look for, or no files to look in")
    unread = [name for scan in theirs for name in scan.unread]
    if unread:
        advice = "leave no archives that unpack to so much"
        return unproven(f"could not be read: {unread[0]}", advice, unread=unread[:SHOWN])
    worst = max(seed.secrecy, key=lambda scan: scan.worst_share)
    reason = f"at most {worst.worst_share:.1%} of any held-out document in any file"
    return kept(reason, **_shown(worst))


def _worst(scans: list[Secrecy], limit: float) -> Secrecy | None:
    """The scan that found most, if that is more than `limit`."""
    over = [scan for scan in scans if scan.worst_share > limit]
    return max(over, key=lambda scan: scan.worst_share, default=None)


def _shown(scan: Secrecy) -> dict[str, Any]:
    return {
        "scanned": scan.scanned,
        "files": scan.files,
        "windows": scan.windows,
        "worst_share": scan.worst_share,
        "worst_document": scan.worst_document,
        "worst_file": scan.worst_file,
        "unread": list(scan.unread[:SHOWN]),
    }


AUDIT = Audit(
    "secrecy",
    "No held-out text is in anything that a box can read.",
    "R3, R4, PROTOCOL §7",
    each_seed(judge),
)
