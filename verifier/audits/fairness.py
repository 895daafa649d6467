"""Can a time measured here be held against the limit? (R2, DESIGN §6)

Must never turn our machine's weakness into a submission's fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from verifier.policy import Policy
from verifier.records import Evidence, SeedEvidence


def other_hardware(evidence: Evidence, policy: Policy) -> str:
    """Why this machine's clock says nothing about the policy's limits, or ""."""
    if policy.rehearsal:
        return "a rehearsal: the limits are meant for other hardware"
    return lacking_hardware(evidence.opening.hardware, policy)


def at_fault(seed: SeedEvidence, phase: str) -> str:
    """What the machine did to that phase of a seed, or ""."""
    faults = [fault.reason for fault in seed.environment if fault.phase == phase]
    return faults[0] if faults else ""


def lacking_hardware(machine: Mapping[str, str], policy: Policy) -> str:
    """Why `machine` (as an opening tells it) is not what the policy names, or ""."""
    wanted = policy.hardware
    if wanted.gpus == 0:
        return ""
    gpus, model = machine.get("gpus", "0"), machine.get("gpu", "none")
    if gpus != str(wanted.gpus) or wanted.model.lower() not in model.lower():
        return f"the limits are meant for {wanted.gpus} {wanted.model}, this has {gpus} ({model})"
    return ""


def other_gpus(names: Iterable[str], policy: Policy) -> str:
    """Why the GPUs that were watched, by the names they gave, are not the policy's, or ""."""
    wanted, seen = policy.hardware, list(names)
    if len(seen) == wanted.gpus and all(wanted.model.lower() in name.lower() for name in seen):
        return ""
    found = ", ".join(f"{count} {name}" for name, count in sorted(Counter(seen).items()))
    return f"the limits are meant for {wanted.gpus} {wanted.model}, it ran on {found or 'none'}"
