"""A small transformer, written once for training and once more for scoring with a cache.

Both ways compute the same function of the tokens before a position. Only what is kept differs:
training sees whole windows, scoring sees a chunk whose past lies in a `Cache`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY = 1024
BOS = 1  # starts every document; as a target it is END
WIDTH = 128
LAYERS = 2
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
HIDDEN = 2 * WIDTH
WINDOW = 64  # how far back attention sees, in training and in scoring alike
BIGRAMS = 4096
BEFORE = 1  # how many tokens before a column its embedding looks at


class Cache:
    """Keys and values of B rows: `WINDOW` observed columns, then room for one chunk of C.

    The chunk's columns are scratch paper until `commit`, so reading a chunk changes nothing.
    """

    def __init__(self, rows: int, columns: int, device: torch.device) -> None:
        shape = (LAYERS, 2, rows, HEADS, WINDOW + columns, HEAD_WIDTH)
        self.keys_values = torch.zeros(shape, device=device)
        self.columns = columns
        self.seen = 0  # columns observed so far; all rows advance together

    def commit(self) -> None:
        """The chunk's columns become past ones."""
        self.keys_values[..., :WINDOW, :] = self.keys_values[..., -WINDOW:, :].clone()
        self.seen += self.columns


def norm(x: Tensor) -> Tensor:
    """Each token by itself, so no row or later token can move another."""
    return F.rms_norm(x, (x.shape[-1],))


def angles(start: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, HEAD_WIDTH / 2] of the rotations at `start` and after."""
    speeds = 10_000.0 ** -torch.linspace(0, 1, HEAD_WIDTH // 2, device=device)
    turns = torch.arange(start, start + length, device=device)[:, None] * speeds
    return turns.cos(), turns.sin()


def rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding: attention then sees distances, not places."""
    cos, sin = turns
    a, b = x.split(HEAD_WIDTH // 2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Block(nn.Module):
    """Attention and a squared-ReLU layer. Both add nothing at first: a calm start."""

    def __init__(self, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.mix = nn.Parameter(torch.tensor([1.0, 0.0]))
        self.qkv = nn.Parameter(torch.randn(3, WIDTH, WIDTH) * WIDTH**-0.5)
        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.up = nn.Parameter(torch.randn(HIDDEN, WIDTH) * WIDTH**-0.5)
        self.down = nn.Parameter(torch.zeros(WIDTH, HIDDEN))

    def forward(
        self, x: Tensor, first: Tensor, turns: tuple[Tensor, Tensor], cache: Cache | None, at: int
    ) -> Tensor:
        """x [B, T, WIDTH]; `first` is what entered the lowest block (residual mixing)."""
        x = self.mix[0] * x + self.mix[1] * first
        rows, length, _ = x.shape
        qkv = F.linear(norm(x), self.qkv.flatten(0, 1))
        q, k, v = qkv.view(rows, length, 3, HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        q, k = rotate(norm(q), turns), rotate(norm(k), turns)
        if cache is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = self.attend(q, k, v, cache, at)
        x = x + F.linear(y.transpose(1, 2).flatten(2), self.out)
        return x + F.linear(F.relu(F.linear(norm(x), self.up)).square(), self.down)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, cache: Cache, at: int) -> Tensor:
        """Attention over the cache for columns `at` … `at` + T of the current chunk."""
        start = WINDOW + at
        stop = start + q.shape[2]
        keys, values = cache.keys_values[self.layer]
        keys[:, :, start:stop] = k
        values[:, :, start:stop] = v
        # The oldest column that any query may see: inside its window, and observed at all.
        oldest = max(at + 1, WINDOW - cache.seen)
        query = torch.arange(start, stop, device=q.device)[:, None]
        key = torch.arange(oldest, stop, device=q.device)[None, :]
        mask = (key <= query) & (key > query - WINDOW)
        keys, values = keys[:, :, oldest:stop], values[:, :, oldest:stop]
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)


class Model(nn.Module):
    """Token and hashed-bigram embeddings, a few blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(VOCABULARY, WIDTH))
        self.bigrams = nn.Parameter(torch.zeros(BIGRAMS, WIDTH))
        self.blocks = nn.ModuleList(Block(layer) for layer in range(LAYERS))
        self.head = nn.Parameter(torch.randn(VOCABULARY, WIDTH) * 0.02)
        self.smear = nn.Parameter(torch.zeros(WIDTH))
        self.scale = nn.Parameter(torch.ones(WIDTH))
        self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def read(self, text: Tensor, cache: Cache | None = None, at: int = 0) -> Tensor:
        """What is known after each of the last T tokens of `text` [B, BEFORE + T]: [B, T, WIDTH].

        With a cache, those T tokens are its current chunk's columns from `at` on.
        """
        before, ids = text[:, :-BEFORE], text[:, BEFORE:]
        # Looking back is fine, but not across BOS: the document before is none of our business.
        inside = ids != BOS
        bigram = (before * inside * 7919 + ids * 104_729) % BIGRAMS
        x = norm(F.embedding(ids, self.tokens)) + F.embedding(bigram, self.bigrams)
        x = first = x + self.smear * inside[..., None] * norm(F.embedding(before, self.tokens))
        turns = angles(at + (cache.seen if cache else 0), ids.shape[1], ids.device)
        for block in self.blocks:
            x = block(x, first, turns, cache, at)
        return norm(x) * self.scale

    def logits(self, known: Tensor) -> Tensor:
        """Scores of the next token, [..., WIDTH] to [..., VOCABULARY]."""
        return F.linear(known, self.head, self.bias)
