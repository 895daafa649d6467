"""What is the state of the world at one point of a program that is being followed?

Holds the things made so far, the loops and calls entered, and what has been learned; answers how
a value lies to what was learned before it. Executes nothing; every count is bounded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from verifier.screening.story.traces import Traces
from verifier.screening.story.value import (
    SHARDS,
    Frame,
    Kind,
    Outside,
    Routine,
    Value,
)
from verifier.screening.story.vocabulary import shards
from verifier.source.functions import Function
from verifier.source.program import Program
from verifier.source.unit import Unit
from verifier.source.values import UNKNOWN

STEPS = 30_000
"""Statements, calls and subscripts followed in one program; what comes after is not read."""
EVALUATED = 600_000
"""Expressions evaluated in one program."""
DEPTH = 24
"""Calls inside calls."""


@dataclass(slots=True, eq=False, kw_only=True)
class World(Traces):
    """Everything that is true now. `place` is the index of the function being followed."""

    program: Program
    evaluate: Callable[[World, ast.expr | None], Value]
    """How expressions are read; the rooms of this package know each other through it."""
    execute: Callable[[World, list[ast.stmt]], bool]
    """How statements are followed; whether the last of them leaves."""
    call_into: Callable[[World, Routine, list[Value], dict[str, Value], ast.AST], Value]
    """How functions of the program are entered."""
    make_of: Callable[[World, Kind, list[Value], dict[str, Value], ast.Call], Value]
    """How things of the program's classes are made."""
    following: list[int] = field(default_factory=list)
    """The functions entered and not yet left, by the identity of their node."""
    on: frozenset[str] = frozenset()
    """Environment variables that count as "1" whatever the command leaves them at."""
    depth: int = 0
    left: int = STEPS
    evaluated: int = 0
    deep: int = 0
    """Statements that were nested deeper than is followed."""
    paths: dict[tuple[int, int], int] = field(default_factory=dict)
    dull: dict[int, bool] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)
    """The ids of the functions' nodes that were followed into."""
    assigned: dict[int, frozenset[str]] = field(default_factory=dict)
    functions: dict[int, Function] = field(default_factory=dict)
    modules: dict[str, Unit] = field(default_factory=dict)
    imported: dict[int, Frame] = field(default_factory=dict)

    # ------------------------------------------------------------ names

    def value(self, node: ast.expr | None) -> Value:
        """The value of an expression, here and now."""
        return self.evaluate(self, node)

    def name(self, name: str) -> Value:
        """The value of a name; what nobody bound is of the language itself."""
        value = self.frame.find(name)
        return (0, 0, Outside(f"builtins.{name}")) if value is None else value

    def text(
        self, place: Function, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    ) -> str:
        """The lines of a function."""
        return "\n".join(place.unit.rows()[node.lineno - 1 : node.end_lineno])

    def enter(
        self, routine: Routine, arguments: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """What a function of the program returns."""
        return self.call_into(self, routine, arguments, keywords, node)

    def make(
        self, kind: Kind, arguments: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> Value:
        """A new thing of a class of the program."""
        return self.make_of(self, kind, arguments, keywords, node)

    def folded(self, node: ast.expr) -> Value:
        """What an expression stands for under the command's environment."""
        return self.constant_value(self.program.value(node, self.place))

    def variable(self, name: str, default: Value) -> Value:
        """A variable of the command's environment."""
        known, unknown = self.program.launch.seen
        if name in unknown:
            return 0, 0, UNKNOWN
        return self.constant_value(known[name]) if name in known else default

    def constant_value(self, constant: object, marks: int = 0, things: int = 0) -> Value:
        """A value of which a constant is known."""
        if isinstance(constant, PurePosixPath):
            constant = str(constant)
        if isinstance(constant, str):
            return marks | SHARDS[shards(constant)], things, constant
        plain = constant is None or isinstance(constant, int | float | bool)
        return marks, things, constant if plain else UNKNOWN

    def constant(self, name: str) -> object:
        """What a name of the module stands for once its top level has run, or UNKNOWN."""
        found = True if self.is_on(name) else self.place.unit.names.get(name, UNKNOWN)
        return found if isinstance(found, int | float | str | bool) else UNKNOWN

    def is_on(self, name: str) -> bool:
        """Whether a setting counts as on."""
        setting = self.program.settings.get(name) if self.on else None
        return setting is not None and setting.variable in self.on

    def unit_name(self, name: str) -> object:
        """The same of any sort."""
        return self.place.unit.names.get(name)

    def where(self, node: ast.AST) -> Function:
        """The function of the program that a definition is."""
        return self.functions.get(id(node), self.place)

    def sibling(self, module: str) -> Frame | None:
        """The names of a module that is a file of the submission, its top level followed once."""
        unit = self.modules.get(module.lstrip("."))
        if unit is None or unit.tree is None:
            return None
        frame = self.imported.get(id(unit))
        if frame is None:
            frame = self.imported[id(unit)] = Frame({"__name__": (0, 0, module)})
            before = self.frame, self.place
            self.frame, self.place = frame, self.functions[id(unit.tree)]
            self.execute(self, unit.tree.body)
            self.frame, self.place = before
        return frame
