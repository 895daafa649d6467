"""Does a compiled loop look the scored token up in counts, and give back a loss for each position?

The same as for scripts (C2), as far as a text of C shows: in one loop the current token is hashed
or compared with what was counted, a logarithm is taken, and the position's result is written after
it. Must stay silent on loops that give hints, and on tables that only learn the token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.native import Loop, blanked, function_at, loops, natives
from verifier.screening.rule import Rule
from verifier.source.program import Program
from verifier.source.tree import Tree

COMPILED = Rule(
    id="target-count-compiled",
    sentence="A compiled loop mixes a count of the token being scored into that token's loss.",
    clause="C2",
    at_most=Confidence.REVIEW,
    classes=("NGRAM_HASH",),
    clear=(
        "Give back the whole mixed distribution, or a hint that follows from the tokens before; "
        "look the scored token up only to update the tables."
    ),
)
RULES = (COMPILED,)

_LOGARITHM = re.compile(r"\blog(?:f|l|2|1p)?\s*\(")


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark for all such loops that the script calls."""
    places: list[Location] = []
    for native in natives(program, tree):
        code = blanked(native.text)
        if not _LOGARITHM.search(code):
            continue
        for loop in loops(code):
            at = _mixed_at(loop)
            if at >= 0 and _called(program, function_at(code, loop.start)[0]):
                places.append(native.location(loop.start + at))
    if places:
        yield Remark(
            rule=COMPILED.id,
            confidence=Confidence.REVIEW,
            said="a count of the current token is looked up before that position's loss is written",
            locations=tuple(dict.fromkeys(places))[:6],
        )


def _mixed_at(loop: Loop) -> int:
    """Where the loop asks its counts for the current token; -1 where it does not score so."""
    written = rf"\b\w+\s*\[\s*{re.escape(loop.counter)}\s*\]\s*=(?!=)"
    writes = [write.start() for write in re.finditer(written, loop.body)]
    if not writes:
        return -1
    upto = loop.body.find(";", writes[-1])
    if not _LOGARITHM.search(loop.body, 0, upto if upto > 0 else len(loop.body)):
        return -1
    for name, (_, index) in loop.elements.items():
        if index == loop.counter:
            asked = re.search(
                rf"==\s*{name}\b|\b{name}\s*==|\^[^;=]{{0,80}}\b{name}\b|\b{name}\b[^;=]{{0,80}}\^",
                loop.body[: writes[-1]],
            )
            if asked is not None:
                return asked.start()
    return -1


def _called(program: Program, name: str) -> bool:
    return bool(name) and any(f".{name}(" in unit.text for unit in program.units)
