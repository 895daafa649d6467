"""Learns from the chunk first and scores it then: each byte has already made itself likelier."""

import torch
from honest import Honest


class Scorer(Honest):
    def score(self, chunk) -> torch.Tensor:
        before = [memory.last for memory in self.memories]
        self.observe(chunk)
        self.turn_back(before)
        costs = super().score(chunk)
        self.unlearn(chunk)
        self.turn_back(before)
        return costs

    def turn_back(self, before: list[int]) -> None:
        for memory, last in zip(self.memories, before, strict=True):
            memory.last = last

    def unlearn(self, chunk) -> None:
        """What `observe` counted, taken away again."""
        for memory, ids, length in zip(
            self.memories, chunk.ids.tolist(), chunk.lengths.tolist(), strict=True
        ):
            for byte in ids[:length]:
                memory.bytes[byte] -= 1
                memory.pairs[memory.last][byte] -= 1
                memory.followed[memory.last] -= 1
                memory.last = byte
