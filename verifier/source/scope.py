"""What does folding ask about what it cannot know itself, and how much may it ask?"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Protocol

_BYTES_A_STEP = 16


@dataclass(slots=True)
class Budget:
    """How much folding is still done: steps, each an expression or some bytes of a text."""

    left: int
    deep: int = 0
    """How many expressions are being folded, one for another."""

    def spend(self, value: object) -> object:
        """Charge for a value that was made. Returns it."""
        if isinstance(value, str | bytes | list | tuple):
            self.left -= len(value) // _BYTES_A_STEP
        return value


class Scope(Protocol):
    """What folding asks about what it cannot know itself. Each answer may be UNKNOWN."""

    budget: Budget

    def name(self, name: str) -> object:
        """The value of a name."""

    def attribute(self, base: object, node: ast.Attribute) -> object:
        """The value of an attribute; `base` is what it is asked of, UNKNOWN where that is."""

    def called(
        self, function: object, node: ast.Call, arguments: list[object], keywords: dict[str, object]
    ) -> object:
        """The result of what is not pure: a dotted name, "value.method", or a value called."""

    def wants(self, function: str, node: ast.Call) -> bool:
        """Whether `called` has to be told of this call of a function, "" for one not known."""

    def refused(self, why: str) -> None:
        """A decoder refused its input."""
