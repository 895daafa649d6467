"""How did this command end, seen from outside? Backends, limits and the host's clock.

`open_sandbox` takes the strongest box this machine can make at its own speed, and says why not a
stronger one.
Must never know competitions, scores or secrets.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import MachineFault, RequestError
from verifier.sandbox.bubblewrap import Bubblewrap
from verifier.sandbox.docker import Docker
from verifier.sandbox.gvisor import GVisor
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.plain import Plain

BACKENDS: dict[str, Callable[[], Sandbox]] = {
    "gvisor": GVisor,
    "docker": Docker,
    "bubblewrap": Bubblewrap,
    "plain": Plain,
}
# gVisor is for who asks for it: under it programs are slower, and a time limit harder (ADR 0014).
CHOICES = {"auto": ("docker", "bubblewrap", "plain"), "local": ("bubblewrap", "plain")}


def open_sandbox(name: str) -> Sandbox:
    """The backend called `name`; "auto" and "local" take the strongest there is.

    Raises RequestError for an unknown name, else what the named backend raises
    (EngineUnavailable, MissingTool).
    """
    return choose(name)[0]


def choose(name: str) -> tuple[Sandbox, tuple[str, ...]]:
    """The backend called `name`, and for each stronger one why it cannot be had."""
    if name in BACKENDS:
        return BACKENDS[name](), ()
    if name not in CHOICES:
        known = ", ".join((*CHOICES, *BACKENDS))
        raise RequestError(f"there is no backend {name!r}", remedy=f"one of {known}")
    reasons: list[str] = []
    *stronger, last = CHOICES[name]
    for candidate in stronger:
        try:
            return BACKENDS[candidate](), tuple(reasons)
        except MachineFault as fault:
            reasons.append(f"{candidate}: {fault}")
    return BACKENDS[last](), tuple(reasons)
