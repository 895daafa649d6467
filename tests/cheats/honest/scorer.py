"""The honest one itself, as it is."""

from honest import Honest as Scorer

__all__ = ["Scorer"]
