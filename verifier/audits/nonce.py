"""Is the nonce the one that was committed, and the key's own? (PROTOCOL §4.1)"""

from __future__ import annotations

from verifier import signature
from verifier.records import Evidence


def opened(evidence: Evidence) -> bytes | str:
    """The nonce, or in words why it cannot be relied on."""
    if evidence.nonce is None:
        return "the nonce was never opened"
    opening = evidence.opening
    try:
        nonce, signed = bytes.fromhex(evidence.nonce.nonce), bytes.fromhex(evidence.nonce.signature)
    except ValueError:
        return "the nonce is not hexadecimal"
    if signature.commitment(nonce) != opening.nonce_commitment:
        return "the nonce is not the one that was committed before the pass"
    digest, attempt = opening.submission.digest, opening.attempt
    if not signature.check_nonce(opening.public_key, digest, attempt, nonce, signed):
        return "the nonce was not signed by the verifier's key"
    return nonce
