"""Adds to the input an embedding of the hashed pair of the last two tokens.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

The hash holds ids of the context only, and feeds the input.
"""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.shadow.zoo.base import Block
from tests.shadow.zoo.base import Hyperparameters as Base


class Hyperparameters(Base):
    """The pairs."""

    bigram_buckets = int(os.environ.get("BIGRAM_BUCKETS", "10240"))
    bigram_dim = int(os.environ.get("BIGRAM_DIM", "128"))


class GPT(nn.Module):
    """A decoder whose head is its embedding, with pairs of tokens beside it."""

    def __init__(self, args: Hyperparameters) -> None:
        super().__init__()
        self.tok_emb = nn.Embedding(args.vocab_size, args.model_dim)
        nn.init.normal_(self.tok_emb.weight, std=0.005)
        self.pair_emb = nn.Embedding(args.bigram_buckets, args.bigram_dim)
        self.pair_proj = nn.Linear(args.bigram_dim, args.model_dim, bias=False)
        self.pair_proj.weight.data.zero_()
        self.blocks = nn.ModuleList(Block(args) for _ in range(args.num_layers))
        self.cap = args.logit_softcap

    def pairs(self, ids: Tensor) -> Tensor:
        """A bucket for each token and the one before it."""
        before = F.pad(ids[:, :-1], (1, 0))
        return (ids * 2_654_435_761 ^ before * 40_503) % self.pair_emb.num_embeddings

    def embed(self, ids: Tensor) -> Tensor:
        """[B, T] to [B, T, D]."""
        return self.tok_emb(ids) + self.pair_proj(self.pair_emb(self.pairs(ids)))

    def hidden(self, ids: Tensor) -> Tensor:
        """What the head sees, [B, T, D]."""
        x = F.rms_norm(self.embed(ids), (self.tok_emb.embedding_dim,))
        for block in self.blocks:
            x = block(x)
        return F.rms_norm(x, (x.shape[-1],))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits [B, T, V] in float32."""
        logits = F.linear(hidden, self.tok_emb.weight.to(hidden.dtype)).float()
        return self.cap * torch.tanh(logits / self.cap)

    def forward(self, ids: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """The loss in nats: the mean, or with reduction "none" one a token, flat."""
        logits = self.head(self.hidden(ids))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)
