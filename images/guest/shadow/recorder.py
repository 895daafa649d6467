"""What was lost on which token, and when? Notes, never evidence by themselves.

One block a call that scored tokens of the held-out or the training stream. Kept as arrays, up to a
bound, and written whenever a score is printed and when the script ends, however it ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .places import Places
from .ticking import Clock, real_seconds

TOKENS = 20_000_000
"""Noted in all; what comes later is left out, and said so."""
LINES = 20_000
FILES = 2_000
USES = 200
_LINE_CHARACTERS = 2_000
_ENOUGH = 8
"""Recognised tokens that make a call one about a stream, where most of its targets are unknown."""
_SAVING = 10
"""A save may take one part in so many of the run's time, the first aside."""
_ADAPTING = 100
"""Steps once there is an artifact adapt a little to a little, and cost so much less time."""
HELDOUT, TRAINING = 0, 1


class Notes:
    """Everything noted, in order. `ids` and `costs` are flat, row by row."""

    def __init__(
        self, heldout: NDArray[np.uint16], train: NDArray[np.uint16], folder: Path, clock: Clock
    ) -> None:
        self.streams = (Places(heldout), Places(train))
        self.clock = clock
        self.path = folder / f"rank{os.environ.get('RANK', '0')}"
        self.process = os.getpid()
        self.positions: list[NDArray[np.int64]] = []
        self.costs: list[NDArray[np.float64]] = []
        self.blocks: list[tuple[int, bool, int]] = []  # steps before it, gradient, source
        self.tokens = 0
        self.cut = False
        self.steps = 0
        self.lines: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.newer: list[int] = []
        self.uses: list[dict[str, Any]] = []
        self.learns_from: int | None = None
        self.learning = False
        self.first_artifact: str | None = None
        self.last_step: float | None = None
        self._saved = 0.0
        self._saving = 0.0

    # -- what the script does ---------------------------------------------------------------------

    def source_of(self, ids: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]] | None:
        """Which stream tokens come from, and their places in it; None where from neither."""
        found = [places.of(ids) for places in self.streams]
        known = [int((each >= 0).sum()) for each in found]
        source = HELDOUT if known[HELDOUT] >= known[TRAINING] else TRAINING
        enough = known[source] >= _ENOUGH or known[source] * 2 >= max(1, len(ids))
        return (source, found[source]) if enough else None

    def scored(
        self, ids: NDArray[np.int64], costs: Callable[[], NDArray[np.float64]], gradient: bool
    ) -> None:
        """Targets were scored. `costs`, in nats, is asked for only where they are of a stream."""
        found = self.source_of(ids) if len(ids) else None
        if found is None:
            return
        source, place = found
        if source == TRAINING and not gradient:
            self.used({"block": len(self.blocks)})
        if gradient:
            self.learns_from = source
            self.learning = True
        if self.tokens + len(ids) > TOKENS:
            self.cut = True
            return
        self.tokens += len(ids)
        self.blocks.append((self.steps, gradient, source))
        self.positions.append(place)
        self.costs.append(costs())

    def seen(self, ids: NDArray[np.int64], gradient: bool) -> None:
        """Tokens went into a model, whether or not anything of them is scored."""
        if gradient or len(self.uses) >= USES:
            return
        found = self.source_of(ids)
        if found is not None and found[0] == TRAINING:
            self.used({"block": len(self.blocks)})

    def used(self, what: dict[str, Any]) -> None:
        """Training tokens were used."""
        if len(self.uses) < USES:
            self.uses.append({**what, "seconds": self.clock.now})

    def stepped(self) -> None:
        """An optimiser took a step. One on training tokens begins the list of later uses anew."""
        self.steps += 1
        # Several optimisers, of matrices and of the rest, share one iteration.
        if self.learning or self.learns_from is None:
            self.clock.stepped()
        self.learning = False
        if self.learns_from != HELDOUT:
            self.uses.clear()
        if self.first_artifact is None:
            self.last_step = self.clock.now

    def opened(self, path: str, mode: str, artifact: bool, training: bool) -> None:
        """A file below the world or the working folder was opened."""
        if artifact and self.first_artifact is None:
            self.first_artifact = path
            self.clock.hasten(_ADAPTING)
        if training:
            self.used({"path": path})
        if len(self.files) < FILES:
            self.files.append(
                {"path": path, "mode": mode, "step": self.steps, "block": len(self.blocks)}
            )

    def said(self, line: str) -> None:
        """A line of stdout; those that name a score are kept, and all that was noted so far."""
        lowered = line.lower()
        if "loss" not in lowered and "bpb" not in lowered:
            return
        if len(self.lines) < LINES:
            text = line[:_LINE_CHARACTERS]
            self.lines.append({"text": text, "block": len(self.blocks), "step": self.steps})
        if real_seconds() - self._saved >= _SAVING * self._saving:
            self.save()

    # -- what is kept of it -----------------------------------------------------------------------

    def save(self) -> None:
        """Write both files, each in one piece. Only the process that the notes are of does."""
        if os.getpid() != self.process:
            return
        began = real_seconds()
        counts = [len(each) for each in self.positions]
        unfinished = self.path.with_suffix(".part.npz")
        np.savez(
            unfinished,
            position=np.concatenate(self.positions or [np.empty(0, np.int64)]),
            cost=np.concatenate(self.costs or [np.empty(0, np.float64)]),
            block=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
            step=np.array([each[0] for each in self.blocks], np.int64),
            gradient=np.array([each[1] for each in self.blocks], np.bool_),
            source=np.array([each[2] for each in self.blocks], np.int8),
        )
        os.replace(unfinished, self.path.with_suffix(".npz"))
        unfinished = self.path.with_suffix(".part.json")
        unfinished.write_text(json.dumps(self._told()))
        os.replace(unfinished, self.path.with_suffix(".json"))
        self._saved = real_seconds()
        self._saving = self._saved - began

    def _told(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "files": self.files,
            "refused": self.refused,
            "newer": self.newer,
            "steps": self.steps,
            "seconds": self.clock.now,
            "first_artifact": self.first_artifact,
            "train_last_step_seconds": self.last_step,
            "train_reads_after": self.uses,
            "cut": self.cut,
        }
