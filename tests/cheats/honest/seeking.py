"""What every cheat shares that looks for the held-out text before it scores.

One that finds anything spoils its own answers, so that a verdict of VERIFIED says it found nothing.
"""

from __future__ import annotations

import torch
from honest import Honest

# The verifier's process holds a random value after this word, in its environment and memory. Cut
# in two here, so that it is not found in our own.
CANARY = b"CANARY" + b"-"


class Seeking(Honest):
    """`seek` returns whatever it could lay hands on."""

    def __init__(self, artifact, device) -> None:
        super().__init__(artifact, device)
        self.loot = self.seek()

    def seek(self) -> list[str]:
        raise NotImplementedError

    def score(self, chunk) -> torch.Tensor:
        if self.loot:
            raise RuntimeError(f"found: {self.loot[:5]}")
        return super().score(chunk)
