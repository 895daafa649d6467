"""Does a score come from weights that had already learned its tokens? (R4, R5, C3, C4)

Goes by the order in which the program learns and scores, never by the names it gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import (
    beginning,
    clocked,
    learned_before,
    locations,
    repetition,
    scored_first,
    scores,
    training,
)
from verifier.screening.rules.offsets import starts_later
from verifier.screening.rules.switched import told
from verifier.screening.story import Story
from verifier.screening.story.events import Exported, Learned, Relation, Scored
from verifier.screening.story.value import COMPUTED, HELD_OUT, TRAINING
from verifier.source.program import Program
from verifier.source.tree import Tree

ADAPTED_BEFORE_SCORE = Rule(
    id="adapted-before-score",
    sentence="The model learns from the held-out tokens and is scored on them afterwards.",
    clause="R5, C3",
    classes=("TTT_PRETRAIN", "TTT_MULTIEPOCH"),
    at_most=Confidence.VIOLATION,
    clear="Count the loss of each chunk before any step that uses it, and report that total.",
)
ADAPTED_BEFORE_EXPORT = Rule(
    id="adapted-before-export",
    sentence="The model learns from the held-out tokens before it is written as the artifact.",
    clause="R4, R5, C3",
    classes=("TTT_PREQUANT", "TTT_PRETRAIN", "TTT_MULTIEPOCH"),
    at_most=Confidence.VIOLATION,
    clear="Write the artifact from training data alone; adapt only after each token is scored.",
)
TRAINED_ON_HELD_OUT = Rule(
    id="trained-on-held-out",
    sentence="The training loop reads held-out shards.",
    clause="R4",
    classes=("TRAIN_ON_VAL",),
    at_most=Confidence.VIOLATION,
    clear="Point the training loader at training shards only.",
)
SCORED_EACH_EPOCH = Rule(
    id="scored-each-epoch",
    sentence="The counted loss of a token comes from a later epoch over the same tokens.",
    clause="R5, C3, C4",
    classes=("TTT_MULTIEPOCH",),
    at_most=Confidence.VIOLATION,
    clear="Count each token in the first epoch, before the first step on it, and never again.",
)
RESCORED = Rule(
    id="rescored-after-adapting",
    sentence="After a pass that scores first, the adapted model is scored on the same tokens.",
    clause="C4",
    classes=("TTT_RESCORE",),
    at_most=Confidence.REVIEW,
    clear="Report the total of the pass itself, and drop the evaluation after it.",
)
STEPS_UNUSED = Rule(
    id="held-out-steps-unused",
    sentence="Steps are taken on held-out tokens, and no score uses what they changed.",
    clause="R5",
    classes=("TTT_WARMUP_ON_VAL",),
    at_most=Confidence.REVIEW,
    clear="Warm up on random tokens or on training data.",
)

RULES: tuple[Rule, ...] = (
    ADAPTED_BEFORE_SCORE,
    ADAPTED_BEFORE_EXPORT,
    TRAINED_ON_HELD_OUT,
    SCORED_EACH_EPOCH,
    RESCORED,
    STEPS_UNUSED,
)

_PASSES = (Relation.AFTER, Relation.AGAIN)
_SETTINGS = ("train_files", "TRAIN_FILES", "TRAIN_PATTERN", "TRAIN_GLOB", "TRAIN_SHARDS")
_SET = re.compile(
    r"[A-Za-z_]{1,16}[ \t]{0,4}[=:][ \t]{0,4}[\"']?[^\s\"']{0,200}(?:_val_|val_\*|/val)"
)
_TEXTS = (".md", ".sh", ".log", ".txt")
_CHARACTERS = 200_000


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    trained = False
    for remark in told(program, tree, _read):
        trained = trained or remark.rule == TRAINED_ON_HELD_OUT.id
        yield remark
    if not trained:
        yield from _commanded(tree)


def _read(program: Program, tree: Tree, story: Story) -> Iterator[Remark]:
    found = scores(story)
    told_of: set[int] = set()
    last = found[-1] if found else None
    for score in reversed(found):
        for learned, relation in learned_before(story, score):
            if learned.table or relation not in _PASSES or id(learned.node) in told_of:
                continue
            told_of.add(id(learned.node))
            yield _judged(program, story, learned, relation, score, score is last)
    yield from _unused(program, story, found)


def _judged(
    program: Program,
    story: Story,
    learned: Learned,
    relation: Relation,
    score: Scored,
    last: bool,
) -> Remark:
    places = (
        *locations(program, (learned,)),
        *repetition(program, learned),
        *locations(program, (score,)),
    )
    sure = Confidence.VIOLATION if last and not starts_later(program, score) else Confidence.REVIEW
    first = scored_first(story, learned)
    if relation is Relation.AGAIN:
        said = (
            f"Line {_line(learned)} learns in every turn of a loop over the same held-out tokens,"
            f" and the score of line {_line(score)} counts losses from a later turn."
        )
        return Remark(rule=SCORED_EACH_EPOCH.id, confidence=sure, said=said, locations=places)
    written = _export_of(story, learned)
    # A training loop that validates now and then has counted before it steps; what it writes tells.
    trains = _is_training(story, learned) and (first is None or written is not None)
    if first is not None and not trains:
        said = (
            f"Line {_line(learned)} adapts after scoring; line {_line(score)} then scores the"
            " adapted model again."
        )
        return Remark(rule=RESCORED.id, confidence=Confidence.REVIEW, said=said, locations=places)
    if trains:
        said = f"Line {_line(learned)}, in the training loop, steps on held-out tokens."
        return Remark(rule=TRAINED_ON_HELD_OUT.id, confidence=sure, said=said, locations=places)
    if written is not None:
        said = (
            f"Line {_line(learned)} steps on held-out tokens before line {_line(written)} writes"
            f" the model; line {_line(score)} scores it."
        )
        places = (*places, *locations(program, (written,)))
        return Remark(rule=ADAPTED_BEFORE_EXPORT.id, confidence=sure, said=said, locations=places)
    said = f"Line {_line(learned)} steps on held-out tokens before line {_line(score)} scores them."
    return Remark(rule=ADAPTED_BEFORE_SCORE.id, confidence=sure, said=said, locations=places)


def _line(event: Learned | Scored | Exported) -> int:
    return int(getattr(event.node, "lineno", 0))


def _is_training(story: Story, learned: Learned) -> bool:
    """Whether a step on held-out tokens is the training loop's own."""
    if learned.marks & TRAINING:
        return bool(clocked([learned]))
    return bool(clocked([learned])) and not any(
        not event.marks & HELD_OUT for event in clocked(training(story))
    )


