"""Does a scorer keep its contract? Tried in seconds, by the very pass and replay of a verdict.

Must never give a verdict, count an attempt, or show a scorer a held-out document.
"""

from verifier.pipeline.trying.request import Tried, TryRequest
from verifier.pipeline.trying.story import try_out

__all__ = ["Tried", "TryRequest", "try_out"]
