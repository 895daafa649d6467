"""Which family must a class of violation show as, if behaviour shows it? (RULES.md §2)

For whoever compares answers with labels; no condition reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.shadow.record import Family

_LEARNED = frozenset({Family.LEARNED, Family.CHOSEN, Family.ARTIFACT})
_MIXED = frozenset({Family.NO_DISTRIBUTION, Family.LEARNED})
_MADE_FROM = frozenset({Family.ARTIFACT, Family.LEARNED})

FAMILIES: Mapping[str, frozenset[Family]] = {
    "TTT_PRETRAIN": _LEARNED,
    "TTT_MULTIEPOCH": _LEARNED,
    "TTT_RESCORE": _LEARNED,
    "TTT_PREQUANT": _MADE_FROM,
    "TRAIN_ON_VAL": _MADE_FROM,
    "PAID_PREFIX": _MADE_FROM | _MIXED,
    "SLOT": _LEARNED,
    "TWO_PASS": _MIXED,
    "NGRAM_HASH": _MIXED,
    "NGRAM_HINDSIGHT": _MIXED,
    "NGRAM_TARGET_GATE": _MIXED,
    "MIXER_NONNORM": _MIXED,
    "PPM_C2": _MIXED,
    "BYTE_DOUBLE_SPACE": frozenset({Family.BYTES}),
    "BYTE_FALLBACK3": frozenset({Family.BYTES}),
    "BYTE_NO_U2581": frozenset({Family.BYTES}),
    "BYTE_DENOM": frozenset({Family.BYTES}),
    "BYTE_HARDCODED": frozenset({Family.BYTES}),
    "PARTIAL_VAL": frozenset({Family.PARTIAL}),
    "GPTQ_EVAL_TRAINDATA": frozenset({Family.LATE_TRAINING}),
    "GPTQ_VALCALIB": _MADE_FROM,
}
"""Classes that behaviour can show, each with the families that are right for it."""
