"""How does a long step show that it is alive? What rooms ask of whoever watches them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """One phase under way."""

    def advance(self, amount: float) -> None:
        """`amount` more of the phase's total is done."""

    def stopped(self, why: str) -> None:
        """The phase ends before its end, and not by an exception."""


class Watch(Protocol):
    """Whoever shows progress."""

    def phase(self, name: str, total: float | None) -> AbstractContextManager[Progress]:
        """A phase begins; it ends with the `with` block. `total` None: unknown."""

    def note(self, text: str) -> None:
        """One sentence worth showing."""


class _Unseen:
    def advance(self, amount: float) -> None:
        """Nobody is watching."""

    def stopped(self, why: str) -> None:
        """Nobody is watching."""


class Unwatched:
    """A watch that shows nothing."""

    def phase(self, name: str, total: float | None) -> AbstractContextManager[Progress]:
        """A phase that nobody sees."""
        return nullcontext(_Unseen())

    def note(self, text: str) -> None:
        """Not shown."""
