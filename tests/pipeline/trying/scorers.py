"""Scorers of one byte a token that keep the contract, or break one sentence of it.

They answer over the real wire from a thread (`tests.scoring.fake`): no box, no torch.
"""

from __future__ import annotations

import time

import numpy as np

from tests.scoring.fake import FakeScorer

END = 256
COMMON = 0.3


class Honest(FakeScorer):
    """Adds up the bytes of a row."""

    vocabulary = 257


class LooksAhead(Honest):
    """Cheaper where something follows in the chunk."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        costs = super().score(ids, lengths)
        followed = np.arange(1, ids.shape[1] + 1)[None, :] < lengths[:, None]
        return np.where(followed, COMMON * costs, costs)


class NoDistribution(Honest):
    """Every token is a little cheaper than its probability."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return COMMON * super().score(ids, lengths)


class ForgetsEnd(Honest):
    """Takes the END for padding."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.where(ids == END, 0.0, super().score(ids, lengths))


class Remembers(Honest):
    """Keeps what it counted when it is told to forget."""

    kept: np.ndarray | None = None

    def begin(self, documents: int) -> None:
        before = np.zeros(self.vocabulary) if self.kept is None else self.kept
        super().begin(documents)
        self.counts = self.counts + before

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        super().observe(ids, lengths)
        self.kept = self.counts.sum(axis=0)


class SharesRows(Honest):
    """All rows count together."""

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        super().observe(ids, lengths)
        self.counts[:] = self.counts.mean(axis=0)


class LeavesTraces(Honest):
    """Counts what it is asked to score."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        costs = super().score(ids, lengths)
        super().observe(ids, lengths)
        return costs


class Throws(Honest):
    """Answers differently each time it is made."""

    def reset(self) -> None:
        super().reset()
        self.noise = 1.0 + time.monotonic_ns() % 1000 / 1000

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().score(ids, lengths) * self.noise


class SaysNaN(Honest):
    """NaN for the third token of the last row that has one."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        costs = super().score(ids, lengths)
        costs[np.flatnonzero(lengths > 2)[-1:], 2] = np.nan
        return costs


class SaysNegative(Honest):
    """A token that earns something."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().score(ids, lengths) - 20.0


class WrongShape(Honest):
    """One number too few a row."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().score(ids, lengths)[:, 1:]


class Hangs(Honest):
    """Never answers."""

    def score(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        time.sleep(60)
        return super().score(ids, lengths)


class Dies(Honest):
    """Ends in the middle of a pass."""

    def observe(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        raise OSError("gone")


class Unnormalised(Honest):
    """predict answers scores, not log-probabilities; normalised they fit."""

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().predict(ids, lengths) + 1.0


class LessContext(Honest):
    """predict has not seen the chunk's own tokens."""

    def predict(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return super().predict(ids, np.zeros_like(lengths))
