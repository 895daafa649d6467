"""Which records are events, which of them can happen once, and how do they make one Evidence?

Must never judge what was observed: it only says what cannot have been observed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from verifier.records import (
    Behaviour,
    BoxFacts,
    ChainStep,
    Counterfactual,
    CpuWitness,
    EnvironmentFault,
    Evidence,
    Finding,
    GpuWitness,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Pass,
    PreviousRow,
    ProtocolFault,
    Replay,
    Screened,
    ScriptRun,
    Secrecy,
    SeedEvidence,
    SpeedProbe,
    Training,
    Verdict,
    WallHits,
    Weighing,
)

KINDS: dict[str, type] = {
    "opening": Opening,
    "held-out": HeldOutFacts,
    "previous row": PreviousRow,
    "box": BoxFacts,
    "screened": Screened,
    "training": Training,
    "script run": ScriptRun,
    "weighing": Weighing,
    "pass": Pass,
    "nonce": NonceOpened,
    "replay": Replay,
    "behaviour": Behaviour,
    "counterfactual": Counterfactual,
    "chain step": ChainStep,
    "protocol fault": ProtocolFault,
    "secrecy": Secrecy,
    "wall hits": WallHits,
    "environment fault": EnvironmentFault,
    "cpu witness": CpuWitness,
    "speed probe": SpeedProbe,
    "finding": Finding,
    "verdict": Verdict,
    "gpu witness": GpuWitness,
}
KIND_OF: dict[type, str] = {kind: name for name, kind in KINDS.items()}

DTYPES: dict[tuple[type, str], str] = {
    (HeldOutFacts, "target_counts"): "<i4",
    (HeldOutFacts, "byte_counts"): "<i4",
    (Pass, "charges"): "<f4",
    (Pass, "reference"): "<f4",
    (Replay, "draws"): "<i8",
    (Replay, "targets"): "<i8",
    (Replay, "blind"): "<f4",
    (Replay, "log_sums"): "<f4",
    (ChainStep, "targets"): "<i8",
    (ChainStep, "costs"): "<f4",
    (ChainStep, "log_sums"): "<f8",
    (CpuWitness, "looks"): "<f8",
    (GpuWitness, "trace"): "|u1",
}
"""How each array is stored: the types that `records` names."""

_ONCE = (Opening, HeldOutFacts, PreviousRow, NonceOpened, Behaviour, Counterfactual, Screened)
_ONCE_A_SEED = (Training, ScriptRun, Weighing, Pass, Replay)

Event = TypeVar("Event")


def out_of_order(before: Sequence[Any], record: Any) -> str:
    """Why `record` cannot follow `before`, or ""."""
    kind = KIND_OF[type(record)]
    if (not before) != isinstance(record, Opening):
        return f"a ledger has one opening, first; this is '{kind}' as event {len(before)}"
    if isinstance(record, _ONCE) and of(before, type(record)):
        return f"'{kind}' stands twice"
    if isinstance(record, _ONCE_A_SEED) and of(before, type(record), record.seed):
        return f"'{kind}' of seed {record.seed} stands twice"
    return ""


def of(events: Sequence[Any], kind: type[Event], seed: int | None = None) -> tuple[Event, ...]:
    """All events of one kind, of one seed if given, in order."""
    found = (event for event in events if isinstance(event, kind))
    return tuple(e for e in found if seed is None or getattr(e, "seed", None) == seed)


def evidence(events: Sequence[Any]) -> Evidence | None:
    """Everything that was recorded as one value; None before the held-out data was counted.

    The seeds of the opening come first, in its order, whether or not anything is known of them.
    Of two answers to one step of the chain the later stands: a chain that died begins again.
    """
    opening, held_out = of(events, Opening), of(events, HeldOutFacts)
    if not opening or not held_out:
        return None
    known = {e.seed for e in events if hasattr(e, "seed")}
    seeds = (*opening[0].seeds, *sorted(known - set(opening[0].seeds)))
    return Evidence(
        opening=opening[0],
        held_out=held_out[0],
        seeds=tuple(_seed(events, seed) for seed in seeds),
        boxes=of(events, BoxFacts),
        wall_hits=of(events, WallHits),
        previous=_last(of(events, PreviousRow)),
        nonce=_last(of(events, NonceOpened)),
        behaviour=_last(of(events, Behaviour)),
        counterfactual=_last(of(events, Counterfactual)),
        screened=_last(of(events, Screened)),
    )


def _seed(events: Sequence[Any], seed: int) -> SeedEvidence:
    return SeedEvidence(
        seed=seed,
        training=_last(of(events, Training, seed)),
        script=_last(of(events, ScriptRun, seed)),
        weighing=_last(of(events, Weighing, seed)),
        scoring=_last(of(events, Pass, seed)),
        replay=_last(of(events, Replay, seed)),
        chain={step.step: step for step in of(events, ChainStep, seed)},
        faults=of(events, ProtocolFault, seed),
        secrecy=of(events, Secrecy, seed),
        environment=of(events, EnvironmentFault, seed),
        cpu={watched.phase: watched for watched in of(events, CpuWitness, seed)},
        speed=of(events, SpeedProbe, seed),
        gpus=of(events, GpuWitness, seed),
    )


def _last(events: tuple[Event, ...]) -> Event | None:
    return events[-1] if events else None
