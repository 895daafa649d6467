"""Scripts that mix counts into their score, written for these tests: honest ones and others."""

from __future__ import annotations

import textwrap

HEAD = """
import math, os
import numpy as np
import torch
import torch.nn.functional as F

class Settings:
    cache = bool(int(os.environ.get("CACHE", "1")))
    choose = bool(int(os.environ.get("CHOOSE", "1")))

ODD = np.array([7919, 104729, 1299709, 15485863], dtype=np.uint64)
SIZE = np.uint64((1 << 20) - 1)
"""

HASHED = """
def keys(stream, at, width):
    mix = np.zeros(len(at), dtype=np.uint64)
    for k in range(width):
        mix ^= stream[at - width + k].astype(np.uint64) * ODD[k % 4]
    before = (mix & SIZE).astype(np.int64)
    both = ((mix ^ (stream[at].astype(np.uint64) * ODD[width % 4])) & SIZE).astype(np.int64)
    return before, both

def score(args, losses, stream):
    seen, pairs = np.zeros(1 << 20), np.zeros(1 << 20)
    total = 0.0
    for start in range(8, len(stream) - 1, 4096):
        at = np.arange(start, start + 4096)
        p = np.exp(-losses[at])
        if args.cache:
            before, both = keys(stream, at, 3)
            there, here = seen[before], pairs[both]
            guess = np.minimum(here, there) / np.maximum(there, 1.0)
            p = np.where(there >= 2, 0.6 * p + 0.4 * guess, p)
            np.add.at(seen, before, 1)
            np.add.at(pairs, both, 1)
        total += -np.log(p).sum()
    return total
"""

ROWS = """
def score(args, losses, stream, logits):
    rows = np.zeros((1 << 20, 1024))
    total = 0.0
    for start in range(8, len(stream) - 1, 4096):
        at = np.arange(start, start + 4096)
        mix = np.zeros(len(at), dtype=np.uint64)
        for k in range(3):
            mix ^= stream[at - 3 + k].astype(np.uint64) * ODD[k]
        before = (mix & SIZE).astype(np.int64)
        row = rows[before] + 0.1
        guess = row / row.sum(axis=1, keepdims=True)
        p = 0.6 * np.exp(logits[at]) + 0.4 * guess
        total += -np.log(p[np.arange(len(at)), stream[at]]).sum()
        np.add.at(rows, (before, stream[at]), 1)
    return total
"""

EVERY_TOKEN = """
def score(args, losses, stream, logits, vocab_size):
    seen, pairs = np.zeros(1 << 20), np.zeros(1 << 20)
    every = np.arange(vocab_size)
    total = 0.0
    for at in range(8, len(stream) - 1):
        mix = np.zeros(1, dtype=np.uint64)
        for k in range(3):
            mix ^= stream[at - 3 + k] * ODD[k]
        before = mix & SIZE
        both = (mix ^ (every * ODD[3])) & SIZE
        guess = (pairs[both] + 0.1) / (seen[before] + 0.1)
        p = 0.6 * np.exp(logits[at]) + 0.4 * guess / guess.sum()
        total += -np.log(p[stream[at]])
    return total
"""

WEIGHED = """
def weigh(stream, seen, pairs, at):
    mix = np.zeros(len(at), dtype=np.uint64)
    for k in range(3):
        mix ^= stream[at - 3 + k].astype(np.uint64) * ODD[k]
    before = (mix & SIZE).astype(np.int64)
    both = ((mix ^ (stream[at] * ODD[3])) & SIZE).astype(np.int64)
    return 1.0 - 0.5 * pairs[both] / np.maximum(seen[before], 1.0)

def score(args, losses, stream):
    weights = weigh(stream, np.zeros(1 << 20), np.zeros(1 << 20), np.arange(8, 99))
    return (losses * weights).sum()
"""

EMBEDDING = """
class Pairs(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.table = torch.nn.Embedding(size, 64)

    def key(self, ids):
        return torch.bitwise_xor(7919 * ids[:, 1:], 104729 * ids[:, :-1]) % self.size

    def forward(self, ids):
        return self.table(self.key(ids))

def score(args, losses, stream):
    return Pairs(4096)(stream).sum().log()
"""

CHOSEN = HASHED.replace("np.where(there >= 2, ", "np.where(BETTER, ").replace(
    "            p = np.where",
    "            mixed = 0.6 * p + 0.4 * guess\n            p = np.where",
)

EXACT = """
class Suffixes:
    def __init__(self):
        self.after, self.times = {}, {}

    def add(self, stream, at):
        before = tuple(stream[at - 3 : at])
        row = self.after.setdefault(before, {})
        row[stream[at]] = row.get(stream[at], 0) + 1
        self.times[before] = self.times.get(before, 0) + 1

    def chance(self, stream, at, token):
        before = tuple(stream[at - 3 : at])
        if before not in self.after:
            return None
        row = self.after[before]
        return (row.get(token, 0) + 1) / (self.times[before] + 1024)

def score(args, losses, stream):
    known, total = Suffixes(), 0.0
    for at in range(3, len(stream)):
        p, guess = math.exp(-losses[at]), known.chance(stream, at, stream[at])
        if guess is not None:
            p = 0.6 * p + 0.4 * guess
        total += -math.log(p)
        known.add(stream, at)
    return total
"""

HEDGE = """
def experts(logits, y, counts):
    logp = F.log_softmax(logits, dim=-1)
    net = -logp.gather(2, y.unsqueeze(2)).squeeze(2)
    one = -((counts + 0.1) / (counts.sum() + 0.1 * 1024)).log()[y]
    doubt = -(logp.exp() * logp).sum(-1)
    return STACK

def score(args, losses, stream):
    logits, y = torch.randn(2, 8, 1024), torch.zeros(2, 8).long()
    weights = torch.zeros(3)
    losses = experts(logits, y, torch.zeros(1024))
    return -(MIX).sum()
"""


def cache_script(score: str, call: str = "score(args, losses, stream)", head: str = HEAD) -> str:
    """A script whose main scores in this way."""
    main = f"""
    def main():
        args = Settings()
        stream = np.zeros(99_999, dtype=np.int64)
        losses = np.ones(99_999)
        logits = np.zeros((99_999, 1024))
        print({call})

    main()
    """
    return head + score + textwrap.dedent(main)
