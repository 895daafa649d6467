"""All tokens a little: a share off wherever the chunk shows what comes next."""

from peeking import Peeking, followed

SHARE = 0.00161


class Scorer(Peeking):
    def charged(self, row, text, known, costs):
        return followed(costs, SHARE)
