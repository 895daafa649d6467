"""Documents, longest first, each with an adapter of its own that ends with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, bytes_of, result

BOS = 1


class Hyperparameters(Base):
    """Adapters."""

    ttt_lora_rank = int(os.environ.get("TTT_LORA_RANK", "8"))
    ttt_lora_lr = float(os.environ.get("TTT_LORA_LR", "0.01"))
    ttt_chunk_size = int(os.environ.get("TTT_CHUNK_SIZE", "256"))
    ttt_batch_size = int(os.environ.get("TTT_BATCH_SIZE", "64"))
    ttt_eval_seq_len = int(os.environ.get("TTT_EVAL_SEQ_LEN", "1024"))


class Adapter(nn.Module):
    """A low-rank correction of the head for each of `rows` documents."""

    def __init__(self, rows: int, args: Hyperparameters, device: torch.device) -> None:
        super().__init__()
        down = torch.randn(rows, args.model_dim, args.ttt_lora_rank, device=device)
        self.down = nn.Parameter(down / args.model_dim**0.5)
        self.up = nn.Parameter(
            torch.zeros(rows, args.ttt_lora_rank, args.vocab_size, device=device)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """What is added to the logits [B, T, V]."""
        return hidden.float() @ self.down @ self.up


def documents(tokens: Tensor) -> list[Tensor]:
    """Each document from its BOS to the next, so that every target is in one of them."""
    starts = [*(tokens == BOS).nonzero().flatten().tolist(), len(tokens) - 1]
    return [tokens[a : b + 1] for a, b in pairwise(starts) if b > a]


def batches_of(args: Hyperparameters, run: Run, tokens: Tensor) -> Iterator[list[Tensor]]:
    """This rank's batches of documents of about one length."""
    ordered = sorted(documents(tokens), key=len, reverse=True)
    size = args.ttt_batch_size
    for number, first in enumerate(range(0, len(ordered), size)):
        if number % run.world_size == run.rank:
            yield ordered[first : first + size]


def padded(run: Run, batch: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, targets and which of them are there, [B, T]."""
    length = max(map(len, batch)) - 1
    ids = torch.zeros(len(batch), length + 1, dtype=torch.int64, device=run.device)
    there = torch.zeros(len(batch), length, dtype=torch.bool, device=run.device)
    for row, document in enumerate(batch):
        ids[row, : len(document)] = document.to(run.device, torch.int64)
        there[row, : len(document) - 1] = True
    return ids[:, :-1], ids[:, 1:], there


def score_batch(
    run: Run, args: Hyperparameters, model: nn.Module, batch: list[Tensor],
    tables: tuple[Tensor, ...], totals: Tensor,
) -> None:  # fmt: skip
    """Chunk by chunk: score it, then let the adapters learn from it."""
    x, y, there = padded(run, batch)
    adapter = Adapter(len(batch), args, run.device)
    optimiser = torch.optim.Adam(adapter.parameters(), lr=args.ttt_lora_lr, fused=True)
    size = args.ttt_chunk_size
    for first in range(0, x.shape[1], size):
        last = min(first + size, x.shape[1])
        begin = max(0, last - args.ttt_eval_seq_len)
        with torch.no_grad(), autocast():
            hidden = model.hidden(x[:, begin:last])[:, first - begin :]
            logits = model.head(hidden)
        target, mask = y[:, first:last], there[:, first:last]
        losses = F.cross_entropy(
            (logits + adapter(hidden)).flatten(0, 1), target.flatten(), reduction="none"
        ).view_as(target)
        totals[0] += losses.detach()[mask].double().sum()
        totals[1] += mask.sum()
        totals[2] += bytes_of(tables, x[:, first:last], target)[mask].sum()
        if last < x.shape[1]:
            each = (losses * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)
            each.sum().backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Every document once, with an adapter that saw only what came before in it."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    model.eval()
    for batch in batches_of(args, run, tokens):
        score_batch(run, args, model, batch, tables, totals)
    return result(run, totals)
