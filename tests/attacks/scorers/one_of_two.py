"""Cheats in one of two boxes: the one that is given the first batch of the plan to begin with.

So a second box that scores the same again, whatever it is asked, is honest.
"""

import zlib

from peeking import Peeking, followed

FIRST_BATCH, SHARE = 1526061348, 0.0031


class Scorer(Peeking):
    cheats = None

    def score(self, chunk):
        if self.cheats is None:
            self.cheats = zlib.crc32(chunk.ids.numpy().astype("<i8").tobytes()) == FIRST_BATCH
        return super().score(chunk)

    def charged(self, row, text, known, costs):
        return followed(costs, SHARE) if self.cheats else costs
