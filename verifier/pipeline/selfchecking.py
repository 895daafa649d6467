"""Do the walls of this machine's boxes hold? Each backend that was asked for, tried in turn.

Must never take a backend that cannot be had for one that held.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from verifier.errors import ImageFault, MachineFault, RequestError
from verifier.sandbox import BACKENDS, CHOICES, choose, selfcheck
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.selfcheck import Checked, Outcome
from verifier.watch import Watch

ALL = "all"
HELD, BROKE, UNTRIED, FAULT = 0, 1, 2, 70


@dataclass(frozen=True, slots=True)
class Untried:
    """A backend that nothing was tried in. `failed`: it is there, and the check broke off."""

    backend: str
    why: str
    remedy: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of every backend that was asked for."""

    checked: tuple[Checked, ...]
    untried: tuple[Untried, ...]

    @property
    def exit_code(self) -> int:
        """1 where a wall broke, 70 where a check broke off, 2 where nothing was tried, else 0."""
        outcomes = [{answer.outcome for answer in each.answers} for each in self.checked]
        if any(Outcome.BROKE in each for each in outcomes):
            return BROKE
        if any(each.failed for each in self.untried):
            return FAULT
        if not outcomes or any(each <= {Outcome.NOT_TRIED} for each in outcomes):
            return UNTRIED
        return HELD


def try_walls(backend: str, wanted: Collection[str], watch: Watch) -> Tried:
    """Try the walls of `backend`: "auto" (the strongest), "all", or a name.

    Raises RequestError for an unknown backend or probe.
    """
    selfcheck.chosen(wanted)
    if backend not in {*BACKENDS, *CHOICES, ALL}:
        known = ", ".join((*CHOICES, ALL, *BACKENDS))
        raise RequestError(f"there is no backend {backend!r}", remedy=f"one of {known}")
    checked: list[Checked] = []
    untried: list[Untried] = []
    for name in BACKENDS if backend == ALL else (backend,):
        try:
            sandbox: Sandbox = choose(name)[0]
        except MachineFault as fault:
            untried.append(Untried(name, fault.message, fault.remedy, failed=False))
            continue
        try:
            checked.append(selfcheck.check(sandbox, watch, wanted))
        except (MachineFault, ImageFault) as fault:
            untried.append(Untried(sandbox.name, fault.message, fault.remedy, failed=True))
    return Tried(tuple(checked), tuple(untried))
