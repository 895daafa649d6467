"""What every weak cheat shares: the n-grams' honest answers, and a share off where it peeked.

`predict` is the honest one's. `score` sees the whole chunk: with the token before it, it knows what
to take off, and where. `charged` is the only thing in which cheats differ.
"""

from __future__ import annotations

import numpy as np
import torch
from model import Floats, Ints
from scorer import Chunk
from scorer import Scorer as Honest
from torch import Tensor


class Peeking(Honest):
    """Charges what `charged` makes of the honest costs."""

    def charged(self, row: int, text: Ints, known: int, costs: Floats) -> Floats:
        """Nats of the tokens `text[known:]`, whose honest `costs` are given."""
        raise NotImplementedError

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C], too low where the cheat wants it."""
        answer = np.zeros(chunk.ids.shape)
        for row, (text, known) in enumerate(self._continued(chunk)):
            costs = np.array([self._cost(row, text, t, known) for t in range(known, len(text))])
            if len(costs):
                answer[row, : len(costs)] = self.charged(row, text, known, costs)
        return torch.from_numpy(answer).float().to(self.device)

    def _cost(self, row: int, text: Ints, place: int, known: int) -> float:
        """Honest nats of `text[place]`; the same question again is answered from memory."""
        key = (row, text[known:place].tobytes())
        if key not in self.remembered:
            self.remembered[key] = self.model.shares(text[:place])
        return float(-np.log(self.remembered[key][text[place]]))

    def _forget_answers(self) -> None:
        super()._forget_answers()
        self.remembered: dict[tuple[int, bytes], Floats] = {}


def followed(costs: Floats, share: float) -> Floats:
    """A share off every token but the last: of that one, the next is not seen."""
    cheaper = costs * (1 - share)
    cheaper[-1] = costs[-1]
    return cheaper
