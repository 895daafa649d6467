"""Which rules need the whole history, and in which order do all rules stand?

These read the repository's own table beside what its folders hold. They are notes: a row that was
accepted is not a submission that asks for a person. One more says that reading was not finished.
"""

from __future__ import annotations

from verifier.screening import evidence
from verifier.screening.finding import Confidence
from verifier.screening.rule import Rule
from verifier.screening.rules import registry


def _rule(name: str, sentence: str, clause: str, clear: str, classes: tuple[str, ...] = ()) -> Rule:
    return Rule(
        id=name,
        sentence=sentence,
        clause=clause,
        at_most=Confidence.NOTE,
        clear=clear,
        classes=classes,
        whole_history=True,
    )


_SEEDS = "Run more seeds of the same configuration and attach their logs."

RECORD_MARGIN = _rule(
    "record-margin",
    "It is better than the next lower row by less than 0.005 nats.",
    "R7",
    "Nothing before 28 April; from then on the margin is no longer asked for.",
    ("INSUFF_DELTA",),
)
RECORD_P_VALUE = _rule(
    "record-p-value",
    "That it is better than the next lower row at all has p of 0.01 or more.",
    "R7",
    _SEEDS,
    ("INSUFF_DELTA",),
)
RECORD_P_MARGIN = _rule(
    "record-p-margin",
    "That it is better than the next lower row by 0.005 nats has p of 0.01 or more.",
    "R7",
    _SEEDS,
    ("INSUFF_DELTA",),
)
RECORD_SINGLE_RUN = _rule(
    "record-single-run",
    "One run has no spread, so no test says how sure its place is.",
    "R7",
    _SEEDS,
    ("EVIDENCE_SEEDS",),
)
LEADERBOARD_DIFFERS = _rule(
    "leaderboard-differs",
    "The table's score is not the one that the submission claims, at the table's own digits.",
    "R9",
    "Say in the table which of the numbers it lists.",
)
NOT_ON_LEADERBOARD = _rule(
    "not-on-leaderboard",
    "No row of the repository's tables leads to this merged folder.",
    "R9",
    "Nothing, if it was merged as no record.",
)
LEADERBOARD_P_VALUE = _rule(
    "leaderboard-p-value",
    "The row's own text gives a p of 0.01 or more.",
    "R7",
    "Nothing from 28 April, when p < 0.25 became enough.",
    ("INSUFF_DELTA",),
)
SHARED_LOG = _rule(
    "shared-log",
    "A log with the same bytes lies in another submission.",
    "R9, R10",
    "Attach the log of a run of your own, or say whose run it is.",
    ("EVIDENCE_SEEDS",),
)

NOT_SCREENED = Rule(
    id="not-screened",
    sentence="Reading it was not finished: it takes too long, too much memory or too many steps.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Add one folder of ordinary size, with the script as it is run and without large data.",
)

RULES: tuple[Rule, ...] = (
    NOT_SCREENED,
    RECORD_MARGIN,
    RECORD_P_VALUE,
    RECORD_P_MARGIN,
    RECORD_SINGLE_RUN,
    LEADERBOARD_DIFFERS,
    NOT_ON_LEADERBOARD,
    LEADERBOARD_P_VALUE,
    SHARED_LOG,
)

ALL: tuple[Rule, ...] = (*registry.RULES, *evidence.RULES, *RULES)
"""What source shows, what claims and logs show, what only a whole history shows."""
