"""What is said of a script's behaviour? The records; no behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from verifier.records import Tested


class Behaviour(StrEnum):
    """The answer. REFUTED is a proof or a counterexample; CLEAN never means verified."""

    REFUTED = "REFUTED"
    CLEAN = "CLEAN"
    INCONCLUSIVE = "INCONCLUSIVE"


class Family(StrEnum):
    """Which kind of violation: what classes of RULES.md §2 show alike from outside."""

    LEARNED = "learned before scoring"
    """TTT_*, TWO_PASS, SLOT: a counted score comes from what its own token had changed."""
    ARTIFACT = "held-out data in the artifact"
    """TTT_PREQUANT, TRAIN_ON_VAL, GPTQ_VALCALIB."""
    NO_DISTRIBUTION = "no distribution"
    """NGRAM_*, MIXER_NONNORM, PPM_C2: what was spent is less than any distribution spends."""
    BYTES = "bytes miscounted"
    """BYTE_*."""
    PARTIAL = "not every token counted"
    """PARTIAL_VAL."""
    LATE_TRAINING = "training data after the limit"
    """GPTQ_EVAL_TRAINDATA."""
    CARRIED = "learned beyond its document"
    """A counted score depends on an earlier document, where a policy demands resets."""
    CHOSEN = "chosen by outcome"
    """TTT_MULTIEPOCH with the least of several visits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """One condition that was violated.

    `variant` names the run that showed it, `clause` is that of RULES.md (C1 to C4, R1 to R8),
    `said` one sentence with the counterexample, `evidence` the figures behind it.
    """

    variant: str
    family: Family
    clause: str
    said: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: which variant, how it ended, what it printed last. `seconds` are the host's."""

    variant: str
    seconds: float
    ended: str
    printed: str
    loss: float | None
    bpb: float | None
    memory_peak_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """The answer about one script, and all that it rests on.

    `tested` says in sentences what was tried and held; `missing` why the answer is not CLEAN where
    nothing was violated; `conditions` are the same, one by one; `artifact` are the files that it
    leaves and reads back, `opened` those that were handed in and that it reads, `elsewhere` the
    paths of files that it makes and reads and does not leave; `kept` are the switches left on, as
    documented, `scaled` what was made small: variable → (from, to). `seed` draws the same documents
    again.
    """

    answer: Behaviour
    conclusions: tuple[Conclusion, ...]
    tested: tuple[str, ...]
    missing: tuple[str, ...]
    conditions: tuple[Tested, ...]
    artifact: tuple[str, ...]
    opened: tuple[str, ...]
    elsewhere: tuple[str, ...]
    notes: tuple[str, ...]
    runs: tuple[Ran, ...]
    entry: str
    command: str
    kept: tuple[str, ...]
    scaled: Mapping[str, tuple[str, str]]
    seed: int
    seconds: float
