"""What does a sampled replay cost at competition lengths, in passes, and what does it prove?

Synthetic charges over 50,000 documents whose lengths are heavy-tailed as the competition's are
(62,021,632 targets in all). Nothing is run: requests are counted as the verifier would make them,
each OBSERVE and each SCORE of a chunk as 1, and each PREDICT as a SCORE of the columns that it
shows, which is what a scorer without a memo pays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from verifier import sampling
from verifier.records import Adaptation
from verifier.scoring.passing import Targets
from verifier.scoring.plan import Batch, Frame, plan
from verifier.scoring.replay import asked_at, blind_batches, random_rows, replay_batch

DOCUMENTS, TARGETS, ROWS, DECOYS = 50_000, 62_021_632, 64, 20
CHUNKS = (48, 256)
SLACK_NATS, TAU, ALPHA = 3.0, 0.02, 0.001


def lengths() -> np.ndarray:
    """Log-normal lengths that sum to the competition's targets: mean 1,240, a long tail."""
    random = np.random.default_rng(1)
    drawn = random.lognormal(0.0, 1.0, DOCUMENTS)
    counts = np.maximum(2, np.floor(drawn * TARGETS / drawn.sum())).astype(np.int64)
    counts[int(counts.argmax())] += TARGETS - int(counts.sum())
    return counts


class Counting:
    """Stands in for a scorer box: counts what it is asked, and answers zeros."""

    def __init__(self, chunk: int) -> None:
        self.setting = SimpleNamespace(chunk=chunk)
        self.observes = self.predicts = 0
        self.shown = 0.0

    def reset(self) -> None: ...

    def begin(self) -> None: ...

    def observe(self, frame: Frame) -> None:
        self.observes += 1

    def predict(self, frame: Frame, ask: np.ndarray) -> np.ndarray:
        self.predicts += 1
        self.shown += (int(frame.lengths[ask].max()) + 1) / self.setting.chunk
        return np.zeros((int(ask.sum()), 1), np.float32)


def pass_frames(batches: tuple[Batch, ...], counts: np.ndarray, chunk: int) -> int:
    """SCOREs and OBSERVEs of the pass: two a chunk of each batch."""
    longest = (max(int(counts[d]) for _, d in batch.real()) for batch in batches)
    return 2 * sum(-(-length // chunk) for length in longest)


def figures() -> Iterator[tuple[str, str, str, str]]:
    """Costs in passes and δ for three numbers of draws."""
    counts = lengths()
    random = np.random.default_rng(2)
    charges = random.gamma(0.5, 2.4, TARGETS).astype(np.float32)
    reference = (charges + random.gamma(2.0, 0.6, TARGETS)).astype(np.float32)
    targets = Targets(np.zeros(TARGETS, np.int32), np.concatenate(([0], np.cumsum(counts))))
    batches = plan(counts.tolist(), ROWS, Adaptation.DOCUMENT)
    weights = sampling.weights(charges, reference, SLACK_NATS)
    nonce = hashlib.sha256(b"bench").digest()
    likelihood = np.zeros(TARGETS, np.float32)
    blind = np.empty(TARGETS, np.float32)
    for draws in (10_000, 50_000, 100_000):
        drawn = sampling.draw(nonce, "root", weights, draws)
        asked = asked_at(targets, drawn, likelihood, DECOYS)
        filler = random_rows(nonce, 5 * ROWS, counts.tolist(), None, 1)
        for chunk in CHUNKS:
            box = Counting(chunk)
            for rows in blind_batches(nonce, targets, batches, asked, filler):
                replay_batch(box, targets, rows, blind, blind, lambda _: None)  # type: ignore[arg-type]
            share = (box.observes + box.shown) / pass_frames(batches, counts, chunk)
            target = "≤ 0.25" if draws == 10_000 else "–"
            how = f"chunks of {chunk}: {box.observes:,} observes, {box.predicts:,} predicts"
            yield f"replay of {draws:,} draws, in passes", f"{share:.3f}", target, how
        found = sampling.bound(
            drawn, charges, charges, reference, slack_nats=SLACK_NATS, tau=TAU, alpha=ALPHA
        )
        yield (
            f"δ of {draws:,} draws without a deviation",
            f"{found.delta_nats:.5f} nats",
            "–",
            ("a reference 1.2 nats above the charges on average, c = 3"),
        )
