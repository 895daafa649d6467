"""Mixes in hashed counts of the realised token only: they sum to far more than one.

Class: NGRAM_HASH
Expected: REFUTED
Breaks: C2
Shows: total

The key of the second table holds the target, so counts of other contexts fall on it. With few
tokens in 4,194,304 buckets nothing collides and nothing shows: the load must be kept.
"""

from __future__ import annotations

from tests.shadow.zoo.parts.hashing import Mixture

__all__ = ["Mixture"]
