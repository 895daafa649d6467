"""Is the score one of nearly all held-out tokens, and one that anybody can have reached? (R6)

Both are questions for a person, whatever else is found: a score of a part, and a score that nobody
has reached without a known fault, are not compared with others before somebody has looked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.evidence.data import CANONICAL, TEXT_BYTES, bytes_per_token, vocabulary_of
from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.source.logs import Score

PART = Rule(
    id="part-of-tokens-scored",
    sentence="A log scores fewer than nine tenths of the held-out text.",
    clause="R6",
    at_most=Confidence.REVIEW,
    clear="Score every token of the fixed documents once, with everything that the score uses.",
    classes=("PARTIAL_VAL",),
)
LOW = Rule(
    id="implausibly-low",
    sentence="The claim is lower than anybody has reached without a known fault.",
    clause="R6, C1 to C4",
    at_most=Confidence.REVIEW,
    clear="Nothing that reading can see: let it be run and replayed before it counts.",
)
RULES = (PART, LOW)

SHARE = 0.9
LOWEST_BPB = 1.0
"""The best row that was let stand has 1.0565 bits per byte (30 April 2026). Of the 178 requests
that claimed less than 1.0, all that were ruled on were refused or are disputed."""

_SUBSET = re.compile(
    r"subset(?:_tokens)?[\"']?[ \t]{0,3}[=:][ \t]{0,3}([0-9][0-9_,]{3,14})(?:\b|[ \t]tokens)"
)
_CHARACTERS = 2_000_000


def check(evidence: Evidence) -> Iterator[Remark]:
    """What the claim's own logs cover, and how low it is."""
    for backing in evidence.backing:
        yield from _covered(evidence, backing)
    claimed = evidence.claimed.val_bpb if evidence.claimed is not None else None
    bpb = claimed if claimed is not None else evidence.mean_bpb
    if bpb is not None and 0 < bpb < LOWEST_BPB:
        said = f"{bpb} bits per byte; nobody has reached {LOWEST_BPB:g} without a known fault"
        place = evidence.claim_at("val_bpb")
        if claimed is None:
            log, score = evidence.scored[0]
            place = log.at(score.quote)
        yield remark(LOW, Confidence.REVIEW, said, place, claimed=bpb, lowest=LOWEST_BPB)


def _covered(evidence: Evidence, log: ReadLog) -> Iterator[Remark]:
    """Tokens that the log counts, and a subset that it names, beside the whole text."""
    tokens = log.log.last("val_tokens")
    whole = _whole(log, next((score for one, score in evidence.scored if one is log), None))
    if tokens is not None and whole is not None and 0 < tokens.value < SHARE * whole:
        said = f"{log.path} scores {int(tokens.value)} tokens of about {whole}"
        place = log.at(tokens.quote)
        yield remark(PART, Confidence.REVIEW, said, place, tokens=int(tokens.value), whole=whole)
    text = (evidence.tree.text(log.path) or "")[:_CHARACTERS]
    found = _SUBSET.search(text) if "subset" in text else None
    count = int(re.sub(r"[_,]", "", found.group(1))) if found is not None else 0
    total = whole or (int(tokens.value) if tokens is not None else 0)
    if found is not None and 0 < count < SHARE * total:
        line = text.count("\n", 0, found.start()) + 1
        said = f"{log.path} names a subset of {count} tokens of about {total}"
        place = Location(path=log.path, line=line, text=text.split("\n")[line - 1][:200])
        yield remark(PART, Confidence.REVIEW, said, place, tokens=count, whole=total)


def _whole(log: ReadLog, score: Score | None) -> int | None:
    """Tokens of the whole text: by its vocabulary, else by the bytes that a token has."""
    canonical = CANONICAL.get(vocabulary_of(log))
    if canonical is not None:
        return canonical
    ratio = bytes_per_token(score) if score is not None else None
    return round(TEXT_BYTES / ratio[0]) if ratio is not None and ratio[0] > 0 else None
