"""Trains on: what each document showed goes into the table that the next ones are scored by."""

from honest import Honest


class Scorer(Honest):
    def reset(self) -> None:
        """Forgets nothing."""
        for memory in self.memories:
            for before, after in memory.pairs.items():
                for byte, count in after.items():
                    self.trained[before, byte] += count
        self.table = self.tabulated(self.trained)
        super().reset()
