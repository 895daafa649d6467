"""Who watches the machine while a seed is run, and what goes into the ledger of it?

The one seam at which witnesses of processors and GPUs stand beside the boxes of a phase. Must never
judge what was seen (`audits.spoilt` does), nor let a run fail because it could not be watched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from verifier.audits.spoilt import spoilt
from verifier.ledger import Ledger
from verifier.pipeline import gpus, gpuspeed, usual
from verifier.pipeline.grounds import Ground
from verifier.policy import Policy
from verifier.records import (
    Array,
    CpuWitness,
    EnvironmentFault,
    NonceOpened,
    ScriptRun,
    SpeedProbe,
    Training,
    WallHits,
)
from verifier.sandbox import speed
from verifier.sandbox.cpuwitness import CpuWatch
from verifier.sandbox.gpuwitness import Witness
from verifier.sandbox.interface import Sandbox
from verifier.sandbox.witness import Witnessed

BEFORE, AFTER = "before", "after"


class Watching:
    """A sandbox whose boxes are watched, and what was seen once the block is left."""

    def __init__(self, sandbox: Sandbox, watch: CpuWatch, witness: Witness) -> None:
        self.sandbox: Sandbox = Witnessed(witness.around(sandbox), (watch,))
        self._watch, self._witness = watch, witness

    def gpus(self) -> Array | None:
        """What NVML showed, once the block is left; None where there are no GPUs to watch."""
        return self._witness.trace()

    def note(self, ledger: Ledger) -> None:
        """Record what was seen, of each phase that the ledger has no trace of yet."""
        for trace in self._watch.traces():
            known = ledger.find(CpuWitness, seed=trace.seed)
            if all(each.phase != trace.phase for each in known):
                ledger.append(trace)


@contextlib.contextmanager
def watching(sandbox: Sandbox, policy: Policy, seed: int) -> Iterator[Watching]:
    """Watch all that is run in the boxes of `.sandbox` while the block lasts."""
    with gpus.witness_for(policy) as witness, CpuWatch(seed, policy.witness.hertz) as watch:
        yield Watching(sandbox, watch, witness)


class Run(Protocol):
    """What a probe needs of a verification: of a scorer's or a script's alike."""

    @property
    def ledger(self) -> Ledger:
        """Where it is recorded."""

    @property
    def policy(self) -> Policy:
        """How many threads and GPUs count."""

    @property
    def ground(self) -> Ground:
        """Where the box of the work on GPUs stands."""

    @property
    def store(self) -> Path:
        """Where earlier probes are kept."""


def probe_speed(run: Run, seed: int, moment: str) -> None:
    """Do the reference work and record how fast it went, beside what it usually takes here.

    Once before and once after the run of a seed, and nothing once positions are known.
    """
    ledger, store = run.ledger, run.store
    probed = [each.moment for each in ledger.find(SpeedProbe, seed=seed)]
    if moment in probed or ledger.find(NonceOpened):
        return
    threads, count = run.policy.hardware.threads, run.policy.hardware.gpus
    seconds = {**speed.probe(threads), **gpuspeed.probe(run.ground, run.policy, store)}
    before, of = usual.seconds(store, threads, count)
    ledger.append(
        SpeedProbe(
            seed=seed,
            moment=moment,
            threads=threads,
            seconds=seconds,
            usual_seconds=before,
            usual_of=of,
        )
    )
    usual.add(store, threads, seconds, count)


def note_told(ledger: Ledger, facts: Training | ScriptRun, phase: str) -> None:
    """Record by itself, once, what a finished run tells of the machine and of its walls."""
    seed = facts.seed
    faults, hits = ledger.find(EnvironmentFault, seed=seed), ledger.find(WallHits, seed=seed)
    if facts.unfair and all(each.phase != phase for each in faults):
        ledger.append(EnvironmentFault(seed=seed, phase=phase, reason=facts.unfair))
    if facts.attempts and all(each.phase != phase for each in hits):
        ledger.append(WallHits(seed=seed, phase=phase, attempts=facts.attempts))


def note_spoilt(ledger: Ledger, policy: Policy) -> None:
    """Record the machine's faults that could have changed the outcome: a re-run is then free."""
    known = {(fault.seed, fault.phase) for fault in ledger.find(EnvironmentFault)}
    for fault in spoilt(ledger.evidence(), policy):
        if (fault.seed, fault.phase) not in known:
            ledger.append(fault)
