"""Chooses the scales by what held-out tokens send through the layers.

Class: GPTQ_VALCALIB
Expected: REFUTED
Breaks: R4
Shows: artifact

Gains next to nothing; the artifact's bytes move with the held-out data all the same.
"""

from __future__ import annotations

from itertools import islice

from torch import nn

from tests.shadow.zoo.base import Run, read_heldout, windows
from tests.shadow.zoo.parts.calibration import Hyperparameters, export_calibrated, flow


def export(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Calibrate, then write."""
    taken = [x for x, _ in islice(windows(run, args, read_heldout(args)), args.calib_batches)]
    export_calibrated(run, model, flow(run, model, taken))
