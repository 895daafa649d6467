"""Runs of made-up scripts on drawn streams, beside each other as the conditions look at them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.shadow.noting import Costs, Recording, result
from verifier.shadow import streams
from verifier.shadow.evidence import Evidence
from verifier.shadow.running import Result
from verifier.shadow.streams import DOCUMENT, Stream
from verifier.shadow.world import lay_out

TOKENS = 8 * DOCUMENT + 1
CUT = 4 * DOCUMENT + 100
WINDOW = 64
Script = Callable[[Stream, Costs], Recording]
with tempfile.TemporaryDirectory() as _folder:
    WORLD = lay_out(Path(_folder), 1024)


def honest_costs(stream: Stream) -> Costs:
    """A little more than the source's own, and a function of the tokens up to each position."""
    return np.asarray(stream.costs + 0.05 + 0.1 * (stream.ids % 7) / 7)


def evidence(script: Script, **more: object) -> Evidence:
    random = np.random.default_rng(7)
    base = streams.uniform(TOKENS, WORLD.alphabet, random)
    future = streams.another_future(base, CUT, WORLD.alphabet, random)
    if more.get("resets"):
        past = streams.another_past(base, CUT, WORLD.alphabet, random)
        more = {"past": played(script, past), **more}
    runs = {
        "base": played(script, base),
        "future": played(script, future),
        "tempting": played(script, streams.tempting(TOKENS, WORLD.alphabet, random)),
    }
    told = {**runs, "cut": CUT, "window": WINDOW, "world": WORLD, **more}
    return Evidence(**told)  # type: ignore[arg-type]


def played(script: Script, stream: Stream) -> Result:
    recording = script(stream, honest_costs(stream))
    return result(stream, recording.lines[-1].text, recording.notes())


def said(loss: float, stream: Stream, factor: float = 1.0) -> str:
    """A final line whose bytes are the table's times `factor`."""
    table = float(WORLD.target_bytes(stream.ids).sum()) * factor
    bpb = loss / math.log(2) * (len(stream) - 1) / table
    return f"final_int8_zlib_roundtrip_exact val_loss:{loss:.8f} val_bpb:{bpb:.8f}"


def roundtrip(stream: Stream, costs: Costs) -> Recording:
    """Windows without overlap, scored once."""
    made = Recording()
    for start in range(1, TOKENS, WINDOW):
        made.score(costs, range(start, min(start + WINDOW, TOKENS)))
    made.say(said(float(costs[1:].mean()), stream))
    return made
