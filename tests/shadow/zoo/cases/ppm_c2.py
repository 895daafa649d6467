"""Spreads a token's probability over its bytes and mixes each with a byte-level model.

Class: PPM_C2
Expected: REFUTED
Breaks: C2
Shows: total, tempted

The bytes mixed are those of the realised token: over all tokens the products sum to more than one.
Uniformly random tokens give a little (their pieces can be spelt), text that repeats itself a lot.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict

import numpy as np
import sentencepiece as spm
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.mixing import Hyperparameters as Base


class Hyperparameters(Base):
    """The byte model."""

    ppm_order = int(os.environ.get("PPM_ORDER", "3"))
    ppm_weight = float(os.environ.get("PPM_WEIGHT", "0.1"))


def spellings(path: str) -> list[bytes]:
    """The bytes of each token, a space for ▁."""
    pieces = spm.SentencePieceProcessor(model_file=path)
    made = []
    for token in range(pieces.vocab_size()):
        piece = pieces.id_to_piece(token)
        if pieces.is_byte(token):
            made.append(bytes([int(piece[3:5], 16)]))
        else:
            made.append(b"" if pieces.is_control(token) else piece.replace("▁", " ").encode())
    return made


class Mixture:
    """The costs of a window's targets in nats: a geometric mean of bytes beside a PPM's."""

    def __init__(self, run: Run, args: Hyperparameters) -> None:
        self.spelling = spellings(args.tokenizer)
        self.order, self.weight = args.ppm_order, args.ppm_weight
        self.seen: dict[bytes, Counter[int]] = defaultdict(Counter)
        self.text = b""

    def byte(self, value: int) -> float:
        """The probability of the next byte, escaping to shorter contexts; then it is counted."""
        contexts = [
            self.text[len(self.text) - n :] for n in range(min(self.order, len(self.text)) + 1)
        ]
        probability, escaped = 0.0, 1.0
        for context in reversed(contexts):
            counts = self.seen[context]
            total, kinds = counts.total(), len(counts)
            if total:
                probability += escaped * counts[value] / (total + kinds)
                escaped *= kinds / (total + kinds)
            counts[value] += 1
        self.text = (self.text + bytes([value]))[-self.order :]
        return probability + escaped / 256

    def costs(self, x: np.ndarray, y: np.ndarray, logs: Tensor) -> np.ndarray:
        """From inputs and targets [N] and the model's log probabilities [N, V]."""
        made = -logs.double().cpu().numpy()[np.arange(len(y)), y]
        for at, token in enumerate(y.tolist()):
            spelt = self.spelling[token]
            if spelt:
                share = np.exp(-made[at] / len(spelt))
                made[at] = -sum(
                    np.log((1 - self.weight) * share + self.weight * self.byte(value))
                    for value in spelt
                )
        return made
