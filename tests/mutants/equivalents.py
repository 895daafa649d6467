"""Which survivors are no faults? The reviewed list, equivalents.toml, each with its reason.

An entry names one change of lines in one function. It must match exactly as many survivors as it
says (`places`, 1 unless given): what matches none any more is an error, as is a reason left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.keeping import Mutant

LIST = Path(__file__).parent / "equivalents.toml"


@dataclass(frozen=True)
class Equivalent:
    """In `function` of `file`, `before` turned into `after` means the same, for `reason`."""

    file: str
    function: str
    before: str
    after: str
    reason: str
    places: int = 1

    def __post_init__(self) -> None:
        if len(self.reason.split()) < 3:
            raise ValueError(f"{self.file} {self.function}: say why {self.after!r} is equivalent")

    def matches(self, mutant: Mutant) -> bool:
        """Whether it is this change, wherever in the function."""
        mine = (self.file, self.function, self.before, self.after)
        return mine == (mutant.file, mutant.function, mutant.before, mutant.after)


def read(path: Path = LIST) -> tuple[Equivalent, ...]:
    """Raises TypeError for a key that is missing or unknown, ValueError without a reason."""
    return tuple(Equivalent(**each) for each in tomllib.loads(path.read_text())["equivalent"])


def sort(
    survivors: Sequence[Mutant], listed: Sequence[Equivalent]
) -> tuple[list[Mutant], list[Mutant], list[Equivalent]]:
    """Survivors that stand, survivors that are equivalent, and entries that do not hold."""
    equivalent: list[Mutant] = []
    void = []
    for entry in listed:
        found = [mutant for mutant in survivors if entry.matches(mutant)]
        if len(found) == entry.places:
            equivalent += found
        else:
            void.append(entry)
    return [each for each in survivors if each not in equivalent], equivalent, void
