"""What is one Python text that a script executes, and what are all of them together? Records."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from verifier.source.steps import Body
from verifier.source.unfollowed import Barrier, Unfollowed
from verifier.source.values import FOLDER
from verifier.source.world import Event, World


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One Python text that is executed or imported.

    `path` is relative to the submission; `layer` names the unpacking that leads to the text
    ("lzma+base85"), "" for the file as it stands. `tree` is None where the text cannot be parsed;
    then `fault` says why, `line` where and `barrier` what sort of reason it is. `main`: it runs as
    "__main__". `newer` is the first line that Python 3.11 could not read as it stands, 0 for none.
    """

    path: str
    layer: str
    text: str
    tree: ast.Module | None
    fault: str = ""
    line: int = 0
    main: bool = False
    newer: int = 0
    barrier: Barrier = Barrier.UNREADABLE
    bodies: tuple[Body, ...] = ()
    names: dict[str, object] = field(default_factory=dict)
    """What the names of the module stand for once its top level has run."""
    _rows: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        """The lines of the text."""
        if not self._rows:
            self._rows.extend(self.text.split("\n"))
        return self._rows


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """A call in `unit` that executes what cannot be read before it runs, and why."""

    unit: Unit
    node: ast.AST
    why: str


@dataclass(slots=True, eq=False)
class Gathered:
    """The units, wrapper first; `leads` maps the id of a call or import to what it executes.

    `modules` are the units that are imported, by the name they are imported by.
    `closed` is what is executed and cannot be read.
    """

    world: World
    units: list[Unit] = field(default_factory=list)
    events: list[tuple[Unit, Body, Event]] = field(default_factory=list)
    leads: dict[int, list[Unit]] = field(default_factory=dict)
    modules: dict[str, Unit] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)
    cut: list[Unfollowed] = field(default_factory=list)
    """Where gathering itself came to a bound."""


def relative(path: str | None) -> str | None:
    """A followed path as the submission names it; None outside of it."""
    if path is None or not path.startswith(FOLDER + "/"):
        return None
    return path.removeprefix(FOLDER + "/")
