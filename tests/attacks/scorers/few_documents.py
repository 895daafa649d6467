"""One document in a thousand, a lot: which one, its first tokens say."""

import zlib

from peeking import Peeking, followed

BEGINNING, ONE_IN, WHICH, SHARE = 8, 1000, 684, 0.8523


class Scorer(Peeking):
    def charged(self, row, text, known, costs):
        begins = text[1 : 1 + BEGINNING].astype("<i4")
        if zlib.crc32(begins.tobytes()) % ONE_IN != WHICH:
            return costs
        return followed(costs, SHARE)
