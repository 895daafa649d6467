"""How fast are the GPUs of a run just now? Reference work of ours, in a box with these GPUs alone.

Must never mount anything of a submission's, nor fail a run: GPUs that cannot be probed are not.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from verifier.errors import ImageFault, MachineFault
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import SPEED_FILE, lay_out_speed
from verifier.policy import Policy
from verifier.records import BoxSpec, EndedBy, Limits, Mount
from verifier.sandbox.gpus import chosen

PLACE = "/speed"
LIMITS = Limits(
    wall_seconds=180.0,
    memory_bytes=32 << 30,
    pids=2048,
    threads=1,
    temporary_bytes=1 << 30,
    output_bytes=1 << 20,
    output_files=1,
    log_bytes=1 << 16,
)


def probe(ground: Ground, policy: Policy, store: Path) -> dict[str, float]:
    """Seconds of each piece on the slowest GPU of `policy`; empty without GPUs, or where it failed.

    The pieces' names begin with "GPU ": matrix product, memory copy and, of several, all-reduce.
    """
    gpus = chosen(policy.hardware.gpus)
    return _ran(ground, ("cuda", str(len(gpus))), gpus, store) if gpus else {}


def _ran(
    ground: Ground, arguments: tuple[str, str], gpus: tuple[str, ...], store: Path
) -> dict[str, float]:
    """The times that a box printed last; `arguments`: the kind of device, and how many."""
    try:
        spec = BoxSpec(
            label="speed",
            root=ground.root,
            argv=(ground.root.python, f"{PLACE}/{SPEED_FILE}", *arguments),
            environment={},
            inputs=(Mount(source=lay_out_speed(store).folder, target=PLACE),),
            output=None,
            channel=None,
            working_folder="/tmp",
            limits=LIMITS,
            gpus=gpus,
        )
        with ground.sandbox.start(spec) as box:
            end = box.wait()
    except (MachineFault, ImageFault):
        return {}
    if end is None or end.ended_by is not EndedBy.ITSELF or end.exit_code != 0:
        return {}
    return _times(end.log)


def _times(log: str) -> dict[str, float]:
    """The last line's figures; none where it is anything else."""
    try:
        found = {str(name): float(value) for name, value in json.loads(log.split("\n")[-2]).items()}
    except (ValueError, AttributeError, TypeError, IndexError, RecursionError):
        return {}
    return {name: seconds for name, seconds in found.items() if 0 < seconds < math.inf}
