"""Can this value be the number its key promises? Wrong types and impossible sizes are faults.

Knows units and bounds, no submission: what is odd but possible is for the evidence to judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from verifier.screening.screened import Fault

_NUMERIC = re.compile(r"\s*-?[0-9]{1,15}(?:\.[0-9]{1,20})?\s*\Z")

BOUNDS: Mapping[str, tuple[float, float, str]] = {
    "val_bpb": (0.0, 100.0, "bits per byte"),
    "val_loss": (0.0, 100.0, "nats per token"),
    "bpb_std": (0.0, 100.0, "bits per byte"),
    "total_bytes": (0.0, 1e12, "bytes"),
    "model_bytes": (0.0, 1e12, "bytes"),
    "code_bytes": (0.0, 1e12, "bytes"),
    "train_seconds": (0.0, 1e9, "seconds"),
    "score_seconds": (0.0, 1e9, "seconds"),
    "steps": (0.0, 1e12, "steps"),
}
"""Field → (least, most, unit), both included: a zero may stand for "none"."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Reads numbers of one file; `lines` says where they stand, `faults` collects what is wrong."""

    lines: Mapping[str, int]
    faults: list[Fault]

    def read(self, field: str, path: str, value: object) -> float | int | None:
        """`value` as a number of `field`'s unit, None where it is none."""
        if value is None:
            return None
        if isinstance(value, str) and _NUMERIC.match(value):
            self.fault(path, f"is text ({value.strip()!r}) where a number belongs")
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(path, f"is {_shown(value)}, which is no number")
            return None
        least, most, unit = BOUNDS[field]
        if not least <= value <= most:
            self.fault(path, f"is {value!r:.24}, which is impossible in {unit}")
            return None
        return value

    def fault(self, path: str, said: str) -> None:
        self.faults.append(Fault(key=path, line=self.lines.get(path, 0), said=said))


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value)[:60]
