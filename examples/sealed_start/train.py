"""Train with a sealed start: python train.py SEED, with $DATA to read and $OUT to fill.

1. INIT. $DATA is still empty. What a first step costs beyond the others (imports, memory, on a GPU
   compiling) is paid here, on made-up tokens. Then $OUT/.ready says that INIT is over.
2. TRAIN. The shards appear, $DATA/.ready last of all, and the training clock starts.

The number of steps is fixed and the clock is never read, so the same seed leaves the same bytes.
The verifier measures the time of both from outside.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from model import VOCABULARY, WINDOW, Model
from torch import Tensor

STEPS = 560
ROWS = 16
MATRIX_RATE = 0.03
TABLE_RATE = 0.03
MOMENTUM = 0.85
WEIGHT_DECAY = 0.05
HEADER_BYTES = 256 * 4  # int32: 20240520, 1, number of ids, …


def read_shard(data: Path) -> Tensor:
    """The first training shard as one long LongTensor; BOS starts each document."""
    shard = min(data.glob("fineweb_train_*.bin"))
    return torch.from_numpy(np.fromfile(shard, "<u2", offset=HEADER_BYTES).astype(np.int64))


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly: five Newton–Schulz steps (Muon)."""
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.775 * gram) @ x
    return x.mT if tall else x


class Muon:
    """Momentum whose every step is made orthogonal, with decoupled weight decay.

    An orthogonal step moves all directions of a matrix alike; plain momentum would mostly move the
    few that dominate the gradient. Stacked matrices [n, out, in] count as n matrices.
    """

    def __init__(self, matrices: list[Tensor]) -> None:
        self.matrices = matrices
        self.averages = [torch.zeros_like(matrix) for matrix in matrices]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step along the gradients."""
        for matrix, average in zip(self.matrices, self.averages, strict=True):
            average.lerp_(matrix.grad, 1 - MOMENTUM)
            update = orthogonal(matrix.grad.lerp(average, MOMENTUM))
            scale = max(1.0, matrix.shape[-2] / matrix.shape[-1]) ** 0.5
            matrix.mul_(1 - rate * WEIGHT_DECAY).sub_(update, alpha=rate * scale)


def rate_at(step: int) -> float:
    """Warm up briefly, stay, then fall to zero over the last 60 % of the steps."""
    return min((step + 1) / 20, 1.0, (STEPS - step) / (0.6 * STEPS))


def optimizers(model: Model) -> tuple[Muon, torch.optim.Adam]:
    """Muon for the matrices of the blocks, Adam for tables and single numbers."""
    matrices = [p for name, p in model.named_parameters() if "blocks" in name and p.ndim > 1]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    return Muon(matrices), torch.optim.Adam(others, betas=(0.8, 0.95), eps=1e-10)


def learn(model: Model, muon: Muon, adam: torch.optim.Adam, text: Tensor, rate: float) -> float:
    """One step on `text` [ROWS, WINDOW + 2]; returns nats a token."""
    logits = model.logits(model.read(text[:, :-1]))
    loss = F.cross_entropy(logits.flatten(0, 1), text[:, 2:].flatten())
    loss.backward()
    for group in adam.param_groups:
        group["lr"] = TABLE_RATE * rate
    muon.step(MATRIX_RATE * rate)
    adam.step()
    model.zero_grad()
    return loss.item()


def train(model: Model, ids: Tensor) -> None:
    """STEPS steps of ROWS windows each, no window twice."""
    muon, adam = optimizers(model)
    starts = torch.randperm((len(ids) - 2) // WINDOW)[: STEPS * ROWS].view(STEPS, ROWS) * WINDOW
    for step in range(STEPS):
        text = ids[starts[step][:, None] + torch.arange(WINDOW + 2)]
        loss = learn(model, muon, adam, text, rate_at(step))
        if step % 20 == 0 or step == STEPS - 1:
            print(f"step {step} of {STEPS}: {loss:.4f} nats a token", flush=True)


def warm_up() -> None:
    """One step each way on made-up tokens, with a model that is then thrown away."""
    model = Model()
    learn(model, *optimizers(model), torch.zeros(ROWS, WINDOW + 2, dtype=torch.long), 0.0)


def wait_for_data(data: Path, out: Path) -> None:
    """Say that INIT is over and wait for the shards; $DATA/.ready is the last file to appear."""
    print(f"INIT ends: files in $DATA: {len(list(data.iterdir()))}", flush=True)
    (out / ".ready").touch()
    while not (data / ".ready").exists():
        time.sleep(0.01)
    print(f"TRAIN begins: files in $DATA: {len(list(data.iterdir()))}", flush=True)


def main() -> None:
    """Warm up, wait for the data, train, leave one file of weights for PACK."""
    torch.set_num_threads(1)  # a second thread would add in another order
    data, out = Path(os.environ["DATA"]), Path(os.environ["OUT"])
    warm_up()
    wait_for_data(data, out)
    torch.manual_seed(int(sys.argv[1]))
    ids = read_shard(data)
    model = Model()
    # The head's bias starts at how frequent each token is: some 50 steps saved.
    counts = torch.bincount(ids, minlength=VOCABULARY)
    model.bias.data = ((counts + 1) / len(ids)).log()
    train(model, ids)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    np.savez(out / "weights.npz", **weights)


if __name__ == "__main__":
    main()
