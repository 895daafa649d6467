"""The network's distribution, mixed with the n-grams that the document has had so far.

The mixture is a distribution whatever the token turns out to be: each length of context takes a
share from all that is known so far and gives away exactly that share. Nothing is mixed in for the
true token only; `score` looks it up in the vector that `predict` would answer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scorer
import torch
from model import BOS
from scorer import Chunk
from torch import Tensor

# How many counts must come together to weigh as much as all that is known without them, for
# contexts of 1, 2, … tokens: a frequent token proves little, a repeated phrase a lot.
TRUST = (100.0, 20.0, 8.0, 4.0)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def mixed(shares: Floats, text: Ints) -> Floats:
    """`shares` [VOCABULARY] of the token after `text`, which begins with BOS, with its n-grams."""
    places = np.arange(1, len(text))
    for length, trust in enumerate(TRUST, start=1):
        # Of the places so far, those where one token more agrees; BOS is the first token.
        places = places[text[places - length] == text[-length]]
        if len(places) == 0:
            break
        shares = shares * trust
        np.add.at(shares, text[places], 1.0)
        shares /= trust + len(places)
        if text[-length] == BOS:
            break
    return shares


class Scorer(scorer.Scorer):
    """The baseline's network beside counts. All that is learned is the text of the documents."""

    def reset(self) -> None:
        """Forget the texts."""
        self.texts: list[Ints] = []

    def begin(self, documents: int) -> None:
        """New documents: each row has seen BOS and nothing else."""
        super().begin(documents)
        self.texts = [np.array([BOS])] * documents

    def score(self, chunk: Chunk) -> Tensor:
        """Nats [B, C] for each token of the chunk. Changes nothing."""
        shares = self._shares(self.reader.everywhere(chunk.ids))
        costs = np.zeros(chunk.ids.shape)
        for row, (text, known) in enumerate(self._continued(chunk)):
            for place in range(known, len(text)):
                mixture = mixed(shares[row, place - known], text[:place])
                costs[row, place - known] = -np.log(mixture[text[place]])
        return torch.from_numpy(costs).float()

    def predict(self, prefix: Chunk) -> Tensor:
        """Log-probabilities [B, VOCABULARY] after each row's prefix. Changes nothing."""
        shares = self._shares(self.reader.after(prefix.ids, prefix.lengths))
        texts = (text for text, _ in self._continued(prefix))
        answers = [np.log(mixed(*each)) for each in zip(shares, texts, strict=True)]
        return torch.from_numpy(np.stack(answers)).float()

    def observe(self, chunk: Chunk) -> None:
        """The chunk has been charged: now, and only now, it counts."""
        self.texts = [text for text, _ in self._continued(chunk)]
        super().observe(chunk)

    def _shares(self, known: Tensor) -> Floats:
        """The network's probabilities, [..., WIDTH] to [..., VOCABULARY]."""
        return self.model.logits(known).double().softmax(-1).cpu().numpy()

    def _continued(self, chunk: Chunk) -> list[tuple[Ints, int]]:
        """Each row's text with the chunk's real tokens at its end, and where those begin."""
        rows = zip(self.texts, chunk.ids.cpu().numpy(), chunk.lengths.tolist(), strict=True)
        return [(np.append(text, ids[:length]), len(text)) for text, ids, length in rows]
