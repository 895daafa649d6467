"""Was every file of the submission read that may be code? What was not, silence says nothing of.

A link, a name that leaves the folder or a submodule is left out when a submission is pulled; a
source that is too large, or that the clone does not have, is only counted. Both are said here.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.saying import remark
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

REFUSED = Rule(
    id="files-refused",
    sentence="The submission holds what none may hold, and that was left out of what was read.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship plain files and folders only: no links, no submodules, no two names that differ "
    "only in case, none that leaves the folder.",
    classes=("FORMAT_MISSING",),
)
NOT_READ = Rule(
    id="source-not-read",
    sentence="A source of the submission was not read: it is too large, or not in the clone.",
    clause="R9",
    at_most=Confidence.REVIEW,
    clear="Ship sources that a person can read, each of less than eight megabytes.",
    classes=("FORMAT_MISSING",),
)
RULES = (REFUSED, NOT_READ)

_SOURCES = (".py", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".sh", ".pyx")
_SHOWN = 6


def check(evidence: Evidence) -> Iterator[Remark]:
    """What was refused, and sources that were not read."""
    if evidence.refused:
        more = len(evidence.refused) - _SHOWN
        said = "; ".join(evidence.refused[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        places = [Location(path=each.partition(": ")[0]) for each in evidence.refused[:_SHOWN]]
        yield remark(REFUSED, Confidence.REVIEW, said, *places, refused=len(evidence.refused))
    tree = evidence.tree
    unread = [path for path in tree.paths if path in tree.unread and path.endswith(_SOURCES)]
    if unread:
        sizes = ", ".join(f"{path} ({tree.size(path)} bytes)" for path in unread[:_SHOWN])
        places = [Location(path=path) for path in unread[:_SHOWN]]
        yield remark(NOT_READ, Confidence.REVIEW, f"not read: {sizes}", *places, files=len(unread))
