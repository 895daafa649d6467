"""Which rules does screening have, in the order of its reports? One list, from every room."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.screening import Rule


def every_rule() -> tuple[Rule, ...]:
    """What source shows, what claims and logs show, what only a whole history shows."""
    from verifier.history import rules

    return rules.ALL
