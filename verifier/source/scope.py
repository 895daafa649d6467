"""What does folding ask about what it cannot know itself, and how much may it ask?"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Protocol

_BYTES_A_STEP = 16
_BYTES_READ_A_STEP = 256
UNPACKED = 24_000_000
"""Bytes that one program may unpack; people unpack 400,000."""


@dataclass(slots=True)
class Budget:
    """How much folding is still done: steps, each an expression or some bytes of a text."""

    left: int
    deep: int = 0
    """How many expressions are being folded, one for another."""
    unpacked: int = UNPACKED
    """How many bytes may still be unpacked."""

    def spend(self, value: object) -> object:
        """Charge for a value that was made. Returns it."""
        if isinstance(value, str | bytes | list | tuple):
            self.left -= len(value) // _BYTES_A_STEP
        return value

    def read(self, value: object) -> None:
        """Charge for a value that is looked through."""
        if isinstance(value, str | bytes):
            self.left -= len(value) // _BYTES_READ_A_STEP
        elif isinstance(value, list | tuple | dict | frozenset):
            self.left -= len(value) // _BYTES_A_STEP

    @property
    def spent(self) -> bool:
        """Whether something may not have been computed for it."""
        return self.left <= 0 or self.unpacked <= 0


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
