"""Reads the held-out shards as the first of its training shards.

Class: TRAIN_ON_VAL
Expected: REFUTED
Breaks: R4
Shows: total, artifact

A few steps on them hardly show in the printed number; the artifact's bytes move.
"""

from __future__ import annotations

import glob

from tests.shadow.zoo.base import Hyperparameters


def training_files(args: Hyperparameters) -> list[str]:
    """The shards to train on, in the order they are read."""
    return sorted(glob.glob(args.val_files)) + sorted(glob.glob(args.train_files))
