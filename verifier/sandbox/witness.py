"""Who watches while boxes run? A sandbox whose boxes are shown to witnesses as they start.

A phase's code asks for boxes as ever; what it is handed is `Witnessed`, and each box that it starts
is told to every witness before anyone waits for it. A witness looks from outside, in its own
thread, until it is left. Must never change a box, nor how one ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from verifier.records import BoxSpec, Root
from verifier.sandbox.interface import Box, Sandbox


class Witness(Protocol):
    """Looks at boxes while they run."""

    def starting(self, spec: BoxSpec) -> None:
        """A box is asked for as `spec` says: none of it runs yet."""

    def started(self, box: Box, spec: BoxSpec) -> None:
        """`box` has just started as `spec` asked. May be called from several threads."""


class Witnessed:
    """A `Sandbox` that makes the same boxes as another, before witnesses."""

    def __init__(self, sandbox: Sandbox, witnesses: Sequence[Witness]) -> None:
        """`sandbox` makes the boxes."""
        self._sandbox = sandbox
        self._witnesses = tuple(witnesses)
        self.name = sandbox.name
        self.level = sandbox.level

    def prepare(self, root: Root) -> None:
        """Make `root` ready."""
        self._sandbox.prepare(root)

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box, and show it to the witnesses."""
        for witness in self._witnesses:
            witness.starting(spec)
        box = self._sandbox.start(spec)
        for witness in self._witnesses:
            witness.started(box, spec)
        return box

    def lacking(self) -> tuple[str, ...]:
        """The walls that the backend does not have on this machine."""
        return self._sandbox.lacking()


def phase_of(spec: BoxSpec) -> str:
    """train, pack, script, pass, replay, …: the first word of a box's label."""
    return spec.label.partition("-")[0]
