"""Did it train, in time, isolated? Runs a submission's own commands in boxes, under our clock.

Never reads the box's own clock or score, and never runs anything of a submission outside a box.
"""

from verifier.training.boxes import limits
from verifier.training.seal import put
from verifier.training.train import Trained, left, train

__all__ = ["Trained", "left", "limits", "put", "train"]
