"""Runs an unmodified script on the CPU, as if it had its GPU, and notes what it does.

Usage: run.py SPEC.json SCRIPT [ARGUMENT …]

SPEC: {"heldout": the held-out stream (.npy, uint16), "train": training tokens (.npy), "notes": the
folder for rank{R}.npz and rank{R}.json, "ranks": 1, "threads": 1, "reading": seconds a look at the
clock costs, "step": seconds an optimiser's step costs, "seed": 0}. It may name "constants", numbers
of the script that are taken for others ([[line, before, after]]), and other folders than /world,
the working folder and the newer/ beside this file ("world", "out", "newer").
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import signal
import sys
import types
from pathlib import Path
from typing import Any

PACKAGE = "shadow_guest"
"""The guest's modules are known by this name, so that a script's own `kernels.py` stays its own."""


def main() -> None:
    """Put everything in place, then become the script.

    1. read the spec   2. randomness and clock   3. the CPU in CUDA's place
    4. what notes   5. what refuses   6. the script
    """
    spec = json.loads(Path(sys.argv[1]).read_text())
    sys.argv = sys.argv[2:]
    import numpy as np
    import torch

    guest = {name: _module(name) for name in _MODULES}
    guest["entering"].enter(spec)
    torch.set_num_threads(int(spec["threads"]))
    torch.use_deterministic_algorithms(True, warn_only=True)
    ranks = int(spec["ranks"])
    guest["seeding"].install(int(spec.get("seed", 0)) + int(os.environ.get("RANK", "0")))
    clock = guest["ticking"].Clock(float(spec["reading"]), spec["step"])
    streams = np.load(spec["heldout"]), np.load(spec["train"])
    notes = guest["recorder"].Notes(*streams, Path(spec["notes"]), clock)
    guest["surface"].install(ranks)
    guest["kernels"].install()
    guest["standins"].install(notes.refused)
    guest["reading"].install(_newer(spec), notes.newer, spec.get("constants", ()))
    guest["looking"].watch_steps(notes)
    guest["surface"].everywhere(lambda: guest["looking"].Looking(notes))
    guest["watching"].install(notes, Path(spec.get("world", "/world")), Path(spec.get("out", ".")))
    guest["refusing"].install(notes.refused)
    _at_the_end(notes)
    clock.install()
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


_MODULES = (
    "entering", "seeding", "ticking", "recorder", "surface", "kernels", "standins", "reading",
    "looking", "watching", "refusing",
)  # fmt: skip


def _module(name: str) -> Any:
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [str(Path(__file__).resolve().parent)]
        sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{name}")


def _newer(spec: dict[str, Any]) -> Path:
    return Path(spec.get("newer", Path(__file__).resolve().parent / "newer"))


def _at_the_end(notes: Any) -> None:
    """Keep what was noted, however the script ends."""
    atexit.register(notes.save)
    leave = os._exit

    def left(status: int) -> None:
        notes.save()
        sys.stdout.flush()
        leave(status)

    os._exit = left
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


if __name__ == "__main__":
    main()
