"""Rounding that makes up for itself: each column's error is spread over those not yet rounded.

GPTQ (Frantar et al., 2022, arXiv:2210.17323), by what flows through the layers.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from tests.shadow.zoo.base import Hyperparameters as Base
from tests.shadow.zoo.base import Run, autocast, quantised, store


class Hyperparameters(Base):
    """Calibration."""

    calib_batches = int(os.environ.get("CALIB_BATCHES", "64"))
    calib_batch_tokens = int(os.environ.get("CALIB_BATCH_TOKENS", "8192"))


DAMPING = 0.01


def flow(run: Run, model: nn.Module, batches: list[Tensor]) -> dict[str, Tensor]:
    """XᵀX of the inputs X of every linear layer over `batches` of ids [B, T]."""
    seen: dict[str, Tensor] = {}
    hooks = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):

            def note(_: nn.Module, given: tuple[Tensor, ...], name: str = name) -> None:
                rows = given[0].float().flatten(0, -2)
                seen[f"{name}.weight"] = seen.get(f"{name}.weight", 0) + rows.T @ rows

            hooks.append(layer.register_forward_pre_hook(note))
    with torch.no_grad(), autocast():
        for ids in batches:
            model.hidden(ids)
    for hook in hooks:
        hook.remove()
    return {name: run.sum(squares).cpu() for name, squares in sorted(seen.items())}


def calibrated(weight: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as int8 with one scale a row, its columns rounded one after the other."""
    scale = (weight.abs().amax(dim=1) / 127).clamp_min(1e-8)
    size = len(squares)
    damped = squares.double() + torch.eye(size) * (DAMPING * squares.diagonal().mean() + 1e-6)
    inverse = torch.linalg.cholesky(
        torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True
    )
    left, made = weight.double(), torch.empty(weight.shape, dtype=torch.int8)
    for column in range(size):
        made[:, column] = (left[:, column] / scale).round().clamp(-127, 127)
        error = (left[:, column] - made[:, column] * scale) / inverse[column, column]
        left = left - error[:, None] * inverse[column] * (torch.arange(size) > column)
    return made, scale.half()


def export_calibrated(run: Run, model: nn.Module, squares: dict[str, Tensor]) -> None:
    """Write the weights, each matrix rounded as what flows through it asks for."""
    packed = {}
    for name, held in model.state_dict().items():
        weight = held.detach().float().cpu()
        if weight.ndim == 2:
            own = squares.get(name)
            packed[name] = quantised(weight) if own is None else calibrated(weight, own)
        else:
            packed[name] = weight.half()
    store(run, packed)
