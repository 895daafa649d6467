"""One interface, one contract: what every backend promises about a box.

Theory of operation. A box is one command with a root file system, read-only inputs, at most one
output folder and nothing else: no network but its own loopback, no capabilities, no new
privileges, an unprivileged user, limits on processes, memory, disk, files and log. It is created
whole, read back (`BoxFacts`), and refused with `BoxNotAsAsked` if the engine made anything else.
It ends as a whole: `kill` and leaving the `with` block take every process in it, never a pid.
The clock is the host's, monotonic; `BoxEnd.wall_seconds` is an interval that holds the truth.

Paths. Argv, environment and `working_folder` are written in box paths (mount targets). A backend
that cannot mount (L0) replaces each mount target that starts a path component by its source.

Every backend must pass `tests/sandbox/test_contract.py`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from verifier.records import Assurance, BoxEnd, BoxFacts, BoxSpec, EndedBy, Root


class Box(Protocol):
    """One running command. Leaving the `with` block kills whatever still runs."""

    facts: BoxFacts

    def poll(self) -> BoxEnd | None:
        """How it ended, or None while it runs. Never blocks."""

    def wait(self, timeout_seconds: float | None = None) -> BoxEnd | None:
        """Wait until the box ends (limits included) or the timeout passes (then None).

        Raises BoxLost when the engine no longer knows the box.
        """

    def kill(self, because: EndedBy = EndedBy.HOST) -> BoxEnd:
        """End every process of the box and say how it ended. Idempotent."""

    def waited_seconds(self) -> float:
        """How long the task of it that waited most has waited for a processor so far."""

    def processes(self) -> set[int]:
        """The host's numbers of its processes now, as far as they can be seen."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Sandbox(Protocol):
    """A way to make boxes. `name` and `level` are printed in every verdict."""

    name: str
    level: Assurance

    def prepare(self, root: Root) -> None:
        """Make `root` ready (import, unpack). Idempotent and cached by digest.

        Raises ImageFault when the bytes at hand are not those of `root.digest`.
        """

    def start(self, spec: BoxSpec) -> Box:
        """Create, read back and start one box.

        Raises BoxNotAsAsked, EngineUnavailable, MissingTool or ImageFault; never returns a box
        that is weaker than asked.
        """

    def lacking(self) -> tuple[str, ...]:
        """The walls this backend does not have on this machine, in words."""
