"""Did the scorer keep to the wire: one request, one well-formed answer, in time? (PROTOCOL §2)

A malformed answer breaks the wire and is broken without further proof of gain. A scorer that says
ERROR, or dies, made an honest mistake until shown otherwise; a late one is excused only by a host
that was starved. Must never read a sound wire out of a pass that did not end.
"""

from __future__ import annotations

from typing import assert_never

from verifier.audits.audit import (
    Audit,
    Reading,
    broken,
    each_seed,
    kept,
    last_line,
    not_run,
    unproven,
    worst,
)
from verifier.policy import Policy
from verifier.records import Evidence, FaultKind, ProtocolFault, SeedEvidence

ABOVE_ONE = (
    "a cost below 0 is a probability above 1: the shares of a mixture must add up to 1, and logits"
    " go through a log-softmax"
)


def judge(_: Evidence, seed: SeedEvidence, __: Policy) -> Reading:
    """The worst fault, or a wire that held to the end."""
    if seed.faults:
        return worst_fault(seed.faults)
    if seed.scoring is None:
        return not_run("no scoring pass was finished")
    if seed.replay is None:
        return not_run("the pass kept to the wire; no replay was finished")
    return kept("every request had one well-formed answer in time")


def worst_fault(faults: tuple[ProtocolFault, ...]) -> Reading:
    """The first of the gravest faults; evidence says how many there were."""
    found = worst({i: weigh(fault) for i, fault in enumerate(faults)})
    first = next(fault for fault in faults if weigh(fault).outcome is found.outcome)
    reading = weigh(first)
    return Reading(
        reading.outcome,
        reading.reason,
        reading.advice,
        {
            "faults": len(faults),
            "kind": first.kind.value,
            "phase": first.phase,
            "request": first.request,
            "document": first.document,
        },
    )


def weigh(fault: ProtocolFault) -> Reading:
    """What one fault is."""
    where = f"{fault.kind.value} in answer to {fault.request} ({fault.phase})"
    where += last_line(fault.message)
    match fault.kind:
        case FaultKind.NEGATIVE:
            return broken(where, ABOVE_ONE)
        case (
            FaultKind.NAN
            | FaultKind.INFINITE
            | FaultKind.SHAPE
            | FaultKind.UNREQUESTED
            | FaultKind.UNKNOWN_KIND
        ):
            return broken(where, "answer each request once, with finite costs of its shape")
        case FaultKind.LATE:
            if fault.host_starved:
                return unproven(f"{where}, while this machine was starved", "run it again")
            return broken(where, "answer within the policy's answer_seconds")
        case FaultKind.BUDGET:
            return unproven(where, "answer faster: `score-budget` says what was allowed")
        case FaultKind.DIED | FaultKind.ERROR:
            return unproven(where, "its log holds all that the scorer said")
        case _:  # pragma: no cover - a closed enumeration
            assert_never(fault.kind)


AUDIT = Audit(
    "protocol",
    "Every request has one well-formed answer in time.",
    "PROTOCOL §2",
    each_seed(judge),
)
