"""What can this machine promise, and why not more? Looked at, changed in nothing.

Each check says what it found, and where that weakens a promise, what would mend it. Where a thing
is not told it is not taken to be well. Must never start a box, a build or a download.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from verifier.pipeline.doctor import boxes, capacity, confinement, gpus
from verifier.pipeline.doctor.findings import Check, Examined, Part, State

__all__ = ["Check", "Examined", "Part", "State", "examine"]


def examine() -> Examined:
    """Look at everything that a promise rests on; takes a few seconds."""
    # First, before looking is itself what the machine is busy with.
    machine = (*capacity.look(), *_itself())
    made, level, backend = boxes.backends()
    cards = gpus.found()
    parts = (
        Part("boxes", (*made, *boxes.engine(len(cards)), *boxes.second_wall())),
        Part("kernel", tuple(confinement.look())),
        Part("machine", machine),
        Part("GPUs", tuple(gpus.look(cards))),
    )
    return Examined(parts, level, backend)


def _itself() -> Iterator[Check]:
    version = importlib.metadata.version("golf-verifier")
    yield Check("verifier", State.WELL, f"{version}, Python {platform.python_version()}")
