"""Is the held-out data the policy's own? (R6)

A number over other documents, or over some of them, is a number; it is not the one that a policy
asks for or a claim is about.
"""

from __future__ import annotations

from verifier.policy import Policy
from verifier.records import Evidence


def other_data(evidence: Evidence, policy: Policy) -> str:
    """Why this is not the policy's data, or ""."""
    held_out, rule = evidence.held_out, policy.data
    documents = len(held_out.target_counts)
    if not documents:
        return "the held-out data was not opened"
    if rule.manifest is not None and held_out.manifest_digest != rule.manifest:
        return f"these {documents:,} documents are not the policy's held-out data, or not all of it"
    if rule.documents is not None and documents != rule.documents:
        return f"{documents} documents; the policy scores {rule.documents}"
    return ""
