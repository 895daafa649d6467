"""The reference is an honest bigram: a distribution, counted over the training side."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from verifier.scoring.passing import Targets
from verifier.scoring.reference import bigram_charges, end_likelihood

END, VOCABULARY = 1, 9
TRAINING = np.array([1, 2, 3, 2, 4, 1, 2, 2, 1, 7, 2, 3, 3, 1, 6, 1, 1, 2], np.int32)
DOCUMENTS = [[2, 3, 8, 1], [7, 2, 6, 1], [0, 1, 2]]
SMALL = Targets(np.concatenate(DOCUMENTS).astype(np.int32), np.array([0, 4, 8, 11]))


def test_a_target_is_charged_by_how_often_it_followed_the_one_before() -> None:
    """§4.6: (n(a, b) + 64 p(b)) / (n(a) + 64). Documents and the training side follow END."""
    text = TRAINING.tolist()
    pairs, single = Counter(pairwise([END, *text])), Counter(text)
    before = Counter([END, *text[:-1]])
    charges = []
    for document in DOCUMENTS:
        for a, b in pairwise([END, *document]):
            unigram = (single[b] + 1) / (len(text) + VOCABULARY)
            charges.append(-np.log((pairs[a, b] + 64 * unigram) / (before[a] + 64)))
    found = bigram_charges(SMALL, TRAINING, VOCABULARY, END)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, charges, rtol=1e-6)


def test_a_place_looks_like_an_end_as_often_as_one_followed_what_stands_before() -> None:
    """The first of a document never does: there is no token before it."""
    text = TRAINING.tolist()
    single, ended = Counter(text), Counter(a for a, b in pairwise(text) if b == END)
    likely = []
    for document in DOCUMENTS:
        likely += [0.0, *(ended[a] / max(single[a], 1) for a in document[:-1])]
    np.testing.assert_allclose(end_likelihood(SMALL, TRAINING, VOCABULARY, END), likely)


def test_a_bigram_reference_is_a_distribution() -> None:
    """Promise: the reference is honest: its probabilities sum to 1 after any token."""
    for previous in range(VOCABULARY):
        pairs = np.array([(previous, b) for b in range(VOCABULARY)], np.int32).reshape(-1)
        targets = Targets(pairs, np.array([0, 2 * VOCABULARY]))
        charges = bigram_charges(targets, TRAINING, VOCABULARY, END)[1::2]
        assert np.exp(-charges.astype(float)).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("training", [None, np.zeros(0, np.int32)])
def test_without_a_training_side_the_reference_is_uniform(training: Any) -> None:
    """Promise: an own tokenizer is charged against ln V, and no end looks likelier."""
    charges = bigram_charges(SMALL, training, VOCABULARY, END)
    assert charges.dtype == np.float32
    np.testing.assert_allclose(charges, [np.log(VOCABULARY)] * 11, rtol=1e-6)
    assert end_likelihood(SMALL, training, VOCABULARY, END).tolist() == [0.0] * 11
