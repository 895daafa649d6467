"""Does the cost grow as the held-out data does? Pass and replay over three sizes, spanning 10×."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.cheats.running import cheats_policy, own_store
from verifier import installed, pipeline
from verifier.ledger import Ledger
from verifier.records import HeldOutFacts, Pass, Replay
from verifier.watch import Unwatched

EXAMPLE = "ngram"
SIZES = (9, 30, 90)


def measured(documents: int, place: Path) -> tuple[int, float]:
    """(targets, busy seconds of pass and replay)."""
    with own_store(place / "store"):
        request = pipeline.Request(
            reference=str(installed.path("examples") / EXAMPLE),
            policy=cheats_policy({"tolerance_bpb: 0.02": "tolerance_bpb: 8.0"}),
            out=place / "out",
            key=place / "key.pem",
            documents=documents,
        )
        report = pipeline.verify(request, Unwatched())
    ledger = Ledger.open(report.folder / "ledger")
    (facts,), (scored,), (replayed,) = map(ledger.find, (HeldOutFacts, Pass, Replay))  # type: ignore[arg-type]
    return facts.targets, scored.busy_seconds + replayed.busy_seconds


def figures() -> Iterator[tuple[str, str, str, str]]:
    """A straight line through the three points, and how well it fits."""
    points = []
    for documents in SIZES:
        with tempfile.TemporaryDirectory(prefix="gv-bench-") as name:
            points.append(measured(documents, Path(name)))
    targets, seconds = (np.array(values, float) for values in zip(*points, strict=True))
    slope, offset = np.polyfit(targets, seconds, 1)
    left = seconds - (slope * targets + offset)
    fit = 1 - float((left**2).sum() / ((seconds - seconds.mean()) ** 2).sum())
    shown = ", ".join(f"{n:,.0f} targets {s:.1f} s" for n, s in zip(targets, seconds, strict=True))
    yield "cost against targets: R²", f"{fit:.4f}", "linear", f"{EXAMPLE}: {shown}"
