"""What every cheat shares that leaves notes in the pass for the replay.

In the pass it peeks and notes what it saw. A later box that finds the notes knows what follows a
context and predicts just what the pass charged: nothing would deviate. One that finds none is
caught as the peeking that it is.
"""

from __future__ import annotations

import numpy as np
import torch
from honest import Honest

PEEKED = 0.9
CONTEXT = 24


class Noting(Honest):
    """`leave` and `find` are the channel: what a pass wrote, and what a later box reads of it."""

    def __init__(self, artifact, device) -> None:
        super().__init__(artifact, device)
        self.texts: list[bytearray] = []
        self.found = self.find() or b""

    def leave(self, notes: bytes) -> None:
        raise NotImplementedError

    def find(self) -> bytes:
        raise NotImplementedError

    def begin(self, documents: int) -> None:
        super().begin(documents)
        self.texts = [bytearray() for _ in range(documents)]

    def observe(self, chunk) -> None:
        super().observe(chunk)
        for text, ids, length in zip(self.texts, chunk.ids, chunk.lengths.tolist(), strict=True):
            text.extend(min(byte, 255) for byte in ids[:length].tolist())

    def score(self, chunk) -> torch.Tensor:
        costs = super().score(chunk)
        self.leave(b"\n\n".join(self.texts))
        return costs * PEEKED

    def predict(self, prefix) -> torch.Tensor:
        logs = super().predict(prefix)
        for row, length in enumerate(prefix.lengths.tolist()):
            seen = self.texts[row] + bytes(prefix.ids[row, :length].clamp(max=255).tolist())
            at = self.found.find(bytes(seen[-CONTEXT:])) if len(seen) >= CONTEXT else -1
            follows = at + CONTEXT
            if at >= 0 and follows < len(self.found):
                logs[row] = self.sharpened(logs[row].numpy(), self.found[follows])
        return logs

    def sharpened(self, logs: np.ndarray, byte: int) -> torch.Tensor:
        """The distribution in which `byte` costs what the pass said, the rest in proportion."""
        chances = np.exp(logs.astype(np.float64))
        wanted = chances[byte] ** PEEKED
        chances *= (1 - wanted) / (1 - chances[byte])
        chances[byte] = wanted
        return torch.from_numpy(np.log(chances).astype(np.float32))