def _export_of(story: Story, learned: Learned) -> Exported | None:
    """The writing of a model that carries what was learned."""
    for event in story.events:
        if isinstance(event, Exported) and not event.marks & COMPUTED:
            for each, relation in story.relations(event.marks):
                if each.node is learned.node and relation is Relation.AFTER:
                    return event
    return None


def _unused(program: Program, story: Story, found: list[Scored]) -> Iterator[Remark]:
    """Steps on held-out tokens of which no score carries a trace, and before which none counts."""
    used = {id(learned.node) for score in found for learned, _ in learned_before(story, score)}
    told_of: set[int] = set()
    for event in story.events:
        if not isinstance(event, Learned) or event.table or not event.marks & HELD_OUT:
            continue
        if id(event.node) in used | told_of or scored_first(story, event) is not None:
            continue
        told_of.add(id(event.node))
        followed = bool(event.things)
        yield Remark(
            rule=STEPS_UNUSED.id,
            confidence=Confidence.NOTE if followed else Confidence.REVIEW,
            said=f"Line {_line(event)} steps on held-out tokens; no score carries a trace of it.",
            locations=(*locations(program, (event,)), *repetition(program, event)),
        )


def _commanded(tree: Tree) -> Iterator[Remark]:
    """A command or log that gives held-out shards to the training loader."""
    for path in tree.paths:
        if not path.endswith(_TEXTS):
            continue
        text = beginning(tree, path, _CHARACTERS)
        for setting in _SETTINGS:
            at = text.find(setting)
            begin = text.rfind("\n", 0, at) + 1
            if at >= 0 and _SET.match(text, at) and "#" not in text[begin:at]:
                line = text.count("\n", 0, begin) + 1
                shown = text[begin : begin + 200].partition("\n")[0].strip()
                yield Remark(
                    rule=TRAINED_ON_HELD_OUT.id,
                    confidence=Confidence.VIOLATION,
                    said=f"{path} sets {setting} to held-out shards.",
                    locations=(Location(path=path, line=line, text=shown),),
                )
                return
