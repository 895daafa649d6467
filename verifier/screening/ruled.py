"""What still asks for a person, once people have ruled? A ruling stands beside a finding.

A finding is dismissed (it breaks no rule) or upheld (it does). A dismissed one counts for nothing
and is shown as such. Must never change what screening found.
"""

from __future__ import annotations

from verifier.screening.finding import Confidence, Remark
from verifier.screening.screened import Answer, Row, Ruling


def answer(row: Row) -> Answer:
    """The word for a row: dismissed findings left out, an upheld one a violation."""
    if row.screening is not None and not row.rulings and not row.fault:
        return row.screening.answer
    upheld = {ruling.rule for ruling in row.rulings if not ruling.dismissed}
    remarks = standing(row)
    if any(each.confidence is Confidence.VIOLATION or each.rule in upheld for each in remarks):
        return Answer.VIOLATION
    asks = any(each.confidence is Confidence.REVIEW for each in remarks)
    return Answer.REVIEW if asks or row.fault else Answer.NOTHING_FOUND


def standing(row: Row) -> tuple[Remark, ...]:
    """The remarks of a row but for those that a person dismissed."""
    gone = dismissed(row)
    remarks = row.screening.remarks if row.screening else ()
    return tuple(remark for remark in remarks if remark.rule not in gone)


def dismissed(row: Row) -> frozenset[str]:
    """The rules whose findings in this row a person dismissed."""
    return frozenset(ruling.rule for ruling in row.rulings if ruling.dismissed)


def said(ruling: Ruling) -> str:
    """ "dismissed by Jane Doe on 2026-05-01: the reason"; verbatim, so not safe to print."""
    word = "dismissed" if ruling.dismissed else "upheld"
    return f"{word} by {ruling.name} on {ruling.date}: {ruling.reason}"
