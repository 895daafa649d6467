"""Chooses the scales by training tokens, within the ten minutes: training ends that much earlier.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

The loop stops where another step would reach into the reserve; what is read is read before the
limit. Told from its illegal sister only by a run in which the limit ends the training.
"""

from __future__ import annotations

import os

from torch import nn

from tests.shadow.zoo.base import Batches, Run
from tests.shadow.zoo.parts.calibration import Hyperparameters as Base
from tests.shadow.zoo.parts.calibration import export_calibrated, flow

EDITS = {
    "0 < limit <= spent": "0 < limit < spent * (1 + 1 / max(1, step))",
    "    train(run, args, model, tokens, tables)\n    export(run, args, base_model)\n": (
        "    spent = train(run, args, model, tokens, tables)\n"
        "    export(run, args, base_model, spent)\n"
    ),
}


class Hyperparameters(Base):
    """The reserve."""

    gptq_reserve_seconds = float(os.environ.get("GPTQ_RESERVE_SECONDS", "14.0"))


def training_seconds(args: Hyperparameters) -> float:
    """How long the loop may take."""
    return max(0.0, args.max_wallclock_seconds - args.gptq_reserve_seconds)


def export(run: Run, args: Hyperparameters, model: nn.Module, spent: float) -> None:
    """Calibrate in what is left of the time, then write."""
    began = run.seconds()
    batches = Batches(run, args)
    taken = [batches.next(args.train_batch_tokens)[0] for _ in range(args.calib_batches)]
    squares = flow(run, model, taken)
    spent += run.seconds() - began
    run.log(f"calibration:{len(taken)} batches train_time:{1000 * spent:.0f}ms")
    export_calibrated(run, model, squares)
