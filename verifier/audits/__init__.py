"""Was each rule kept? One pure function per rule, in one ordered list for each contract.

Each audit reads recorded evidence and a policy and answers Kept, Broken, Unproven or NotRun
(PROTOCOL §8); `docs/audits.md` has a section per id. Must never run anything, swallow an error or
take missing evidence for a pass.
"""

from collections.abc import Mapping

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
    script_budget,
    secrecy,
    shadowed,
    train_budget,
)
from verifier.audits.audit import Audit
from verifier.audits.not_built import PROVENANCE, TWIN

SCORER: tuple[Audit, ...] = (
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
"""What is asked of contract scorer/1, in this order."""

SCRIPT: tuple[Audit, ...] = (
    shadowed.FUTURE,
    shadowed.PAST,
    shadowed.HELD_OUT,
    shadowed.KNOWN_SOURCE,
    shadowed.CHOICE,
    shadowed.LATE_TRAINING,
    shadowed.COVERAGE,
    artifact_size.AUDIT,
    script_budget.TRAIN,
    script_budget.SCORE,
    claim.AUDIT,
    shadowed.BYTES,
    secrecy.AUDIT,
    isolation.AUDIT,
    PROVENANCE,
    TWIN,
)
"""What is asked of contract script/1; several ids ask another question there."""

REGISTRY: Mapping[str, tuple[Audit, ...]] = {"scorer/1": SCORER, "script/1": SCRIPT}

__all__ = ["REGISTRY", "SCORER", "SCRIPT", "Audit"]
