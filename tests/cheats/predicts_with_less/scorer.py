"""`predict` looks back one byte less than `score` does, by mistake."""

import numpy as np
import torch
from honest import END, Honest


class Scorer(Honest):
    def predict(self, prefix) -> torch.Tensor:
        ids, lengths = prefix.ids.numpy(), prefix.lengths.tolist()
        logs = np.empty((len(lengths), self.vocabulary))
        for row, length in enumerate(lengths):
            context = int(ids[row, length - 1]) if length else END
            logs[row] = np.log(self.chances(self.memories[row], context))
        return torch.from_numpy(logs.astype(np.float32))
