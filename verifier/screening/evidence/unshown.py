"""Does the script that is shipped compute what is claimed, and can it have printed the logs?

A claim whose script follows no loss over held-out data to a score, and a log whose score line the
script has no words for, rest on something that was not shipped. Must stay silent where there is no
script: that is said elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.saying import remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.story import read_story
from verifier.screening.story.events import Scored

SCORE = Rule(
    id="score-not-shown",
    sentence="A score is claimed, and the script follows no held-out loss to a score.",
    clause="R6, R9",
    at_most=Confidence.REVIEW,
    clear="Ship the script that scores: one that adds up the losses of the held-out tokens and "
    "divides them by ln 2 and the bytes.",
    classes=("CODE_MISMATCH",),
    script_only=True,
)
LINE = Rule(
    id="score-line-not-printed",
    sentence="The line of a log that the claim rests on has words that no script here prints.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship the script that made the log, or the log that this script makes.",
    classes=("CODE_MISMATCH",),
    script_only=True,
)
RULES = (SCORE, LINE)

_WORD = re.compile(r"[A-Za-z]{4,40}")
_LABEL_CHARACTERS = 120


def check(evidence: Evidence) -> Iterator[Remark]:
    """Both, for a submission with a script."""
    program = evidence.program
    if program is None or not any(unit.text.strip() for unit in program.units):
        return
    claimed = evidence.claimed
    bpb = claimed.val_bpb if claimed is not None else None
    story = read_story(program)
    scored = any(isinstance(event, Scored) for event in story.events)
    if bpb is not None and not scored:
        said = f"val_bpb {bpb} is claimed; {program.entry.path} computes no score that can be read"
        places = (evidence.claim_at("val_bpb"), Location(path=program.entry.path))
        yield remark(SCORE, Confidence.REVIEW, said, *places, claimed=bpb)
    yield from _lines(evidence)


def _lines(evidence: Evidence) -> Iterator[Remark]:
    """The words before the first number of each line that the claim rests on."""
    texts = [script.text.lower() for script in evidence.scripts]
    for log, score in evidence.scored:
        place = log.at(score.quote)
        label = re.split(r"[\d.:=|]{0,3}\d", place.text[:_LABEL_CHARACTERS], maxsplit=1)[0]
        words = dict.fromkeys(word.lower() for word in _WORD.findall(label))
        missing = [word for word in words if not any(word in text for text in texts)]
        if missing:
            said = (
                f"{log.path} prints {label.strip()[:60]!r}; no script has {', '.join(missing[:4])}"
            )
            yield remark(LINE, Confidence.REVIEW, said, place, missing=len(missing))
