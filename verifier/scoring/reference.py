"""What would a public, trivial model charge for the same targets? (PROTOCOL §4.6)

The reference only decides where replay looks hardest and how much one token can hide: it must be
honest, not good. A bigram of the training side, smoothed towards its unigram.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from verifier.scoring.passing import Targets

PRIOR_STRENGTH = 64.0

Ids = npt.NDArray[np.int32]


def bigram_charges(
    targets: Targets, training: Ids | None, vocabulary: int, end: int
) -> npt.NDArray[np.float32]:
    """Charges float32 [N], nats, of p(b | a) = (n(a, b) + κ p(b)) / (n(a) + κ), κ = 64.

    `training` is the flat training side, END between documents; None (a tokenizer whose training
    side the host does not have): the uniform distribution, ln V.
    """
    if training is None or len(training) == 0:
        return np.full(len(targets.ids), np.log(vocabulary), dtype=np.float32)
    previous = np.concatenate(([end], targets.ids[:-1]))
    flat = training.astype(np.int64)
    unigram = (np.bincount(flat, minlength=vocabulary) + 1.0) / (len(flat) + vocabulary)
    pairs, counts = np.unique(
        np.concatenate(([end], flat[:-1])) * vocabulary + flat, return_counts=True
    )
    context = np.zeros(vocabulary)
    np.add.at(context, pairs // vocabulary, counts)
    wanted = previous * vocabulary + targets.ids
    places = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    seen = np.where(pairs[places] == wanted, counts[places], 0)
    share = (seen + PRIOR_STRENGTH * unigram[targets.ids]) / (context[previous] + PRIOR_STRENGTH)
    charges: npt.NDArray[np.float32] = (-np.log(share)).astype(np.float32)
    return charges


def end_likelihood(
    targets: Targets, training: Ids | None, vocabulary: int, end: int
) -> npt.NDArray[np.float64]:
    """How likely each target position looks like an end, float64 [N]: p(END | previous), bigram.

    Without a training side every position looks alike.
    """
    likelihood = np.zeros(len(targets.ids))
    if training is None:
        return likelihood
    follows = np.bincount(training[:-1][training[1:] == end], minlength=vocabulary)
    context = np.bincount(training, minlength=vocabulary)
    share = follows / np.maximum(context, 1)
    likelihood[1:] = share[targets.ids[:-1]]
    likelihood[targets.offsets[:-1]] = 0.0
    return likelihood
