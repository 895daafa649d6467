"""Are the bytes in the denominator those of the documents? (R8, PROTOCOL §5)

Must never trust a table of token lengths: the competition's own is only reported beside the count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from verifier.audits.audit import Audit, Reading, kept, unproven
from verifier.policy import Policy
from verifier.records import Evidence

SPELL = "make the pieces of a document's tokens spell the document, byte by byte"


def read(evidence: Evidence, _: Policy) -> Reading:
    """Every document is spelled by its tokens, and the byte counts add up."""
    held_out = evidence.held_out
    shown: dict[str, Any] = {
        "document_bytes": held_out.document_bytes,
        "table_bytes": held_out.table_bytes,
        "unspelled": held_out.unspelled,
    }
    if held_out.document_bytes <= 0:
        return unproven("the documents have no bytes", **shown)
    if int(np.sum(held_out.byte_counts)) != held_out.document_bytes:
        return unproven("the documents' bytes do not add up to the total", **shown)
    if len(held_out.byte_counts) != len(held_out.target_counts):
        return unproven("not every document has both a byte and a target count", **shown)
    if held_out.unspelled:
        first = held_out.first_unspelled
        reason = f"{held_out.unspelled} documents are not spelled by their tokens, first {first}"
        return unproven(reason, SPELL, **shown)
    reason = f"{held_out.document_bytes:,} bytes, spelled by the tokens"
    if held_out.table_bytes is not None and held_out.table_bytes != held_out.document_bytes:
        reason += f" ({held_out.table_bytes:,} by the competition's table)"
    return kept(reason, **shown)


AUDIT = Audit(
    "bytes",
    "The bytes divided by are those of the held-out documents.",
    "R8, PROTOCOL §5",
    read,
)
