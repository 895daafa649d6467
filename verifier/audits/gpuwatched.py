"""What does the witness of the GPUs add to a budget? Pure, over the trace in the ledger.

Kept only where the GPUs were watched, told all that a ruling needs, were the policy's and fair, and
used no longer than the limit at most. Used for longer at least, or outside their phase, is the
submission's. Must never blame it for the machine, nor ask for a witness where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from verifier.audits.fairness import other_gpus
from verifier.audits.gpufair import Window, fairness
from verifier.audits.gputrace import GpuTrace, Unreadable, read_trace
from verifier.audits.gpuuse import Interval, Use, outlived, use_of
from verifier.policy import Policy
from verifier.records import GpuWitness, SeedEvidence

TRAIN, PACK = "train", "pack"
SHOWN_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Watched:
    """One clause each, or "" where there is nothing to say.

    `unfair`: the machine's fault. `unknown`: why nobody can say that it was fair; then nothing is
    kept and nothing broken. `broken`: a rule was, for certain. `near`: neither way, fair or not.
    """

    unfair: str = ""
    unknown: str = ""
    broken: str = ""
    near: str = ""
    shown: dict[str, Any] = field(default_factory=dict)


def watched(seed: SeedEvidence, policy: Policy, phase: str) -> Watched:
    """What was seen of the GPUs in the last run of `phase`; nothing where the policy has none."""
    if policy.hardware.gpus == 0:
        return Watched()
    witnesses = [witness for witness in seed.gpus if witness.phase == phase]
    if not witnesses:
        return Watched(unknown="nobody watched the GPUs")
    trace = read_trace(witnesses[-1].trace)
    if isinstance(trace, Unreadable):
        return Watched(unknown=f"what was seen of the GPUs cannot be read: {trace.reason}")
    init = seed.training.init_seconds if phase == TRAIN and seed.training is not None else None
    return judged(trace, policy, phase, init)


def machine_fault(witness: GpuWitness, policy: Policy, init_seconds: float | None) -> str:
    """Why the GPUs were unfair while the clock of `witness` ran, or "": another run is free."""
    trace = read_trace(witness.trace)
    if isinstance(trace, Unreadable):
        return ""
    window = _window(trace, witness.phase, init_seconds)
    if window is None:
        return ""
    return _several(fairness(trace, window, policy.witness.throttled_at_most).faults)


def judged(trace: GpuTrace, policy: Policy, phase: str, init_seconds: float | None) -> Watched:
    """The same of one trace; `init_seconds` is what came before the data, if it was sealed."""
    if not any(gpu.looks for gpu in trace.gpus.values()):
        return Watched(unknown="nobody could watch the GPUs: NVML did not answer")
    window = _window(trace, phase, init_seconds)
    if window is None:
        return Watched(unknown="what was seen of the GPUs tells of no box from start to end")
    fair = fairness(trace, window, policy.witness.throttled_at_most)
    use = use_of(trace, phase)
    spent = None if use is None else use.seconds((window[0], window[0]))
    shown = {**fair.shown, **_times(use, window)}
    unknown = other_gpus([gpu.name for gpu in trace.gpus.values()], policy)
    if fair.unknown:
        unknown = unknown or f"not known: {_several(fair.unknown)}"
    broken, near = _spent(trace, spent, policy) if phase == TRAIN else ("", "")
    left = outlived(trace, phase)
    if left is not None:
        shown["outlived_seconds"] = left.seconds
        said = f"a context of its box was on a GPU {left.seconds:.1f} s after the box had ended"
        near = near or said
    return Watched(_several(fair.faults), unknown, broken, near, shown)


def _spent(trace: GpuTrace, spent: Interval | None, policy: Policy) -> tuple[str, str]:
    """What was broken by training's use of GPUs, and what is too near to tell."""
    limit = policy.train.limit_seconds
    if outside := _outside(trace):
        return outside, ""
    if spent is not None and spent[0] > limit:
        return f"GPUs were used for at least {spent[0]:.1f} of {limit:g} s", ""
    if spent is not None and not spent[1] <= limit:
        return "", f"GPUs were used for {spent[0]:.1f} to {spent[1]:.1f} s: too near the limit"
    return "", ""


def _outside(trace: GpuTrace) -> str:
    """What was used outside its phase and bought something, or ""."""
    if use_of(trace, PACK) is not None:
        return "the packing command used a GPU, which is for training"
    left = outlived(trace, TRAIN)
    if left is not None and left.worked:
        return f"training still worked on a GPU {left.seconds:.1f} s after its box had ended"
    return ""


def _window(trace: GpuTrace, phase: str, init_seconds: float | None) -> Window | None:
    """From when the phase's clock was opened to when its last box was seen to have ended."""
    label = TRAIN if phase == TRAIN else ""
    starts, ended = trace.of("box starts", label), trace.of("box ended", label)
    if not starts or not ended or len(ended) < len(trace.of("box started", label)):
        return None
    opened = starts[0].at + (init_seconds or 0.0)
    return opened, max(opened, ended[-1].at)


def _times(use: Use | None, window: Window) -> dict[str, Any]:
    if use is None:
        return {"gpu_seconds_at_least": None, "gpu_seconds_at_most": None}
    least, most = use.seconds((window[0], window[0]))
    return {
        "gpu_seconds_at_least": least,
        "gpu_seconds_at_most": most,
        "gpu_before_the_clock_seconds": max(0.0, window[0] - use.begins[1]),
    }


def _several(said: Sequence[str]) -> str:
    more = f" and {len(said) - SHOWN_AT_MOST} more" if len(said) > SHOWN_AT_MOST else ""
    return "; ".join(said[:SHOWN_AT_MOST]) + more
