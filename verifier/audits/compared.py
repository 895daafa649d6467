"""Where are two lots of costs furthest apart, and how is that one place said in words?

Pure arithmetic over arrays, and the sentence about its largest difference: which document, which
token, both costs. Must never decide what a difference means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from verifier.records import Array, ChainStep

INFINITE_NATS = 1e3


@dataclass(frozen=True, slots=True)
class Compared:
    """The same targets in two boxes: global indices int64 [n], costs float32 [n] in nats."""

    targets: Array
    later: Array
    earlier: Array

    def differs(self, tau: float) -> bool:
        """Any pair apart by more than `tau`."""
        return bool(np.any(self.apart() > tau))

    def apart(self) -> Array:
        """|later − earlier| in nats, float64 [n]; infinite for NaN and for a lone infinity.

        Two equal infinities are not apart.
        """
        with np.errstate(invalid="ignore"):
            apart = np.abs(self.later.astype(np.float64) - self.earlier)
        return np.where(
            self.later == self.earlier, 0.0, np.nan_to_num(apart, nan=np.inf, posinf=np.inf)
        )


def pair(one: ChainStep | None, other: ChainStep | None) -> Compared | None:
    """Both steps' costs where both have one; None where neither can be compared."""
    if one is None or other is None:
        return None
    common, mine, theirs = np.intersect1d(one.targets, other.targets, return_indices=True)
    return Compared(common, one.costs[mine], other.costs[theirs]) if len(common) else None


def lookup(known: Array, costs: Array, targets: Array) -> tuple[Array, Array]:
    """(`costs` of the `known` targets at `targets`, whether there is one), float64 and bool."""
    order = np.argsort(known, kind="stable")
    places = order[np.minimum(np.searchsorted(known[order], targets), len(order) - 1)]
    return costs[places].astype(np.float64), known[places] == targets


def finite(costs: Array) -> Array:
    """Costs for a mean: an infinite one counts as `INFINITE_NATS`, more would drown the rest."""
    return np.minimum(costs, INFINITE_NATS)


# ---------------------------------------------------------------- one place, in words


def example(ends: Array, compared: Compared) -> dict[str, Any]:
    """The target furthest apart; of several the first. `ends` are cumulative target counts [D].

    `document` and `token` count from 0; `is_end` says that the token is the document's END.
    """
    at = int(compared.apart().argmax())
    return place(ends, int(compared.targets[at])) | {
        "earlier_nats": number(compared.earlier[at]),
        "later_nats": number(compared.later[at]),
    }


def place(ends: Array, target: int) -> dict[str, Any]:
    """Which token of which document a global target index is."""
    document = int(np.searchsorted(ends, target, side="right"))
    first = int(ends[document - 1]) if document else 0
    return {
        "document": document,
        "token": target - first,
        "is_end": target == int(ends[document]) - 1,
    }


def named(where: dict[str, Any]) -> str:
    """The place in words: "token 17 of document 3", both counted from 0."""
    which = "END" if where["is_end"] else f"token {where['token']}"
    return f"{which} of document {where['document']}"


def sentence(shown: dict[str, Any], earlier: str, later: str, it: str = "") -> str:
    """Place and both costs; `earlier` and `later` say when it cost that, `it` what was named."""
    first, second = (_nats(shown[key]) for key in ("earlier_nats", "later_nats"))
    return f"{it or named(shown)} cost {first} nats {earlier} and {second} {later}"


def number(cost: Any) -> float | None:
    """A float that JSON can hold, None where it is not finite."""
    return float(cost) if np.isfinite(cost) else None


def _nats(cost: float | None) -> str:
    return "no finite number of" if cost is None else f"{cost:.4f}"
