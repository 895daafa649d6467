"""Scores with windows that overlap: each token once, with almost a window of context.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

Most positions are seen by several windows, and counted in one.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, bytes_of, result


class Hyperparameters(Base):
    """The windows."""

    eval_stride = int(os.environ.get("EVAL_STRIDE", "64"))
    eval_seq_len = int(os.environ.get("EVAL_SEQ_LEN", "1024"))
    eval_batch_seqs = int(os.environ.get("EVAL_BATCH_SEQS", "32"))


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The first window counts whole, every other its last stride."""
    length, stride = args.eval_seq_len, args.eval_stride
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    starts = list(range(0, len(tokens) - length, stride))
    mine = starts[len(starts) * run.rank // run.world_size :]
    mine = mine[: len(starts) * (run.rank + 1) // run.world_size - len(starts) + len(mine)]
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(mine), args.eval_batch_seqs):
            batch = mine[first : first + args.eval_batch_seqs]
            rows = torch.stack([tokens[at : at + length + 1] for at in batch])
            rows = rows.to(run.device, torch.int64)
            x, y = rows[:, :-1], rows[:, 1:]
            with autocast():
                losses = model(x, y, reduction="none").view_as(y)
            counted = torch.zeros_like(y, dtype=torch.bool)
            counted[:, length - stride :] = True
            if batch[0] == 0:
                counted[0] = True
            totals[0] += losses[counted].double().sum()
            totals[1] += counted.sum()
            totals[2] += bytes_of(tables, x, y)[counted].sum()
    return result(run, totals)
