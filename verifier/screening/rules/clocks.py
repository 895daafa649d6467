"""Does the training loop look at the clock, and does anything train outside it? (R2)"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.calibrating import TRAIN_SECONDS
from verifier.screening.rules.evidence_of import (
    clocked,
    limit_seconds,
    locations,
    open_track,
    training,
)
from verifier.screening.story import read_story
from verifier.screening.story.events import Learned
from verifier.source.program import Program
from verifier.source.tree import Tree

CLOCK_IGNORED = Rule(
    id="clock-ignored",
    sentence="The training loop ends by a count of steps and never looks at a clock.",
    clause="R2",
    classes=("TIME_TRAIN_OVER",),
    at_most=Confidence.REVIEW,
    clear="End the loop when 600 s have passed, whatever the step.",
    script_only=True,
)
LIMIT_RAISED = Rule(
    id="time-limit-raised",
    sentence="Under the command the training loop may run for more than 600 s.",
    clause="R2",
    classes=("TIME_TRAIN_OVER",),
    at_most=Confidence.REVIEW,
    clear="Leave the limit at 600 s, or submit to a track without it.",
)
TRAINED_AFTER_CLOCK = Rule(
    id="trained-after-clock",
    sentence="Steps on training data follow after the loop that the clock ends.",
    clause="R2",
    classes=("TIME_TRAIN_OVER",),
    at_most=Confidence.REVIEW,
    clear="Put every step on training data inside the loop that the clock ends.",
)

RULES: tuple[Rule, ...] = (CLOCK_IGNORED, LIMIT_RAISED, TRAINED_AFTER_CLOCK)


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    steps = training(read_story(program))
    timed = clocked(steps)
    confidence = Confidence.NOTE if open_track(tree) else Confidence.REVIEW
    if steps and not timed:
        yield Remark(
            rule=CLOCK_IGNORED.id,
            confidence=confidence,
            said=f"No loop around the step of line {_line(steps[-1])} looks at a clock.",
            locations=locations(program, steps[-1:]),
        )
    if not timed:
        return
    seconds = limit_seconds(timed[-1])
    if seconds is not None and seconds > TRAIN_SECONDS:
        yield Remark(
            rule=LIMIT_RAISED.id,
            confidence=confidence,
            said=f"The training loop's limit is {seconds:g} s.",
            locations=locations(program, timed[-1:]),
            values={"limit_seconds": seconds},
        )
    later = [step for step in steps if step.order > timed[-1].order]
    if later:
        yield Remark(
            rule=TRAINED_AFTER_CLOCK.id,
            confidence=confidence,
            said=f"Line {_line(later[0])} steps on training data after the clocked loop.",
            locations=locations(program, later),
        )


def _line(event: Learned) -> int:
    return int(getattr(event.node, "lineno", 0))
