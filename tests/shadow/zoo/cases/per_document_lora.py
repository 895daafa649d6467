"""Gives each document an adapter that learns from the chunks already scored and ends with it.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

Documents are sorted by length, so that positions come in no order.
"""

from __future__ import annotations

from tests.shadow.zoo.parts.documents import evaluate

__all__ = ["evaluate"]
