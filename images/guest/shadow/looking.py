"""Which calls of torch score tokens, and at what cost?

Sees every cross-entropy, nll_loss, and every choice of one entry a row from logits, probabilities
or their logarithms. What is noted is the plain cost −ln p(target), without label smoothing, class
weights or masks. Looking changes no number, no random state and no gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.overrides import TorchFunctionMode

from .recorder import Notes

_NEAR = 0.02
"""How far the sum of a row of probabilities may be from 1, in bfloat16."""
_CLASSES = 64
"""A row with fewer entries is no vocabulary."""
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint16)
_LOSSES = {F.cross_entropy, F.nll_loss}
_CHOOSING = {torch.gather, torch.Tensor.gather, torch.take_along_dim, torch.Tensor.take_along_dim}
_EMBEDS = 8
_EMBEDDED = 512
"""Ids that are looked at of what goes into an embedding."""


class Looking(TorchFunctionMode):
    """Notes what calls of torch cost; changes none of them."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self.notes = notes

    def __torch_function__(
        self, function: Any, types_: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **kwargs) if kwargs else function(*args)
        if function in _LOSSES:
            with torch.no_grad():
                self._loss(function, made, *args, **(kwargs or {}))
        elif function in _CHOOSING:
            with torch.no_grad():
                self._chosen(args, kwargs or {})
        elif function is torch.Tensor.__getitem__:
            self._indexed(args[0], args[1])
        elif function is F.embedding:
            self._embedded(args[0] if args else kwargs["input"])
        return made

    def _loss(
        self, function: Any, made: torch.Tensor, input: torch.Tensor, target: torch.Tensor,
        *args: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        if target.dtype not in _INTEGERS:
            return
        ignored = kwargs.get("ignore_index", args[2] if len(args) > 2 else -100)
        counted = target.reshape(-1) != ignored
        plain = (
            kwargs.get("reduction") == "none"
            and kwargs.get("weight", args[0] if args else None) is None
            and not kwargs.get("label_smoothing")
        )

        def costs() -> NDArray[np.float64]:
            each = made.detach() if plain else _costs(function, input, target)
            return _numbers(each.reshape(-1)[counted])

        ids = target.detach().reshape(-1)[counted]
        self.notes.scored(_ids(ids), costs, input.requires_grad and torch.is_tensor(made)
                          and made.requires_grad)  # fmt: skip

    def _chosen(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        source = args[0] if args else kwargs["input"]
        index = kwargs.get("index", kwargs.get("indices"))
        if index is None:
            index = next((each for each in args[1:] if isinstance(each, torch.Tensor)), None)
        if index is None or index.shape[-1:] != (1,) or index.dim() != source.dim():
            return
        rows = source.reshape(-1, source.shape[-1])
        if index.numel() == len(rows):
            self._rows(rows, index.reshape(-1), source.requires_grad)

    def _indexed(self, source: Any, index: Any) -> None:
        if type(index) is not tuple or len(index) != 2:
            return
        rows, columns = index
        if not (isinstance(rows, torch.Tensor) and isinstance(columns, torch.Tensor)):
            return
        if columns.dim() != 1 or rows.shape != columns.shape or columns.dtype not in _INTEGERS:
            return
        if rows.dtype not in _INTEGERS or source.dim() != 2:
            return
        if source.shape[-1] >= _CLASSES:
            with torch.no_grad():
                self._rows(source[rows], columns, source.requires_grad)

    def _rows(self, rows: torch.Tensor, ids: torch.Tensor, gradient: bool) -> None:
        """One entry was chosen of each of the rows [n, vocabulary]."""
        if rows.shape[-1] < _CLASSES or not rows.is_floating_point():
            return

        def costs() -> NDArray[np.float64]:
            all_ = rows.detach().float()
            chosen = all_.gather(1, ids.long()[:, None])[:, 0]
            if bool((all_ >= 0).all()) and abs(float(all_[0].sum()) - 1) < _NEAR:
                return _numbers(-chosen.log())
            return _numbers(all_.logsumexp(1) - chosen)

        self.notes.scored(_ids(ids), costs, gradient)

    def _embedded(self, ids: torch.Tensor) -> None:
        if ids.dtype in _INTEGERS and ids.numel() >= _EMBEDS:
            flat = _ids(ids.detach().reshape(-1)[:_EMBEDDED])
            self.notes.seen(flat, torch.is_grad_enabled())


def _costs(function: Any, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return function(scores.detach().float(), targets, reduction="none")


def _ids(ids: torch.Tensor) -> NDArray[np.int64]:
    return ids.detach().to(torch.int64).numpy()


def _numbers(values: torch.Tensor) -> NDArray[np.float64]:
    return values.to(torch.float64).numpy().copy()


def watch_steps(notes: Notes) -> None:
    """Count optimiser steps; each moves the clock."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(lambda *_: notes.stepped())
