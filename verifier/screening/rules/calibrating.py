"""On which data, and on whose time, is the model calibrated before it is quantised? (R2, R3, R4)"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import (
    clocked,
    limit_seconds,
    locations,
    open_track,
    ran,
    training,
)
from verifier.screening.story import Story, read_story
from verifier.screening.story.events import Event, Learned
from verifier.screening.story.value import HELD_OUT, TRAINING
from verifier.source.program import Program
from verifier.source.tree import Tree

TRAIN_SECONDS = 600.0

CALIBRATED_AFTER_TRAINING = Rule(
    id="calibrated-after-training",
    sentence="Training data is read after the training loop has used up its time.",
    clause="R2, R3",
    classes=("GPTQ_EVAL_TRAINDATA",),
    at_most=Confidence.VIOLATION,
    clear="End the training loop early enough for calibration, or calibrate on generated text.",
)
CALIBRATED_ON_HELD_OUT = Rule(
    id="calibrated-on-held-out",
    sentence="The model is calibrated on held-out tokens before they are scored.",
    clause="R4",
    classes=("GPTQ_VALCALIB",),
    at_most=Confidence.REVIEW,
    clear="Calibrate on text that the model generates, or on training data within the 600 s.",
)

RULES: tuple[Rule, ...] = (CALIBRATED_AFTER_TRAINING, CALIBRATED_ON_HELD_OUT)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    story = read_story(program)
    yield from _after_training(program, tree, story)
    held = [event for event in ran(story, HELD_OUT, TRAINING) if event.hooked]
    if held:
        yield Remark(
            rule=CALIBRATED_ON_HELD_OUT.id,
            confidence=Confidence.REVIEW,
            said=f"Line {_line(held[0])} shows held-out tokens to a model under a hook.",
            locations=locations(program, held),
        )


def _after_training(program: Program, tree: Tree, story: Story) -> Iterator[Remark]:
    steps = training(story)
    loop = clocked(steps)
    if not loop:
        return
    end = loop[-1]
    later = [
        event
        for event in ran(story, TRAINING, HELD_OUT)
        if event.order > end.order and not _is_step(event, steps) and not _inside(event, end)
    ]
    if not later:
        return
    whole = [event for event in later if event.hooked or event.turns]
    later = whole or later
    seconds = limit_seconds(end)
    said = f"Line {_line(later[0])} runs the model on training data after the training loop"
    if seconds is None:
        confidence, rest = Confidence.REVIEW, ", whose limit is not a constant."
    elif seconds < TRAIN_SECONDS:
        confidence = Confidence.NOTE
        rest = f", which ends {TRAIN_SECONDS - seconds:g} s before the limit of 600 s."
    elif not whole:
        confidence, rest = Confidence.REVIEW, ", once and without a hook."
    else:
        confidence, rest = Confidence.VIOLATION, f", which runs for {seconds:g} s."
    if open_track(tree):
        confidence = Confidence.NOTE
    yield Remark(
        rule=CALIBRATED_AFTER_TRAINING.id,
        confidence=confidence,
        said=said + rest,
        locations=locations(program, (later[0], end)),
        values={"limit_seconds": seconds},
    )


def _inside(event: Event, end: Learned) -> bool:
    """Whether an event is in the loop that the clock ends."""
    timed = {id(loop) for loop, _ in end.turns if loop.clocked}
    return any(id(loop) in timed for loop, _ in event.turns)


def _is_step(event: Event, steps: list[Learned]) -> bool:
    """Whether a step on the same data follows in the same loops."""
    around = {id(loop) for loop, _ in event.turns}
    return any(
        step.order > event.order and around & {id(loop) for loop, _ in step.turns} for step in steps
    )


def _line(event: Event) -> int:
    return int(getattr(event.node, "lineno", 0))
