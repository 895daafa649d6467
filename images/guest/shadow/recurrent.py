"""Gated linear attention as the `fla` package has it, in plain torch.

The gated delta rule (Yang et al., "Gated Delta Networks", 2024), chunk by chunk: inside a chunk the
rank-one updates are one triangular solve, between chunks a state [key, value] a head is carried.
Names of parameters are those of `fla`, since scripts group and quantise weights by name.
"""

from __future__ import annotations

import types
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CHUNK = 64


def gated_delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor,
    beta: Tensor,
    scale: float | None = None,
    **more: Any,
) -> tuple[Tensor, Tensor | None]:
    """Outputs [B, T, H, V] of queries and keys [B, T, H, K], values, log-decays g and rates beta.

    S_t = S_{t-1}·exp(g_t)·(I − β_t k_t k_tᵀ) + β_t k_t v_tᵀ,  o_t = S_tᵀ q_t·scale.
    """
    kind = v.dtype
    if more.get("use_qk_l2norm_in_kernel"):
        q, k = F.normalize(q.float(), dim=-1), F.normalize(k.float(), dim=-1)
    length = q.shape[1]
    pad = -length % _CHUNK
    q, k, v, g, beta = (_chunks(each, pad) for each in (q, k, v, g[..., None], beta[..., None]))
    q = q * (q.shape[-1] ** -0.5 if scale is None else scale)
    decay = g[..., 0].cumsum(-1)
    ratio = (decay[..., :, None] - decay[..., None, :]).tril().exp().tril()
    one = torch.eye(_CHUNK)
    rates = ((k * beta) @ k.transpose(-1, -2) * ratio).tril(-1)
    solved = torch.linalg.solve_triangular(one + rates, one.expand_as(rates), upper=False)
    fresh = solved @ (v * beta)
    carried = solved @ (k * beta * decay[..., None].exp())
    inside = (q @ k.transpose(-1, -2)) * ratio
    state = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    if more.get("initial_state") is not None:
        state = state + more["initial_state"].float()
    made = []
    for at in range(q.shape[2]):
        new = fresh[:, :, at] - carried[:, :, at] @ state
        past = decay[:, :, at, :, None]
        made.append((q[:, :, at] * past.exp()) @ state + inside[:, :, at] @ new)
        last = past[:, :, -1:]
        state = state * last.exp() + (k[:, :, at] * (last - past).exp()).transpose(-1, -2) @ new
    out = torch.cat(made, dim=2)[:, :, :length].transpose(1, 2)
    return out.to(kind), state if more.get("output_final_state") else None


def _chunks(values: Tensor, pad: int) -> Tensor:
    """[B, T, H, D] as [B, H, chunks, _CHUNK, D], in float32."""
    rows = F.pad(values.float().transpose(1, 2), (0, 0, 0, pad))
    return rows.unflatten(2, (-1, _CHUNK))


