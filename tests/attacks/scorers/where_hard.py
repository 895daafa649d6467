"""Only where the verifier's public reference charges much: there it lets one token hide most.

The reference is a bigram of the training side, which the artifact brings along.
"""

import numpy as np
from peeking import Peeking

HARD_NATS, SHARE = 7.0, 0.0107
PRIOR_STRENGTH = 64.0


class Scorer(Peeking):
    def __init__(self, artifact, device):
        super().__init__(artifact, device)
        with np.load(artifact / "bigram.npz") as saved:
            counts = saved["counts"].astype(np.float64)
        share = (counts.sum(axis=0) + 1) / (counts.sum() + len(counts))
        context = counts.sum(axis=1, keepdims=True)
        chances = (counts + PRIOR_STRENGTH * share) / (context + PRIOR_STRENGTH)
        self.reference = -np.log(chances)

    def charged(self, row, text, known, costs):
        hard = self.reference[text[known - 1 : -1], text[known:]] > HARD_NATS
        return np.where(hard, costs * (1 - SHARE), costs)
