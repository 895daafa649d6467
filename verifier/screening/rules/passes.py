"""Is a token scored with counts of the whole stream, which hold it already? (C3, C4)"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import learned_before, locations, scores
from verifier.screening.rules.switched import told
from verifier.screening.story import Story
from verifier.screening.story.events import Counted, Learned, Scored
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
        if not tables:
            continue
        counted = getattr(score.node, "lineno", 0)
        said = (
            f"Line {getattr(tables[0].node, 'lineno', 0)} counts held-out tokens in a table before"
            f" line {counted} scores with it"
        )
        if all(_goes_on(story, score, table) for table in tables):
            sure = Confidence.REVIEW
            said += "; the scoring loop goes on counting, so these may be tokens before its first."
        else:
            sure = Confidence.VIOLATION if score is found[-1] else Confidence.REVIEW
            said += ", over the whole stream."
        yield Remark(
            rule=SCORED_WITH_WHOLE_STREAM.id,
            confidence=sure,
            said=said,
            locations=locations(program, (*tables, score)),
        )
        return


def _goes_on(story: Story, score: Scored, table: Learned) -> bool:
    """Whether the loop that counts with a table also adds to it, as a single pass does."""
    loops = {
        id(loop)
        for event in story.events
        if isinstance(event, Counted) and event.bit & score.marks
        if any(learned is table for learned, _ in story.relations(event.marks))
        for loop, _ in event.turns
    }
    return any(
        isinstance(event, Learned)
        and event.table
        and event.things & table.things
        and any(id(loop) in loops for loop, _ in event.turns)
        for event in story.events
    )
