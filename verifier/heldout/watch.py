"""How does a long step show that it is alive? What this room asks of whoever watches it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """One phase under way."""

    def advance(self, amount: float) -> None:
        """`amount` more of the phase's total is done."""


class Watch(Protocol):
    """Whoever shows progress; None stands for nobody."""

    def phase(self, name: str, total: float | None) -> AbstractContextManager[Progress]:
        """A phase begins; it ends with the `with` block."""

    def note(self, text: str) -> None:
        """One sentence worth showing."""


class _Unseen:
    def advance(self, amount: float) -> None:
        """Nobody is watching."""


def phase(
    watch: Watch | None, name: str, total: float | None = None
) -> AbstractContextManager[Progress]:
    """The watch's phase, or one that nobody sees."""
    return nullcontext(_Unseen()) if watch is None else watch.phase(name, total)
