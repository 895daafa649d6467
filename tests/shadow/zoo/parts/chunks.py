"""Chunks of the held-out stream: each is scored, then trained on; weights and momentum stay."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, bytes_of, result, windows
from tests.shadow.zoo.parts.adapting import adapt


class Hyperparameters(Base):
    """Chunks."""

    ttt_rate = float(os.environ.get("TTT_LR", "0.002"))
    epochs = int(os.environ.get("TTT_EPOCHS", "3"))
    momentum = float(os.environ.get("TTT_MOMENTUM", "0.9"))
    ttt_chunk_tokens = int(os.environ.get("TTT_CHUNK_TOKENS", "32768"))


def chunks(args: Hyperparameters, tokens: Tensor) -> Iterator[Tensor]:
    """The stream in chunks, each with the token before its first target."""
    size = args.ttt_chunk_tokens // args.train_seq_len * args.train_seq_len
    for start in range(0, len(tokens) - 1, size):
        yield tokens[start : start + size + 1]


def adaptive_optimiser(args: Hyperparameters, model: nn.Module) -> torch.optim.Optimizer:
    """SGD with momentum."""
    return torch.optim.SGD(model.parameters(), lr=args.ttt_rate, momentum=args.momentum)


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """Score a chunk, train on it, go on to the next."""
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    optimiser = adaptive_optimiser(args, model)
    for chunk in chunks(args, tokens):
        model.eval()
        with torch.no_grad():
            for x, y in windows(run, args, chunk):
                with autocast():
                    losses = model(x, y, reduction="none")
                totals += torch.stack(
                    [
                        losses.double().sum(),
                        losses.new_tensor(y.numel()),
                        bytes_of(tables, x, y).sum(),
                    ]
                )
        for _ in range(args.epochs):
            adapt(run, args, model, optimiser, chunk)
    return result(run, totals)
