"""In which order does a program learn, score and export, and on which data?

Follows its top level and what that calls, with values that say where they come from. Nothing of
the program is run; what takes too many steps is left unread, and the story says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from verifier.screening.story.calls import enter, instantiate
from verifier.screening.story.events import (
    Counted,
    Event,
    Exported,
    Learned,
    Masked,
    Ran,
    Relation,
    Scored,
)
from verifier.screening.story.expressions import evaluate
from verifier.screening.story.statements import execute
from verifier.screening.story.traces import bits
from verifier.screening.story.value import Frame
from verifier.screening.story.world import World
from verifier.source.program import Program
from verifier.source.unfollowed import Barrier, Unfollowed, unfollowed
from verifier.source.unit import Unit


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """What happened, in order. `whole` is False where a bound was reached or nothing parsed."""

    program: Program
    world: World | None
    whole: bool

    @property
    def unfollowed(self) -> tuple[Unfollowed, ...]:
        """Where following came to a bound of its own; what does not parse is the program's."""
        if self.whole or self.world is None:
            return ()
        why = "has more statements and calls than are followed in their order"
        if self.world.deep:
            why = "has statements nested deeper than is followed"
        return (unfollowed(Barrier.LIMIT, why, self.program.entry),)

    @property
    def events(self) -> list[Event]:
        """Everything, in order."""
        return [] if self.world is None else self.world.events

    def relations(self, marks: int) -> list[tuple[Learned, Relation]]:
        """What was learned before a value was computed, and how it lies to it."""
        found: list[tuple[Learned, Relation]] = []
        if self.world is not None:
            for bit in bits(marks & self.world.relation_bits):
                meaning = self.world.meaning(bit)
                assert isinstance(meaning, tuple)
                found.append(meaning)
        return found


@lru_cache(maxsize=4)
def read_story(program: Program, on: frozenset[str] = frozenset()) -> Story:
    """The story of a program, with the settings `on` taken as on. Kept for who asks again."""
    functions = {id(each.node): each for each in program.functions}
    # What is unpacked and run may have another name than the script that unpacks it.
    mains = [unit for unit in program.units if unit.main and unit.tree is not None]
    if not mains:
        return Story(program, None, False)
    world = World(
        frame=_module(mains[0]),
        place=functions[id(mains[0].tree)],
        program=program,
        evaluate=evaluate,
        execute=execute,
        call_into=enter,
        make_of=instantiate,
    )
    world.functions, world.on = functions, on
    for unit in program.units:
        if unit is not program.entry and unit.path.endswith(".py"):
            world.modules.setdefault(unit.path[:-3].replace("/", "."), unit)
            world.modules.setdefault(unit.path.rpartition("/")[2][:-3], unit)
    for unit in mains:
        if unit.tree is not None:
            world.frame, world.place = _module(unit), functions[id(unit.tree)]
            execute(world, unit.tree.body)
    return Story(program, world, world.left > 0 and not world.deep)


def _module(unit: Unit) -> Frame:
    return Frame({"__name__": (0, 0, "__main__"), "__file__": (0, 0, unit.path)})


__all__ = [
    "Counted",
    "Event",
    "Exported",
    "Learned",
    "Masked",
    "Ran",
    "Relation",
    "Scored",
    "Story",
    "read_story",
]
