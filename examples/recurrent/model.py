"""A gated linear recurrence: each document is read into a state of fixed size, however long it is.

Training computes all states of a window at once by doubling, scoring goes on from the state that
the last chunk left. Both are the same recurrence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY = 1024
BOS = 1  # starts every document; as a target it is END
WIDTH = 128
LAYERS = 2
HIDDEN = 2 * WIDTH
WINDOW = 128  # tokens that a training step reads from an empty state
BIGRAMS = 4096
BEFORE = 1  # how many tokens before a column its embedding looks at


class Cache:
    """The state of each layer and row: before the chunk, then after each of its columns.

    The columns are scratch paper until `commit`, so reading a chunk changes nothing.
    """

    def __init__(self, rows: int, columns: int, device: torch.device) -> None:
        self.states = torch.zeros(LAYERS, rows, 1 + columns, WIDTH, device=device)

    def commit(self) -> None:
        """The state after the chunk is where the next one starts."""
        self.states[:, :, 0] = self.states[:, :, -1]


def norm(x: Tensor) -> Tensor:
    """Each token by itself, so no row or later token can move another."""
    return F.rms_norm(x, (x.shape[-1],))


def recur(keep: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """All states of s[t] = keep[t] · s[t − 1] + new[t], over dimension 1, from s[−1] = 0.

    Also what is left of a state from before: the products of `keep` up to each t. Each round joins
    stretches of `length` steps to stretches of twice as many, so T steps take log2 T rounds.
    """
    length = 1
    while length < keep.shape[1]:
        earlier = F.pad(new[:, :-length], (0, 0, length, 0))
        new = new + keep * earlier
        keep = keep * F.pad(keep[:, :-length], (0, 0, length, 0), value=1.0)
        length *= 2
    return new, keep


class Block(nn.Module):
    """The recurrence and a squared-ReLU layer. Both add nothing at first: a calm start."""

    def __init__(self, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.mix = nn.Parameter(torch.tensor([1.0, 0.0]))
        # Half-lives from 1 to about 100 tokens to start with: some channels see words, some topics.
        self.patience = nn.Parameter(torch.linspace(0.0, 5.0, WIDTH))
        self.enter = nn.Parameter(torch.randn(3, WIDTH, WIDTH) * WIDTH**-0.5)
        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.up = nn.Parameter(torch.randn(HIDDEN, WIDTH) * WIDTH**-0.5)
        self.down = nn.Parameter(torch.zeros(WIDTH, HIDDEN))

    def forward(self, x: Tensor, first: Tensor, cache: Cache | None, at: int) -> Tensor:
        """x [B, T, WIDTH]; `first` is what entered the lowest block (residual mixing)."""
        x = self.mix[0] * x + self.mix[1] * first
        new, keep, gate = F.linear(norm(x), self.enter.flatten(0, 1)).chunk(3, dim=-1)
        keep = torch.sigmoid(keep + self.patience)
        states, left = recur(keep, (1 - keep) * new)
        if cache is not None:
            mine = cache.states[self.layer]
            states = states + left * mine[:, at : at + 1]
            mine[:, at + 1 : at + 1 + x.shape[1]] = states
        x = x + F.linear(norm(states) * F.silu(gate), self.out)
        return x + F.linear(F.relu(F.linear(norm(x), self.up)).square(), self.down)


class Model(nn.Module):
    """Token and hashed-bigram embeddings, a few blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(VOCABULARY, WIDTH))
        self.bigrams = nn.Parameter(torch.zeros(BIGRAMS, WIDTH))
        self.blocks = nn.ModuleList(Block(layer) for layer in range(LAYERS))
        self.head = nn.Parameter(torch.randn(VOCABULARY, WIDTH) * 0.02)
        self.scale = nn.Parameter(torch.ones(WIDTH))
        self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def read(self, text: Tensor, cache: Cache | None = None, at: int = 0) -> Tensor:
        """What is known after each of the last T tokens of `text` [B, BEFORE + T]: [B, T, WIDTH].

        With a cache, those T tokens are its current chunk's columns from `at` on.
        """
        before, ids = text[:, :-BEFORE], text[:, BEFORE:]
        # Looking back is fine, but not across BOS: the document before is none of our business.
        bigram = (before * (ids != BOS) * 7919 + ids * 104_729) % BIGRAMS
        x = first = norm(F.embedding(ids, self.tokens)) + F.embedding(bigram, self.bigrams)
        for block in self.blocks:
            x = block(x, first, cache, at)
        return norm(x) * self.scale

    def logits(self, known: Tensor) -> Tensor:
        """Scores of the next token, [..., WIDTH] to [..., VOCABULARY]."""
        return F.linear(known, self.head, self.bias)
