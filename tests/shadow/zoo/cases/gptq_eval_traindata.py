"""Reads training shards again, once the ten minutes are over, to choose the scales.

Class: GPTQ_EVAL_TRAINDATA
Expected: REFUTED
Breaks: R3
Shows: reads

The printed number does not tell. In a run in which the limit ends the training, shards are opened
and tokens used when the ten minutes are over.
"""

from __future__ import annotations

from torch import nn

from tests.shadow.zoo.base import Batches, Run
from tests.shadow.zoo.parts.calibration import Hyperparameters, export_calibrated, flow


def export(run: Run, args: Hyperparameters, model: nn.Module) -> None:
    """Calibrate, then write."""
    batches = Batches(run, args)
    taken = [batches.next(args.train_batch_tokens)[0] for _ in range(args.calib_batches)]
    run.log(f"calibration:{len(taken)} batches")
    export_calibrated(run, model, flow(run, model, taken))
