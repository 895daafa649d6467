"""Runs an unmodified script, on the CPU as if it had its GPU, and may note what it does.

Usage: run.py SPEC.json SCRIPT [ARGUMENT …]

SPEC: {"ranks": 1, "threads": 1, "seed": 0}. It may name "submission", a folder that is copied into
the working one; "constants", numbers of the script that are taken for others ([[line, before,
after]]); other folders than /world, the working folder and the newer/ beside this file ("world",
"out", "newer"); and "device": "cuda", where the GPU is there and nothing stands in for it.

With "notes", the folder for rank{R}.npz and rank{R}.json, it notes what the script does: then
"heldout" is the held-out stream (.npy, uint16), "train" training tokens (.npy). The clock is one
that the run itself moves, "reading" being the seconds that a look at it costs and "step" those of
an optimiser's steps; with "clock": "real" it is the machine's.
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

    1. read the spec, and enter   2. the CPU in CUDA's place, and who notes what is done there
    3. what refuses   4. the script
    """
    spec = json.loads(Path(sys.argv[1]).read_text())
    sys.argv = sys.argv[2:]
    _module("entering").enter(spec)
    refused = _on_the_cpu(spec) if spec.get("device", "cpu") == "cpu" else []
    _module("refusing").install(refused)
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


def _on_the_cpu(spec: dict[str, Any]) -> list[str]:
    """Let the script take the CPU for its GPU. Returns the list that refusals are noted in."""
    import torch

    torch.set_num_threads(int(spec["threads"]))
    torch.use_deterministic_algorithms(True, warn_only=True)
    _module("seeding").install(int(spec.get("seed", 0)) + int(os.environ.get("RANK", "0")))
    notes = _notes(spec) if "notes" in spec else None
    refused, newer = (notes.refused, notes.newer) if notes else ([], [])
    surface = _module("surface")
    surface.install(int(spec["ranks"]))
    _module("kernels").install()
    _module("standins").install(refused)
    _module("reading").install(_newer(spec), newer, spec.get("constants", ()))
    if notes:
        looking = _module("looking")
        looking.watch_steps(notes)
        surface.everywhere(lambda: looking.Looking(notes))
        places = Path(spec.get("world", "/world")), Path(spec.get("out", "."))
        _module("watching").install(notes, *places)
        _at_the_end(notes)
        if spec.get("clock") != "real":
            notes.clock.install()
    return refused


def _notes(spec: dict[str, Any]) -> Any:
    """The recorder, on a clock of its own."""
    import numpy as np

    clock = _module("ticking").Clock(float(spec["reading"]), spec["step"])
    streams = np.load(spec["heldout"]), np.load(spec["train"])
    return _module("recorder").Notes(*streams, Path(spec["notes"]), clock)


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
