"""What of a program could not be followed, where, and why? Records; decides nothing.

Silence about a script means something only where all of it was read. What a bound cut short, and
what is known only once the script runs, is said here, so that nobody takes it for nothing found.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.source.unit import Unit

_LINE_CHARACTERS = 200


class Barrier(StrEnum):
    """What kept reading from going on."""

    LIMIT = "limit"  # too deep, too many, too large: a bound of this reader
    UNREADABLE = "unreadable"  # known only once the script runs, or not Python that parses


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollowed:
    """One thing on the live path that was not followed.

    `line` is 1-based, 0 where it is the whole text's; `text` that line; `layer` as of a Unit.
    `why` is a clause about what stands there, to be put after the place: "executes a text that is
    not known before it runs".
    """

    barrier: Barrier
    path: str
    line: int
    text: str
    layer: str
    why: str

    @property
    def location(self) -> Mapping[str, object]:
        """The fields of a Location."""
        return {"path": self.path, "line": self.line, "text": self.text, "layer": self.layer}


def unfollowed(
    barrier: Barrier, why: str, unit: Unit, node: ast.AST | None = None, *, line: int = 0
) -> Unfollowed:
    """What stands at `node` of `unit`, or on `line`, was not followed."""
    number = getattr(node, "lineno", line)
    rows = unit.rows()
    text = rows[number - 1].strip()[:_LINE_CHARACTERS] if 0 < number <= len(rows) else ""
    return Unfollowed(
        barrier=barrier, path=unit.path, line=number, text=text, layer=unit.layer, why=why
    )
