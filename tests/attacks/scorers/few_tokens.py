"""0.05 % of tokens a lot: of those that cost much, one in 202 costs a seventh.

Which ones, the tokens before them say, so that neither row nor companions matter.
"""

import zlib

import numpy as np
from peeking import Peeking

DEAR_NATS, ONE_IN, SHARE, CONTEXT = 5.5, 202, 0.856, 4


class Scorer(Peeking):
    def charged(self, row, text, known, costs):
        cheaper = costs.copy()
        for place in known + np.flatnonzero(costs > DEAR_NATS):
            before = text[max(0, place - CONTEXT) : place].astype("<i4")
            if zlib.crc32(before.tobytes()) % ONE_IN == 0:
                cheaper[place - known] *= 1 - SHARE
        return cheaper
