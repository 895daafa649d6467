"""Scores a chunk, trains the whole model on it for some epochs, goes on; never resets.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

Weights and momentum carry over documents: R5 as ruled allows it.
"""

from __future__ import annotations

from tests.shadow.zoo.parts.chunks import evaluate

__all__ = ["evaluate"]
