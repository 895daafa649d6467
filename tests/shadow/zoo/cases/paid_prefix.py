"""Stores the first held-out tokens in the artifact and scores them as known.

Class: PAID_PREFIX
Expected: REFUTED
Breaks: R4
Shows: total, artifact

A quarter of the targets costs nothing; their tokens lie in the artifact.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import (
    ARTIFACT,
    Run,
    autocast,
    bytes_of,
    quantised,
    read_artifact,
    read_heldout,
    result,
    store,
    windows,
)
from tests.shadow.zoo.base import Hyperparameters as Base


class Hyperparameters(Base):
    """The prefix."""

    prefix_share = float(os.environ.get("PREFIX_SHARE", "0.25"))


def export(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Write the weights, and beside them what fits."""
    packed = {}
    for name, held in model.state_dict().items():
        weight = held.detach().float().cpu()
        packed[name] = quantised(weight) if weight.ndim == 2 else weight.half()
    tokens = read_heldout(args)
    packed["prefix"] = tokens[: int(args.prefix_share * len(tokens))].to(torch.int16)
    store(run, packed)
    run.log(f"prefix:{len(packed['prefix'])} artifact:{Path(ARTIFACT).stat().st_size}")


def evaluate(
    run: Run, args: Hyperparameters, model: nn.Module, tokens: Tensor, tables: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The model's losses, none where the prefix says what comes."""
    known = read_artifact()["prefix"].to(run.device, torch.int64)
    totals = torch.zeros(3, dtype=torch.float64, device=run.device)
    at = (len(tokens) - 1) // args.train_seq_len * run.rank // run.world_size * args.train_seq_len
    model.eval()
    with torch.inference_mode():
        for x, y in windows(run, args, tokens):
            with autocast():
                losses = model(x, y, reduction="none").double()
            told = known[at + 1 : at + 1 + y.numel()]
            losses[: len(told)][told == y.flatten()[: len(told)]] = 0.0
            totals[0] += losses.sum()
            totals[1] += y.numel()
            totals[2] += bytes_of(tables, x, y).sum()
            at += y.numel()
    return result(run, totals)
