"""Chooses the scales by text that the model itself writes.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

No shard is read after training; what is written comes from the weights and a seed.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Run, autocast
from tests.shadow.zoo.parts.calibration import Hyperparameters as Base
from tests.shadow.zoo.parts.calibration import export_calibrated, flow


class Hyperparameters(Base):
    """The text."""

    calib_rows = int(os.environ.get("CALIB_ROWS", "16"))
    calib_length = int(os.environ.get("CALIB_LENGTH", "48"))


def written(run: Run, args: Hyperparameters, model: nn.Module, seed: int) -> Tensor:
    """Rows of the model's own text, [B, T]."""
    chance = torch.Generator(run.device).manual_seed(seed)
    ids = torch.ones(args.calib_rows, 1, dtype=torch.int64, device=run.device)
    with torch.no_grad(), autocast():
        for _ in range(args.calib_length - 1):
            shares = torch.softmax(model.head(model.hidden(ids)[:, -1:])[:, 0], dim=-1)
            ids = torch.cat((ids, torch.multinomial(shares, 1, generator=chance)), dim=1)
    return ids


def export(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Write some text, calibrate on it, then write the weights."""
    taken = [written(run, args, model, args.seed + n) for n in range(args.calib_batches)]
    export_calibrated(run, model, flow(run, model, taken))
