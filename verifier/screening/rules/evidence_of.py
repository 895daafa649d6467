"""Where in a submission did an event of a story happen, and which score counts? No rules here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from verifier.screening.finding import Location
from verifier.screening.story import Story
from verifier.screening.story.events import Counted, Event, Learned, Loop, Ran, Relation, Scored
from verifier.screening.story.value import COMPUTED, HELD_OUT, TRAINING
from verifier.source.program import Program
from verifier.source.tree import Tree

_OPEN_TRACK = re.compile(rb'"track"\s{0,9}:\s{0,9}"[^"]{0,40}non[^"]{0,40}"', re.IGNORECASE)
_BYTES = 100_000
_AT_MOST = 6
_SHORTEST_SECONDS = 30.0


def location(program: Program, event: Event) -> Location:
    """The line of an event."""
    return _location(program, event, event.node)


def _location(program: Program, event: Event | Loop, node: ast.AST) -> Location:
    found = program.location(event.place, node)
    return Location(
        path=str(found["path"]),
        line=int(str(found["line"])),
        text=str(found["text"]),
        layer=str(found["layer"]),
    )


def locations(program: Program, events: Iterable[Event]) -> tuple[Location, ...]:
    """The lines of some events, each once, in order."""
    found: dict[Location, None] = {}
    for event in events:
        found.setdefault(location(program, event))
    return tuple(found)[:_AT_MOST]


def repetition(program: Program, event: Event) -> tuple[Location, ...]:
    """The loops around an event that repeat the same held-out data."""
    return tuple(_location(program, loop, loop.node) for loop, _ in event.turns if loop.repeated)


def scores(story: Story) -> list[Scored]:
    """The scores over held-out data, in order."""
    return [event for event in story.events if isinstance(event, Scored)]


def learned_before(story: Story, score: Scored) -> list[tuple[Learned, Relation]]:
    """What was learned from held-out data before the losses of a score were computed."""
    return [
        (learned, relation)
        for learned, relation in story.relations(score.marks)
        if learned.marks & HELD_OUT
    ]


def scored_first(story: Story, learned: Learned) -> Counted | None:
    """The count of a reported total that precedes learning in the same turn of a loop over data."""
    reported = 0
    for score in scores(story):
        reported |= score.marks
    for event in story.events:
        if event.order >= learned.order:
            return None
        if isinstance(event, Counted) and event.bit & reported and _share(event, learned):
            return event
    return None


def _share(first: Event, second: Event) -> bool:
    """Whether two events are in the same turn of a loop over the data of the second."""
    for (then, then_turn), (now, now_turn) in zip(first.turns, second.turns, strict=False):
        if then is not now or then_turn != now_turn:
            return False
        if isinstance(then.node, ast.While) or (first.marks | second.marks) & then.bit:
            return True
    return False


def training(story: Story) -> list[Learned]:
    """The steps on training data, in order."""
    return [
        event
        for event in story.events
        if isinstance(event, Learned) and event.marks & TRAINING and not event.table
    ]


def clocked(events: Iterable[Learned]) -> list[Learned]:
    """Those inside a loop that looks at a clock."""
    return [event for event in events if any(loop.clocked for loop, _ in event.turns)]


def limit_seconds(event: Event) -> float | None:
    """The constant that the clock is held to around an event, None where it is not known."""
    found = [
        seconds
        for loop, _ in event.turns
        for seconds in loop.limits
        if seconds >= _SHORTEST_SECONDS
    ]
    return max(found, default=None)


def ran(story: Story, marks: int, without: int = 0) -> list[Ran]:
    """Where a model saw data with all of these marks and none of the others."""
    return [
        event
        for event in story.events
        if isinstance(event, Ran)
        and event.marks & marks == marks
        and not event.marks & (without | COMPUTED)
    ]


def open_track(tree: Tree) -> bool:
    """Whether the submission says that it is for a track without the limit."""
    return any(
        path.endswith(".json") and _OPEN_TRACK.search(content[:_BYTES])
        for path, content in tree.files.items()
    )


def beginning(tree: Tree, path: str, characters: int) -> str:
    """The beginning of a file's text, "" where it was not read."""
    return tree.files.get(path, b"")[:characters].decode("utf-8", "replace")
