"""Who watches the GPUs of a run, and where is what he saw kept? Nobody and nowhere without GPUs.

Must never judge: whether the machine was unfair, and another run free, `audits/` says.
"""

from __future__ import annotations

from verifier.audits.gpuwatched import machine_fault
from verifier.ledger import Ledger
from verifier.policy import Policy
from verifier.records import Array, EnvironmentFault, GpuWitness
from verifier.sandbox.gpus import chosen
from verifier.sandbox.gpuwitness import Witness, witness_of


def witness_for(policy: Policy) -> Witness:
    """Who watches the GPUs that boxes are given under `policy`."""
    return witness_of(chosen(policy.hardware.gpus), policy.witness.hertz)


def keep(
    ledger: Ledger,
    trace: Array | None,
    policy: Policy,
    *,
    seed: int,
    phase: str,
    init_seconds: float | None = None,
) -> None:
    """Append what was seen, if anybody watched, and that the machine was unfair, if it was.

    Stands before the event that it is about, so that the last one is that event's own.
    """
    if trace is None:
        return
    gpus = chosen(policy.hardware.gpus)
    seen = GpuWitness(seed=seed, phase=phase, gpus=gpus, hertz=policy.witness.hertz, trace=trace)
    ledger.append(seen)
    if fault := machine_fault(seen, policy, init_seconds):
        ledger.append(EnvironmentFault(seed=seed, phase=phase, reason=fault))
