"""Libraries that need a GPU or a network: attention kernels in CPU form, downloads that refuse."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch

from . import recurrent
from .refusing import Refused


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *_: Any,
    causal: bool = False,
    softmax_scale: float | None = None,
    window_size: Sequence[int] = (-1, -1),
    **__: Any,
) -> torch.Tensor:
    """FlashAttention on [B, T, H, D] queries and [B, S, G, D] keys, G dividing H."""
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    if k.shape[1] != q.shape[1]:
        k, v = (each.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for each in (k, v))
    mask = _mask(q.shape[2], k.shape[2], causal, window_size)
    made = torch.nn.functional.scaled_dot_product_attention(
        q, k.to(q.dtype), v.to(q.dtype), attn_mask=mask, scale=softmax_scale
    )
    return made.transpose(1, 2)


def _mask(rows: int, columns: int, causal: bool, window: Sequence[int]) -> torch.Tensor | None:
    left, right = window[0], 0 if causal else window[1]
    if left < 0 and right < 0:
        return None
    at = torch.arange(rows)[:, None] + (columns - rows)
    to = torch.arange(columns)[None, :]
    kept = torch.ones(rows, columns, dtype=torch.bool)
    if right >= 0:
        kept &= to <= at + right
    if left >= 0:
        kept &= to >= at - left
    return kept


def attention_of_many(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor | None = None,
    *_: Any,
    **keywords: Any,
) -> torch.Tensor:
    """FlashAttention over sequences laid end to end: [T, H, D], with where each begins."""
    keys = cu_seqlens_q if cu_seqlens_k is None else cu_seqlens_k
    made = torch.zeros_like(q)
    starts, ends = cu_seqlens_q.tolist(), keys.tolist()
    for i in range(len(starts) - 1):
        rows, columns = slice(starts[i], starts[i + 1]), slice(ends[i], ends[i + 1])
        if starts[i + 1] > starts[i]:
            one = attention(q[None, rows], k[None, columns], v[None, columns], **keywords)
            made[rows] = one[0]
    return made


def _packed(qkv: torch.Tensor, *args: Any, **keywords: Any) -> torch.Tensor:
    return attention(*qkv.unbind(2), *args, **keywords)


def _flash() -> dict[str, types.ModuleType]:
    names: dict[str, Callable[..., Any]] = {
        "flash_attn_func": attention,
        "flash_attn_varlen_func": attention_of_many,
        "flash_attn_qkvpacked_func": _packed,
    }
    made = {}
    for path in (
        "flash_attn_interface",
        "flash_attn",
        "flash_attn.flash_attn_interface",
        "hopper",
        "hopper.flash_attn_interface",
    ):
        module = types.ModuleType(path)
        module.__path__ = []
        module.__version__ = "3.0.0"
        for name, function in names.items():
            setattr(module, name, function)
        made[path] = module
    made["hopper"].flash_attn_interface = made["hopper.flash_attn_interface"]
    return made


def _hub(refused: list[str]) -> dict[str, types.ModuleType]:
    """huggingface_hub, of which nothing can be had."""

    def download(*args: Any, **keywords: Any) -> Any:
        told = ", ".join(map(repr, [*args, *keywords.values()]))
        refused.append(f"huggingface_hub: {told}"[:300])
        raise Refused("there is no network here: huggingface_hub")

    made = types.ModuleType("huggingface_hub")
    made.__path__ = []
    for name in ("hf_hub_download", "snapshot_download", "login", "HfApi", "HfFileSystem"):
        setattr(made, name, download)
    return {"huggingface_hub": made}


def _minifier() -> dict[str, types.ModuleType]:
    """python_minifier, which leaves a text as it is; what it weighs is not asked here."""
    made = types.ModuleType("python_minifier")
    made.__path__ = []
    made.minify = lambda source, *_, **__: source if isinstance(source, str) else source.decode()
    return {"python_minifier": made}


class _Given(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the stand-ins as if they were installed."""

    def __init__(self, modules: dict[str, types.ModuleType]) -> None:
        self.modules = modules

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name not in self.modules:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self.modules[spec.name]

    def exec_module(self, _: types.ModuleType) -> None: ...


def install(refused: list[str]) -> None:
    """Offer the stand-ins to every import from now on."""
    given = {**_flash(), **_hub(refused), **_minifier(), **recurrent.modules()}
    sys.meta_path.insert(0, _Given(given))
