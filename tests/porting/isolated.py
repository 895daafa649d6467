"""Stands before a script in its box: the script's own evaluation, one document at a time.

Usage, as a shadow run's entry: isolated.py, with isolated.json beside it:
{"module": …, "main": …, "evaluation": …, "tokens": …, "adapters": …}. Nothing of the script is
changed but two seams. The evaluation is called once for each document (where it takes its tokens
as an argument; else it finds documents itself). Its adapters, whose first numbers are random, start
with those that a Scorer's start with. Where evaluation begins and ends is printed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import json
import math
from pathlib import Path
from typing import Any

import torch

BOS = 1
MARK = "val_loss: 0.0 marks where the evaluation"


def documents(stream: torch.Tensor) -> list[torch.Tensor]:
    """Each document with the next one's BOS, its END; what follows the last BOS is none."""
    starts = (stream == BOS).nonzero().flatten().tolist()
    return [stream[begin : end + 1] for begin, end in itertools.pairwise(starts)]


def isolating(evaluate: Any, tokens: str) -> Any:
    """The evaluation, which gives (loss, bits per byte), called for each document.

    What it gives is then of all: the nats over the targets, and over the bytes that it counted.
    """

    @functools.wraps(evaluate)
    def isolated(*args: Any, **keywords: Any) -> Any:
        print(f"{MARK} begins", flush=True)
        given = inspect.signature(evaluate).bind(*args, **keywords)
        if not tokens:
            found = evaluate(*args, **keywords)
        else:
            nats = total_bytes = targets = 0.0
            for piece in documents(given.arguments[tokens]):
                given.arguments[tokens] = piece
                loss, bpb = evaluate(*given.args, **given.kwargs)
                spent = loss * (len(piece) - 1)
                nats, targets = nats + spent, targets + len(piece) - 1
                total_bytes += spent / math.log(2) / bpb
            found = nats / targets, nats / math.log(2) / total_bytes
        print(f"{MARK} ends", flush=True)
        return found

    return isolated


def alike(klass: Any) -> Any:
    """The class of adapters (its first argument counts the rows), every row starting alike."""

    class Alike(klass):  # type: ignore[misc]
        def __init__(self, rows: int, *args: Any, **keywords: Any) -> None:
            super().__init__(rows, *args, **keywords)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                single = klass(1, *args, **keywords)
            self._first = [parameter.data.clone() for parameter in single.parameters()]
            self.reset()

        def reset(self) -> None:
            for parameter, first in zip(self.parameters(), self._first, strict=True):
                parameter.data.copy_(first.expand_as(parameter))

    return Alike


def main() -> None:
    """Put the seams in, then be the script."""
    told = json.loads(Path(__file__).with_name("isolated.json").read_text(encoding="utf-8"))
    script = importlib.import_module(told["module"])
    evaluate = getattr(script, told["evaluation"])
    setattr(script, told["evaluation"], isolating(evaluate, told["tokens"]))
    if told["adapters"]:
        setattr(script, told["adapters"], alike(getattr(script, told["adapters"])))
    getattr(script, told["main"])()


if __name__ == "__main__":
    main()
