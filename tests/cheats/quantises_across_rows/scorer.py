"""Rounds its chances to 8 bits with one scale for the whole batch: a row depends on companions."""

import numpy as np
import torch
from honest import Honest

LEVELS = 127.0


class Scorer(Honest):
    def rounded(self, logs: np.ndarray, scale: float) -> np.ndarray:
        coarse = np.round(logs / scale * LEVELS) / LEVELS * scale
        return coarse - np.log(np.exp(coarse).sum(axis=-1, keepdims=True))

    def scale(self) -> float:
        """The largest figure in any row's state, as an activation scale would be."""
        return 8.0 + max(float(memory.bytes.max()) for memory in self.memories) ** 0.25

    def score(self, chunk) -> torch.Tensor:
        ids, scale = chunk.ids.numpy(), self.scale()
        costs = np.zeros(ids.shape)
        for row, length in enumerate(chunk.lengths.tolist()):
            memory, last = self.memories[row], self.memories[row].last
            for column in range(length):
                logs = self.rounded(np.log(self.chances(memory, last)), scale)
                costs[row, column] = -logs[ids[row, column]]
                last = int(ids[row, column])
        return torch.from_numpy(costs.astype(np.float32))

    def predict(self, prefix) -> torch.Tensor:
        logs = super().predict(prefix).numpy().astype(np.float64)
        return torch.from_numpy(self.rounded(logs, self.scale()).astype(np.float32))
