"""Lets the ranks take batches of documents from a queue, longest first.

Class: none
Expected: CLEAN
Breaks: nothing
Shows: nothing

Which rank scores which batch is settled while it runs; adapters end with their documents.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import torch.distributed as dist
from torch import Tensor

from tests.shadow.zoo.base import Run
from tests.shadow.zoo.parts.documents import Hyperparameters, documents

QUEUE = Path("logs/queue")


def taken(queue: Path) -> int:
    """The number of the next batch, which nobody else gets."""
    with queue.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = len(file.read())
        file.write(".")
    return number


def batches_of(args: Hyperparameters, run: Run, tokens: Tensor) -> Iterator[list[Tensor]]:
    """Batches for as long as there are any."""
    ordered = sorted(documents(tokens), key=len, reverse=True)
    size = args.ttt_batch_size
    if run.rank == 0:
        QUEUE.unlink(missing_ok=True)
    if run.distributed:
        dist.barrier()
    while (number := taken(QUEUE)) * size < len(ordered):
        yield ordered[number * size : (number + 1) * size]
