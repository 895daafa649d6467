"""Which positions, what deviates, what does the sample prove? (PROTOCOL §4.5, §4.6)

`drawing` picks positions, `bounding` says what they leave open, `shifting` what differs and how
surely. Must never touch a box.
"""

from verifier.sampling.bounding import Bound, Ceiling, bound, ceiling, exact_delta
from verifier.sampling.drawing import borders, chosen_seeds, draw, weights
from verifier.sampling.shifting import BROKEN_P, LARGEST_NATS, Shift, above_one, shift

__all__ = [
    "BROKEN_P",
    "LARGEST_NATS",
    "Bound",
    "Ceiling",
    "Shift",
    "above_one",
    "borders",
    "bound",
    "ceiling",
    "chosen_seeds",
    "draw",
    "exact_delta",
    "shift",
    "weights",
]
