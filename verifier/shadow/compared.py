"""How does an answer stand beside what people ruled? One row of a labelled list."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.shadow.families import FAMILIES
from verifier.shadow.record import Behaviour, Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One row and its answer. `label` and `kind` are the table's.

    `why` is what was violated, or could not be tested.
    """

    number: int
    label: str
    kind: str
    answer: Behaviour
    families: tuple[Family, ...]
    why: str
    seconds: float
    memory_peak_bytes: int | None

    @property
    def group(self) -> str:
        """Valid, disputed, invalid by what behaviour can show, or invalid otherwise."""
        if self.label.startswith("valid"):
            return "valid"
        if self.label != "invalid":
            return self.label
        return "invalid by behaviour" if self.kind in FAMILIES else "invalid otherwise"

    @property
    def right(self) -> bool:
        """Whether it was refuted for a family of its class."""
        return bool(FAMILIES.get(self.kind, frozenset()) & set(self.families))
