"""Is something optimised on the very tokens it is then scored on, window by window? (R5, C1, C3)"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import learned_before, locations, scores
from verifier.screening.rules.switched import told
from verifier.screening.story import Story
from verifier.screening.story.events import Learned, Relation, Scored, Span
from verifier.screening.story.traces import bits
from verifier.source.program import Program
from verifier.source.tree import Tree

OPTIMISED_ON_TARGETS = Rule(
    id="optimised-on-targets",
    sentence="Inside the scoring loop something is optimised on the targets it is scored on.",
    clause="R5, C1, C3",
    classes=("SLOT",),
    at_most=Confidence.VIOLATION,
    clear="Optimise on tokens that are already counted, and count each window before any step.",
)
OPTIMISED_ON_CONTEXT = Rule(
    id="optimised-on-context",
    sentence="Inside the scoring loop something is optimised on a window's context, then scored.",
    clause="R5, C3 (unruled)",
    classes=("SLOT_CAUSAL",),
    at_most=Confidence.REVIEW,
    clear="Nobody has ruled on it; say in the README which positions the loss covers.",
)

LEARNED_IN_LOOP = Rule(
    id="learned-before-counting",
    sentence="In each turn of the scoring loop the model learns first and is scored afterwards.",
    clause="R5, C3",
    classes=("SLOT", "TTT_PRETRAIN"),
    at_most=Confidence.REVIEW,
    clear="Score a chunk at the top of the loop's body, and learn from it at the bottom.",
)

RULES: tuple[Rule, ...] = (OPTIMISED_ON_TARGETS, OPTIMISED_ON_CONTEXT, LEARNED_IN_LOOP)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    yield from told(program, tree, _read)


def _read(program: Program, tree: Tree, story: Story) -> Iterator[Remark]:
    found = scores(story)
    told_of: set[int] = set()
    for score in reversed(found):
        for learned, relation in learned_before(story, score):
            if learned.table or id(learned.node) in told_of:
                continue
            if relation is Relation.WITHIN:
                told_of.add(id(learned.node))
                yield _judged(program, story, learned, score, last=score is found[-1])
            elif relation is Relation.NEARBY:
                told_of.add(id(learned.node))
                yield _nearby(program, story, learned, score)


def _judged(program: Program, story: Story, learned: Learned, score: Scored, last: bool) -> Remark:
    line, counted = getattr(learned.node, "lineno", 0), getattr(score.node, "lineno", 0)
    places = locations(program, (learned, score))
    if _only_context(story, learned, score):
        return Remark(
            rule=OPTIMISED_ON_CONTEXT.id,
            confidence=Confidence.REVIEW,
            said=f"Line {line} steps on the part of a window before the one line {counted} counts.",
            locations=places,
        )
    return Remark(
        rule=OPTIMISED_ON_TARGETS.id,
        confidence=Confidence.VIOLATION if last else Confidence.REVIEW,
        said=f"Line {line} steps on held-out targets that line {counted} counts afterwards.",
        locations=places,
    )


def _nearby(program: Program, story: Story, learned: Learned, score: Scored) -> Remark:
    if _only_context(story, learned, score):
        return _judged(program, story, learned, score, last=False)
    line, counted = getattr(learned.node, "lineno", 0), getattr(score.node, "lineno", 0)
    return Remark(
        rule=LEARNED_IN_LOOP.id,
        confidence=Confidence.REVIEW,
        said=(
            f"In one turn of the scoring loop line {line} steps on held-out tokens before the"
            f" losses of line {counted} are counted; whether on other tokens, nobody can read."
        ),
        locations=locations(program, (learned, score)),
    )


def _only_context(story: Story, learned: Learned, score: Scored) -> bool:
    """Whether what is learned ends where what is counted begins, as the slices are written.

    Either the bounds are the same words, or a loss is masked up to a bound that no counted slice
    ends at, and by no mask that reaches to its end.
    """
    taught = _spans(story, learned.marks)
    counted = _spans(story, score.marks & ~learned.marks)
    if {span.upper for span in taught} & {span.lower for span in counted if span.lower}:
        return True
    ends = {span.upper for span in counted} | {""}
    masks = [span for span in taught if not span.tokens]
    if any(span.lower not in ("", "0") for span in masks):
        return False
    return any(span.upper not in ends for span in masks)


def _spans(story: Story, marks: int) -> set[Span]:
    world = story.world
    if world is None:
        return set()
    found = (world.meaning(bit) for bit in bits(marks & world.span_bits))
    return {span for span in found if isinstance(span, Span)}
