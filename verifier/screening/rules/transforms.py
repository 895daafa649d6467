"""Was the text changed before it was tokenised, and do neighbours leak across documents? (R6, R8)

Lossy lower-casing has no ruling: a person must look. A gate that mixes in the token before, across
the token that starts a document, is causal and was ruled out all the same: a note. Must stay silent
on lossless transforms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.places import functions_with, rows_of, span
from verifier.screening.searching import lines_with
from verifier.source.program import Program
from verifier.source.tree import Tree

FOLDED = Rule(
    id="tokens-casefolded",
    sentence="The text is lower-cased before it is tokenised: what is scored is not the document.",
    clause="R8",
    at_most=Confidence.REVIEW,
    classes=("CASEFOLD",),
    clear="Use a transform that can be undone, and count the bytes of the document itself.",
)
SMEARED = Rule(
    id="smear-across-documents",
    sentence="A gate mixes each position with the one before, across the start of a document too.",
    clause="R5",
    at_most=Confidence.NOTE,
    classes=("SMEAR_BOS_LEAK",),
    clear="Multiply the gate by whether the token is not the one that starts a document.",
)
RULES = (FOLDED, SMEARED)

_FOLDS = re.compile(
    r"normalize\(\s*[\"']NFK[CD][\"']\s*,[^)\n]{1,60}\)\s*\.(?:lower|casefold)\(\)"
    r"|\.(?:[Ee]ncode|EncodeAsIds|encode_as_ids|encode_batch)\([^()\n]{1,60}\.(?:lower|casefold)\(\)"
    r"|\b(?:text|doc|document|sentence)\s*=\s*(?:text|doc|document|sentence)\.(?:lower|casefold)\(\)"
)
_NAMED = re.compile(r"case_?fold|lower_?cased?\b", re.IGNORECASE)
_SHIFTED = re.compile(r"\[\s*:\s*,\s*:-1(?:\s*,\s*:)?\s*\]")
_JOINED = re.compile(r"\bcat\(|\bpad\(|zeros")
_GATED = re.compile(r"sigmoid|gate", re.IGNORECASE)
_MASKED = re.compile(r"bos|doc_?mask|boundar|cu_seq|segment|document", re.IGNORECASE)
_FILE_CHARACTERS = 400_000


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of both rules."""
    yield from _folded(program, tree)
    yield from _smeared(program)


def _folded(program: Program, tree: Tree) -> Iterator[Remark]:
    places = [
        Location(path=setting.unit.path, line=setting.line, text=f"{name} = {setting.value}"[:200])
        for name, setting in program.settings.items()
        if isinstance(setting.value, str) and _NAMED.search(setting.value)
    ]
    for path in tree.paths:
        text = (tree.text(path) or "")[:_FILE_CHARACTERS] if path.endswith(".py") else ""
        if ".lower()" not in text and ".casefold()" not in text:
            continue
        rows = text.split("\n")
        for line in lines_with(rows, text, _FOLDS, (".lower()", ".casefold()")):
            places.append(Location(path=path, line=line, text=rows[line - 1].strip()[:200]))
    if places:
        yield Remark(
            rule=FOLDED.id,
            confidence=Confidence.REVIEW,
            said="documents are lower-cased before they become tokens",
            locations=tuple(places[:6]),
        )


def _smeared(program: Program) -> Iterator[Remark]:
    for function in functions_with(program, _SHIFTED, ":-1"):
        rows = rows_of(function)
        if not program.reachable(function) or _MASKED.search("\n".join(rows)):
            continue
        near = next((number for number in range(len(rows)) if _smears(rows, number)), None)
        if near is not None:
            unit = function.unit
            line = span(function)[0] + near
            place = Location(
                path=unit.path, line=line, text=program.line(unit, line), layer=unit.layer
            )
            said = f"{function.name} gates in the position before, unmasked where documents start"
            yield Remark(rule=SMEARED.id, confidence=Confidence.NOTE, said=said, locations=(place,))
            return


def _smears(rows: list[str], number: int) -> bool:
    """A shifted copy is put together, and there is a gate beside it."""
    if not _SHIFTED.search(rows[number]):
        return False
    beside = "\n".join(rows[max(0, number - 4) : number + 5])
    return bool(_GATED.search(beside) and _JOINED.search("\n".join(rows[number : number + 3])))
