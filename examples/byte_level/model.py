"""A small transformer over bytes, written once for training and once more for scoring with a cache.

Both ways compute the same function of the bytes before a position. Only what is kept differs:
training sees whole windows, scoring sees a chunk whose past lies in a `Cache`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY = 257
BOS = 256  # no byte: starts every document, and as a target it is END
WIDTH = 128
LAYERS = 2
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
HIDDEN = 2 * WIDTH
WINDOW = 64  # how far back attention sees, in training and in scoring alike
ORDERS = (2, 3, 4, 5, 6)  # the n-grams that are looked up, by their length in bytes
NGRAMS = 16_384  # per order
NGRAM_WIDTH = 32
BEFORE = max(ORDERS) - 1  # how many bytes before a column its embedding looks at


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
    """Embeddings of each byte and of the n-grams that end there, a few blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(VOCABULARY, WIDTH))
        self.ngrams = nn.Parameter(torch.zeros(len(ORDERS) * NGRAMS, NGRAM_WIDTH))
        self.blocks = nn.ModuleList(Block(layer) for layer in range(LAYERS))
        self.widen = nn.Parameter(torch.randn(WIDTH, len(ORDERS) * NGRAM_WIDTH) * NGRAM_WIDTH**-0.5)
        self.head = nn.Parameter(torch.randn(VOCABULARY, WIDTH) * 0.02)
        self.scale = nn.Parameter(torch.ones(WIDTH))
        self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def slots(self, text: Tensor) -> Tensor:
        """Where the n-grams that end at each column lie in the table: [B, T, orders].

        They look back, never ahead, and not across BOS: the document before is not theirs.
        """
        length = text.shape[1] - BEFORE

        def bytes_before(distance: int) -> Tensor:
            return text[:, BEFORE - distance : BEFORE - distance + length]

        key = bytes_before(0)
        inside, result = torch.ones_like(key), []
        for distance in range(1, BEFORE + 1):
            inside = inside * (bytes_before(distance - 1) != BOS)
            key = (key * 1_000_003 + inside * (bytes_before(distance) + 1)) % 2_147_483_647
            if distance + 1 in ORDERS:
                result.append(key % NGRAMS + len(result) * NGRAMS)
        return torch.stack(result, dim=-1)

    def read(self, text: Tensor, cache: Cache | None = None, at: int = 0) -> Tensor:
        """What is known after each of the last T bytes of `text` [B, BEFORE + T]: [B, T, WIDTH].

        With a cache, those T bytes are its current chunk's columns from `at` on.
        """
        ids = text[:, BEFORE:]
        grams = F.embedding(self.slots(text), self.ngrams).flatten(-2)
        x = norm(F.embedding(ids, self.tokens))
        x = first = x + F.linear(grams, self.widen)
        turns = angles(at + (cache.seen if cache else 0), ids.shape[1], ids.device)
        for block in self.blocks:
            x = block(x, first, turns, cache, at)
        return norm(x) * self.scale

    def logits(self, known: Tensor) -> Tensor:
        """Scores of the next byte, [..., WIDTH] to [..., VOCABULARY]."""
        return F.linear(known, self.head, self.bias)
