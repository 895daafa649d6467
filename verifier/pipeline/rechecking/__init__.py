"""Can a stranger test a verdict? A run's folder, a ledger, a bundle or an address, at three depths.

*arithmetic*: hashes, chain, nonce, roots, sum and verdict, and in a bundle that all parts belong
together. *data*: tokens, bytes and boundaries against the held-out text itself. *rescore*: drawn
documents scored again, here, from the bundle's artifact. Each says what it proved and what not.

What was forged is a finding, never an exception; who is trusted is its reader's word (ADR 19).
"""

from verifier.pipeline.rechecking.findings import Depth, Looked, Rechecked
from verifier.pipeline.rechecking.recheck import (
    Asked,
    Signature,
    checked_verdict,
    recheck,
    sign,
    verify_signature,
)
from verifier.pipeline.rechecking.trust import Signer, Standing, read_trusted

__all__ = [
    "Asked",
    "Depth",
    "Looked",
    "Rechecked",
    "Signature",
    "Signer",
    "Standing",
    "checked_verdict",
    "read_trusted",
    "recheck",
    "sign",
    "verify_signature",
]
