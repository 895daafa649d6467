"""Was each rule kept? One pure function per rule, in one ordered list.

Each audit reads recorded evidence and a policy and answers Kept, Broken, Unproven or NotRun
(PROTOCOL §8); `docs/audits.md` has a section per id. Must never run anything, swallow an error or
take missing evidence for a pass.
"""

from verifier.audits import (
    artifact_size,
    byte_count,
    claim,
    coverage,
    determinism,
    isolation,
    lookahead,
    normalization,
    protocol,
    purity,
    record,
    reset,
    score_budget,
    secrecy,
    train_budget,
)
from verifier.audits.audit import Audit
from verifier.audits.not_built import PROVENANCE, TWIN

REGISTRY: tuple[Audit, ...] = (
    lookahead.AUDIT,
    normalization.AUDIT,
    reset.AUDIT,
    purity.AUDIT,
    determinism.AUDIT,
    coverage.AUDIT,
    artifact_size.AUDIT,
    train_budget.AUDIT,
    score_budget.AUDIT,
    claim.AUDIT,
    record.AUDIT,
    byte_count.AUDIT,
    secrecy.AUDIT,
    protocol.AUDIT,
    isolation.AUDIT,
    PROVENANCE,
    TWIN,
)

__all__ = ["REGISTRY", "Audit"]
