"""Rows, remarks and screenings for tests of the history's rooms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from verifier.screening import Confidence, Location, Remark
from verifier.screening.screened import Answer, Claimed, Row, Screening


def remark(
    rule: str, confidence: Confidence = Confidence.REVIEW, text: str = "x = 1", line: int = 3
) -> Remark:
    """One finding at one line of train_gpt.py."""
    at = Location(path="train_gpt.py", line=line, text=text)
    return Remark(rule=rule, confidence=confidence, said=f"{rule} shows", locations=(at,))


def screening(*remarks: Remark, bpb: float | None = None, **changes: Any) -> Screening:
    """A screening with these remarks and this claim."""
    confidences = {each.confidence for each in remarks}
    found = Answer.NOTHING_FOUND
    if Confidence.VIOLATION in confidences:
        found = Answer.VIOLATION
    elif Confidence.REVIEW in confidences:
        found = Answer.REVIEW
    plain = Screening(
        folder="records/track_10min_16mb/2026-04-01_Made",
        digest="d" * 64,
        answer=found,
        claimed=Claimed(path="submission.json", val_bpb=bpb),
        logs=(),
        weights=None,
        entry="train_gpt.py",
        command="",
        remarks=remarks,
    )
    return replace(plain, **changes)


def row(number: int, head: str, *remarks: Remark, **changes: Any) -> Row:
    """One pull request that adds one folder."""
    plain = Row(number=number, head=head, shape="one folder", screening=screening(*remarks))
    return replace(plain, **changes)
