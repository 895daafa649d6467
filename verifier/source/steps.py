"""What does a function do, step by step, as far as calls, names and branches go? The records.

Nobody changes one. The frequent ones are not frozen all the same: tens of thousands are made of one
script, and each would take twice as long.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


OPERANDS = 8
"""`a and b and …` of more than these is taken as if all of it were evaluated."""


@dataclass(slots=True, eq=False)
class Branch:
    """One way or the other. `loops`: the body may run again, so its end is not the way on."""

    test: ast.expr | None
    body: list[Step]
    orelse: list[Step]
    loops: bool = False
    inside: ast.IfExp | ast.BoolOp | None = None
    """The expression that branches, None for a statement."""


@dataclass(slots=True, eq=False)
class Binding:
    """A name gets a value.

    `value` is the very expression, None where it is only made `of` something: a part of it
    (unpacking, a loop, with), or what was there before and it (+=, x[i] = …).
    """

    name: str
    value: ast.expr | None
    of: ast.expr
    node: ast.AST


@dataclass(slots=True, eq=False)
class Store:
    """An attribute gets a value."""

    target: ast.Attribute
    value: ast.expr | None
    of: ast.expr


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """return, raise, continue, break: what follows in the block is not reached."""

    node: ast.stmt


@dataclass(slots=True, eq=False)
class Mention:
    """A name or attribute that may stand for a function is used as a value."""

    node: ast.Name | ast.Attribute


@dataclass(frozen=True, slots=True, eq=False)
class Defines:
    """A nested function or a class is defined here, or names are declared to be of around it."""

    node: Definition | ast.ClassDef | ast.Global | ast.Nonlocal


@dataclass(slots=True, eq=False)
class Block:
    """Statements after which it goes on whatever happens inside: try, with, a loop's body."""

    steps: list[Step]


Step: TypeAlias = (
    ast.Call
    | Branch
    | Binding
    | Store
    | Jump
    | Mention
    | Defines
    | Block
    | ast.Import
    | ast.ImportFrom
)


@dataclass(slots=True, eq=False)
class Body:
    """One function: its qualified name, its syntax, its steps, the class it is a method of."""

    name: str
    node: Definition | ast.Module
    steps: list[Step] = field(default_factory=list)
    calls: list[ast.Call] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    defined: list[Defines] = field(default_factory=list)
    """The steps of a kind in source order, those inside branches and blocks too."""
    owner: ast.ClassDef | None = None
    outer: Body | None = None
