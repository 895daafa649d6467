"""What is a rule of screening? An id, a sentence, the clause it reads for, and how to clear it.

A rule here is data about a check; the check itself is a function that yields remarks. Both stand
in one file per family, and `registry.py` lists them in one order.
"""

from __future__ import annotations

from dataclasses import dataclass

from verifier.screening.finding import Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What `verifier explain ID` prints.

    `id` is lower-case words with hyphens; `classes` are the families of RULES §2 it can show
    ("NGRAM_HASH"); `clause` the rule of the competition ("R5, C2"); `at_most` the strongest
    confidence it may speak with; `clear` tells an honest author what to change. `script_only`: it
    asks for what a `scorer/1` submission leaves to the verifier, which trains, times and scores it.
    `whole_history`: one folder alone does not show it.
    """

    id: str
    sentence: str
    clause: str
    at_most: Confidence
    clear: str
    classes: tuple[str, ...] = ()
    whole_history: bool = False
    script_only: bool = False
