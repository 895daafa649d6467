"""What can screening say about one place of a submission? The records, no behaviour.

Screening reads; it proves nothing. So its words differ from an audit's: a remark has a confidence
instead of an outcome, and no number of remarks verifies or refutes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Confidence(StrEnum):
    """How sure reading can be. Only the first two ask for a person."""

    VIOLATION = "violation"
    """The source or the logs show the broken rule itself."""
    REVIEW = "review"
    """Something that a person should look at before it counts."""
    NOTE = "note"
    """True, perhaps useful, and nothing to answer for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place. `path` is relative to the submission; `line` is 1-based, 0 for the whole file.

    `layer` names the unpacking that leads to the text ("lzma+base85"), "" for the file as it
    stands; `line` then counts in the unpacked text. `text` is the line, at most 200 characters.
    """

    path: str
    line: int = 0
    text: str = ""
    layer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One finding of screening.

    `rule` is the rule's id; `said` one sentence with both values where two differ; `values` the
    same for machines; `inherited_from` names the earlier submission that already had it.
    """

    rule: str
    confidence: Confidence
    said: str
    locations: tuple[Location, ...]
    values: Mapping[str, str | int | float | None] = field(default_factory=dict)
    inherited_from: str = ""
