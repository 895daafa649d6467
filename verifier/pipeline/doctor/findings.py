"""What is one thing that was looked at, and what do all of them come to?

Must never look at anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verifier.records import Assurance


class State(StrEnum):
    """How a check stands: as it should, weaker than it could, or missing what is needed."""

    WELL = "well"
    WEAKER = "weaker"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `remedy` says what would mend it, "" where nothing is amiss.

    `lacking` are walls that no remedy gives to this kind of box here.
    """

    about: str
    state: State
    found: str
    remedy: str = ""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Checks of one kind, in the order in which they are told."""

    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was looked at. `level` is that of `auto`'s box, `backend` what makes it."""

    parts: tuple[Part, ...]
    level: Assurance
    backend: str

    @property
    def checks(self) -> tuple[Check, ...]:
        """Of all parts."""
        return tuple(check for part in self.parts for check in part.checks)

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing, else 2: a verdict will be open here."""
        return 2 if any(check.state is State.MISSING for check in self.checks) else 0


def checked(about: str, found: str, amiss: str, remedy: str) -> Check:
    """WEAKER for what is `amiss`, with its remedy; WELL, as it was found, where that is ""."""
    if amiss:
        return Check(about, State.WEAKER, amiss, remedy)
    return Check(about, State.WELL, found)
