"""Which boxes does scoring ask for? Exact specifications, from policy and manifest. Starts nothing.

Must never give a scoring box more than the shipment, the harness and the image (DESIGN law 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from verifier.pipeline.harness import Harness
from verifier.policy import Policy
from verifier.records import BoxSpec, Limits, Mount, Root
from verifier.sandbox.gpus import chosen

PIDS = 256
LOG_BYTES = 4 << 20
TEMPORARY_BYTES = 1 << 30
TOKENIZING_SECONDS = 300.0


def scoring_spec(
    root: Root,
    harness: Harness,
    bytecode: Path | None,
    shipment: Path,
    scorer: str,
    policy: Policy,
) -> BoxSpec:
    """The box of pass, replay and chain; its label and channel are filled in per box.

    Its wall limit only bounds what the policy's busy time cannot see: start-up and idling.
    """
    device = ("cuda",) if policy.hardware.gpus else ()
    inputs = [Mount(source=shipment, target="/shipment")]
    environment = {"PYTHONPATH": "/shipment/code"}
    if bytecode is not None:
        inputs.append(Mount(source=bytecode, target="/bytecode"))
        environment["PYTHONPYCACHEPREFIX"] = "/bytecode"
    seconds = policy.score.limit_seconds * max(policy.replay.busy_multiple, 1.0)
    spec = _spec(
        root,
        harness,
        policy,
        argv=("python3", "/harness/harness.py", scorer, "/shipment/artifact", *device),
        environment=environment,
        inputs=tuple(inputs),
        wall_seconds=policy.score.start_seconds + 2 * seconds,
        gpus=chosen(policy.hardware.gpus),
    )
    return replace(spec, working_folder="/shipment/code")


def tokenizing_spec(root: Root, harness: Harness, policy: Policy) -> BoxSpec:
    """The box that a submission's own tokenizer is asked in: no GPU, no shipment."""
    return _spec(
        root,
        harness,
        policy,
        argv=(),
        environment={},
        inputs=(),
        wall_seconds=TOKENIZING_SECONDS,
        gpus=(),
    )


def _spec(
    root: Root,
    harness: Harness,
    policy: Policy,
    *,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    inputs: tuple[Mount, ...],
    wall_seconds: float,
    gpus: tuple[str, ...],
) -> BoxSpec:
    threads = str(policy.hardware.threads)
    return BoxSpec(
        label="",
        root=root,
        argv=argv,
        environment={
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            # A spinning thread beside a busy neighbour cost twenty times the time.
            "OMP_WAIT_POLICY": "passive",
            **environment,
        },
        inputs=(Mount(source=harness.folder, target="/harness"), *inputs),
        output=None,
        channel=None,
        working_folder="/",
        limits=Limits(
            wall_seconds=wall_seconds,
            memory_bytes=policy.hardware.memory_bytes,
            pids=PIDS,
            threads=policy.hardware.threads,
            temporary_bytes=min(TEMPORARY_BYTES, policy.hardware.memory_bytes),
            output_bytes=0,
            output_files=0,
            log_bytes=LOG_BYTES,
        ),
        gpus=gpus,
    )