class ShortConvolution(nn.Conv1d):
    """A causal convolution of each channel [B, T, D], with SiLU."""

    def __init__(
        self,
        hidden_size: int,
        kernel_size: int = 4,
        bias: bool = False,
        activation: str | None = "silu",
        **_: Any,
    ) -> None:
        super().__init__(
            hidden_size, hidden_size, kernel_size, groups=hidden_size, bias=bias,
            padding=kernel_size - 1,
        )  # fmt: skip
        self.hidden_size = hidden_size
        self.activation = activation

    def forward(self, x: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        """The convolved channels, and no cache."""
        weight = self.weight.to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        made = F.conv1d(x.transpose(1, 2), weight, bias, padding=self.padding, groups=self.groups)
        made = made[..., : x.shape[1]].transpose(1, 2)
        return (F.silu(made) if self.activation in ("silu", "swish") else made), None


class GatedNorm(nn.Module):
    """RMS norm of the last dimension times SiLU of a gate."""

    def __init__(self, hidden_size: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Both [..., hidden_size]."""
        normed = F.rms_norm(x.float(), (x.shape[-1],), self.weight.float(), self.eps)
        return (normed * F.silu(gate.float())).to(x.dtype)


class GatedDeltaNet(nn.Module):
    """The layer of that name: projections, short convolutions, the rule, a gated norm."""

    def __init__(
        self,
        hidden_size: int = 2048,
        expand_v: float = 2,
        head_dim: int = 256,
        num_heads: int = 6,
        use_gate: bool = True,
        use_short_conv: bool = True,
        allow_neg_eigval: bool = False,
        **more: Any,
    ) -> None:
        super().__init__()
        heads = int(more.get("num_v_heads") or num_heads)
        self.num_heads, self.num_v_heads = num_heads, heads
        self.head_k_dim, self.head_v_dim = head_dim, int(head_dim * expand_v)
        self.allow_neg_eigval = allow_neg_eigval
        self.use_gate, self.use_short_conv = use_gate, use_short_conv
        self.layer_idx = more.get("layer_idx")
        keys, values = num_heads * head_dim, heads * self.head_v_dim
        self.q_proj = nn.Linear(hidden_size, keys, bias=False)
        self.k_proj = nn.Linear(hidden_size, keys, bias=False)
        self.v_proj = nn.Linear(hidden_size, values, bias=False)
        self.a_proj = nn.Linear(hidden_size, heads, bias=False)
        self.b_proj = nn.Linear(hidden_size, heads, bias=False)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(0, 16).clamp_min(1e-3).log())
        moment = torch.exp(torch.empty(heads).uniform_(-6.9, -2.3))
        self.dt_bias = nn.Parameter(moment + torch.log(-torch.expm1(-moment)))
        if use_short_conv:
            size = int(more.get("conv_size", 4))
            self.q_conv1d = ShortConvolution(keys, size)
            self.k_conv1d = ShortConvolution(keys, size)
            self.v_conv1d = ShortConvolution(values, size)
        if use_gate:
            self.g_proj = nn.Linear(hidden_size, values, bias=False)
        self.o_norm = GatedNorm(self.head_v_dim, float(more.get("norm_eps", 1e-5)))
        self.o_proj = nn.Linear(values, hidden_size, bias=False)

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None, None]:
        """[B, T, hidden_size] to the same; no weights of attention, no cache."""
        x = hidden_states
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if self.use_short_conv:
            q, k, v = self.q_conv1d(q)[0], self.k_conv1d(k)[0], self.v_conv1d(v)[0]
        else:
            q, k, v = F.silu(q), F.silu(k), F.silu(v)
        q, k = (each.unflatten(-1, (-1, self.head_k_dim)) for each in (q, k))
        v = v.unflatten(-1, (-1, self.head_v_dim))
        if self.num_v_heads > self.num_heads:
            times = self.num_v_heads // self.num_heads
            q, k = (each.repeat_interleave(times, dim=2) for each in (q, k))
        beta = self.b_proj(x).float().sigmoid() * (2.0 if self.allow_neg_eigval else 1.0)
        g = -self.A_log.float().exp() * F.softplus(self.a_proj(x).float() + self.dt_bias)
        made, _state = gated_delta_rule(q, k, v, g, beta, use_qk_l2norm_in_kernel=True)
        if self.use_gate:
            made = self.o_norm(made, self.g_proj(x).unflatten(-1, (-1, self.head_v_dim)))
        return self.o_proj(made.flatten(-2).to(x.dtype)), None, None


class NotHere(nn.Module):
    """A layer of the package that no stand-in has."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(f"a shadow run has no {type(self).__name__} of fla")


def modules() -> dict[str, types.ModuleType]:
    """The package's modules by name."""
    layers: dict[str, Any] = {"GatedDeltaNet": GatedDeltaNet, "ShortConvolution": ShortConvolution}
    for name in ("GatedDeltaProduct", "Mamba2", "RWKV7Attention"):
        layers[name] = type(name, (NotHere,), {})
    rules = {
        name: gated_delta_rule
        for name in ("chunk_gated_delta_rule", "fused_recurrent_gated_delta_rule",
                     "naive_chunk_gated_delta_rule")
    }  # fmt: skip
    made = {}
    for path in (
        "fla", "fla.layers", "fla.layers.gated_deltanet", "fla.layers.gated_deltaproduct",
        "fla.layers.mamba2", "fla.modules", "fla.ops", "fla.ops.gated_delta_rule",
        "fla.ops.gated_delta_rule.chunk", "fla.ops.gated_delta_rule.naive",
    ):  # fmt: skip
        made[path] = module = types.ModuleType(path)
        module.__path__ = []
        module.__version__ = "0.4.0"
        vars(module).update(rules if ".ops" in path else {**layers, **rules})
    return made
