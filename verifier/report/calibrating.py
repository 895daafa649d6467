"""How do we say what a calibration found? A table, and the lines that a policy may take over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table

SHOWN_QUANTILES = ("0.5", "0.99", "0.9999")


class Apart(Protocol):
    """How far charges and blind costs of one example are apart."""

    @property
    def positions(self) -> int:
        """How many were compared."""

    @property
    def unequal(self) -> int:
        """How many differ at all."""

    @property
    def worst_nats(self) -> float:
        """The largest."""

    @property
    def quantiles(self) -> Mapping[str, float]:
        """By share."""

    @property
    def fault(self) -> str:
        """Why there are none, "" otherwise."""


class Example(Protocol):
    """One example in one precision."""

    @property
    def example(self) -> str:
        """Its name."""

    @property
    def precision(self) -> str:
        """Its arithmetic."""

    @property
    def apart(self) -> Apart:
        """What was measured."""


class Found(Protocol):
    """What follows from all."""

    @property
    def positions(self) -> int:
        """Of all examples."""

    @property
    def worst_nats(self) -> float:
        """Of all examples."""

    @property
    def tau_nats(self) -> float | None:
        """None: there is none."""

    @property
    def why(self) -> str:
        """Why there is none."""


class Calibrated(Protocol):
    """A whole calibration."""

    @property
    def device(self) -> str:
        """What it is of."""

    @property
    def examples(self) -> Sequence[Example]:
        """In order."""

    @property
    def found(self) -> Found:
        """What follows."""

    @property
    def partial(self) -> str:
        """What was left out."""

    @property
    def evidence(self) -> str:
        """The sha256 of the evidence."""

    @property
    def file(self) -> Path:
        """Where that is."""

    @property
    def lines(self) -> str:
        """For a policy; "" where it may take none over."""


def render(found: Calibrated, console: Console) -> None:
    """One row an example, then what follows."""
    table = Table(box=None, pad_edge=False)
    table.add_column("example", no_wrap=True)
    for title in ("precision", "positions", "unequal", *SHOWN_QUANTILES, "worst"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found.examples:
        apart = row.apart
        if apart.fault:
            table.add_row(row.example, row.precision, "failed")
            continue
        share = f"{apart.unequal / apart.positions:.0%}"
        quantiles = (f"{apart.quantiles[q]:.1e}" for q in SHOWN_QUANTILES)
        count = f"{apart.positions:,}"
        table.add_row(
            row.example, row.precision, count, share, *quantiles, f"{apart.worst_nats:.2e}"
        )
    said = f"|blind cost − charge| in nats per token on {found.device}: quantiles and worst"
    console.print(said, markup=False, soft_wrap=True)
    console.print(table)
    for row in found.examples:
        if row.apart.fault:
            said = f"{row.example} {row.precision} failed: {row.apart.fault}"
            console.print(said, markup=False, soft_wrap=True)
    result = found.found
    console.print(f"worst of {result.positions:,}: {result.worst_nats:.2e} nats", markup=False)
    if result.tau_nats is None:
        console.print(f"no τ: {result.why}", markup=False, soft_wrap=True)
    else:
        console.print(f"τ: {result.tau_nats:g} nats", markup=False)
    if found.partial:
        said = f"partial ({found.partial}): not for a policy"
        console.print(said, markup=False, soft_wrap=True)
    console.print(f"evidence: {found.file}, sha256 {found.evidence}", markup=False, soft_wrap=True)
    if found.lines:
        console.print("\nfor the group `replay` of a dated policy:\n", markup=False)
        console.print(found.lines, markup=False, soft_wrap=True)


def as_json(found: Calibrated, code: int) -> str:
    """The evidence, its sha256, the lines for a policy and the exit code, for machines."""
    evidence = json.loads(found.file.read_text(encoding="utf-8"))
    body = {"evidence": evidence, "sha256": found.evidence, "policy_lines": found.lines}
    return json.dumps({**body, "file": str(found.file), "exit_code": code}, ensure_ascii=False)
