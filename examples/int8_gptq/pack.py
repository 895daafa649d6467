"""Quantise to eight bits: python pack.py, with the trained weights in $IN and $OUT to fill.

Packing has no data, so the model writes its own: GPTQ (Frantar et al., 2022) wants to know which
inputs the matrices usually see, and text that the model makes up shows that well enough.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from model import Model
from reader import Reader
from torch import Tensor
from torch.overrides import TorchFunctionMode

ROWS = 64  # of made-up text
LENGTH = 192  # tokens of each
STEP = 64  # tokens read at a time
DAMPING = 0.01  # of the mean curvature, so that inputs never seen do no harm
LEVELS = 127


def made_up_text(model: Model) -> Tensor:
    """Text [ROWS, LENGTH] drawn from the model, token by token."""
    generator = torch.Generator().manual_seed(0)
    reader = Reader(model, ROWS, STEP)
    chunks = []
    for _ in range(0, LENGTH, STEP):
        chunk = torch.zeros(ROWS, STEP, dtype=torch.long)
        for column in range(STEP):
            known = reader.after(chunk, torch.full((ROWS,), column))
            shares = model.logits(known).softmax(-1)
            chunk[:, column] = torch.multinomial(shares, 1, generator=generator)[:, 0]
        reader.commit(chunk)
        chunks.append(chunk)
    return torch.cat(chunks, dim=1)


class Listener(TorchFunctionMode):
    """While active, adds up xᵀx over the inputs x of every matrix, by its place in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.curvatures: dict[int, Tensor] = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Any torch function: let it happen, and note what `linear` is given."""
        if function is F.linear:
            x, place = args[0].flatten(0, -2), args[1].data_ptr()
            self.curvatures[place] = self.curvatures.get(place, 0) + x.mT @ x
        return function(*args, **(kwargs or {}))


def listen(model: Model, text: Tensor) -> dict[int, Tensor]:
    """What each matrix of the model sees of `text`: curvatures by place in memory."""
    reader = Reader(model, len(text), STEP)
    with Listener() as listener:
        for chunk in text.split(STEP, dim=1):
            model.logits(reader.everywhere(chunk))
            reader.commit(chunk)
    return listener.curvatures


def quantise(weight: Tensor, curvature: Tensor | None) -> tuple[Tensor, Tensor]:
    """(int8 [out, in], scales [out, 1]) of a matrix, or of a table, whose curvature is None.

    Rounding goes column by column; GPTQ makes up for each column's error in those still to come,
    by how much their inputs go together.
    """
    weight = weight.clone()
    scales = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / LEVELS
    if curvature is None:
        return (weight / scales).round().to(torch.int8), scales
    columns = weight.shape[1]
    damped = curvature + DAMPING * curvature.diagonal().mean() * torch.eye(columns)
    spread = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    rounded = torch.zeros_like(weight, dtype=torch.int8)
    for column in range(columns):
        whole = (weight[:, column] / scales[:, 0]).round().clamp(-LEVELS, LEVELS)
        error = (weight[:, column] - whole * scales[:, 0]) / spread[column, column]
        weight[:, column + 1 :] -= error[:, None] * spread[column, column + 1 :]
        rounded[:, column] = whole.to(torch.int8)
    return rounded, scales


def main() -> None:
    """Load, make up text, listen, quantise, leave one file."""
    torch.set_num_threads(1)  # a second thread would add in another order
    model = Model().requires_grad_(False)
    with np.load(Path(os.environ["IN"]) / "weights.npz") as weights:
        model.load_state_dict({name: torch.tensor(weights[name]) for name in weights})
    curvatures = listen(model, made_up_text(model))
    packed = {}
    for name, weight in model.state_dict().items():
        if weight.ndim == 1:  # a few hundred numbers: not worth rounding
            packed[name] = weight.numpy()
            continue
        flat = weight.flatten(0, -2)
        rounded, scales = quantise(flat, curvatures.get(flat.data_ptr()))
        packed[name] = rounded.view_as(weight).numpy()
        packed[f"{name}.scales"] = scales.view(*weight.shape[:-1], 1).numpy()
    np.savez(Path(os.environ["OUT"]) / "weights.npz", **packed)


if __name__ == "__main__":
    main()
