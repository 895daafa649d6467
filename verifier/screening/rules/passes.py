"""Is a token scored with counts of the whole stream, which hold it already? (C3, C4)"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import learned_before, locations, scores
from verifier.screening.rules.switched import told
from verifier.screening.story import Story
from verifier.source.program import Program
from verifier.source.tree import Tree

SCORED_WITH_WHOLE_STREAM = Rule(
    id="scored-with-whole-stream",
    sentence="Tokens are scored with a table that was filled from the whole held-out stream.",
    clause="C3, C4",
    classes=("TWO_PASS",),
    at_most=Confidence.VIOLATION,
    clear="Look up before you count, in one pass, and report the total of that pass.",
)

RULES: tuple[Rule, ...] = (SCORED_WITH_WHOLE_STREAM,)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    yield from told(program, tree, _read)


def _read(program: Program, tree: Tree, story: Story) -> Iterator[Remark]:
    found = scores(story)
    for score in reversed(found):
        tables = [each for each, _ in learned_before(story, score) if each.table]
        if tables:
            counted = getattr(score.node, "lineno", 0)
            yield Remark(
                rule=SCORED_WITH_WHOLE_STREAM.id,
                confidence=Confidence.VIOLATION if score is found[-1] else Confidence.REVIEW,
                said=(
                    f"Line {getattr(tables[0].node, 'lineno', 0)} counts held-out tokens in a"
                    f" table over the whole stream before line {counted} scores with it."
                ),
                locations=locations(program, (*tables, score)),
            )
            return
