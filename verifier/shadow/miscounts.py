"""How many bytes does a script say that a token has? In the right way, and in those known as wrong.

Wrong ways that occur take a leading space for none, two, or the bytes of its mark; a byte's own
piece for the three bytes of a replacement character, or for how its name is spelled; BOS for its
name (RULES.md §2, BYTE_*). They occur together, so that all their combinations are ways.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifier.shadow.streams import Ids
from verifier.shadow.world import CONTROLS, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Bytes counted beside a piece's own, without its mark of a space.

    `marked` for a leading space wherever it stands, `spaced` for one behind no boundary; `byte` and
    `control` are those too many for a byte's own piece and for a control piece.
    """

    marked: int
    spaced: int
    byte: int
    control: int

    @property
    def said(self) -> str:
        """What it makes of a token, in words."""
        return " and ".join(
            part
            for part in (
                _SPACES[self.marked, self.spaced],
                f"{1 + self.byte} bytes for a byte's own piece" if self.byte else "",
                f"{self.control} bytes for BOS" if self.control else "",
            )
            if part
        )


_SPACES = {
    (0, 1): "",
    (1, 0): "a leading space behind BOS too",
    (0, 0): "no leading space",
    (1, 1): "every leading space twice",
    (3, 0): "3 bytes for a leading space",
    (3, 1): "4 bytes for a leading space",
}
_BYTES = (0, 2, 5)
_CONTROLS = (0, 3)

WAYS: tuple[Way, ...] = tuple(
    Way(marked=marked, spaced=spaced, byte=byte, control=control)
    for (marked, spaced), byte, control in itertools.product(_SPACES, _BYTES, _CONTROLS)
)
"""The first is that of the competition's table."""


def counts(world: World, ids: Ids) -> npt.NDArray[np.int64]:
    """The bytes of each token of a stream in each way [n, ways]; 0 for the first token."""
    pieces = world.pieces
    marked = pieces.leading_space[ids]
    spaced = marked.copy()
    spaced[1:] &= ~pieces.boundary[ids[:-1]]
    control = ids < len(CONTROLS)
    byte = ~control & (ids < len(CONTROLS) + 256)
    parts = np.stack([pieces.base_bytes[ids], marked, spaced, byte, control], axis=1)
    weights = [[1, way.marked, way.spaced, way.byte, way.control] for way in WAYS]
    made: npt.NDArray[np.int64] = parts.astype(np.int64) @ np.array(weights, np.int64).T
    made[0] = 0
    return made
