"""The smallest evidence of a script that is REPRODUCED, and ways to change one thing in it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.audits import evidence as make
from verifier.audits import SCRIPT
from verifier.records import (
    Behaviour,
    Claim,
    Counterfactual,
    EndedBy,
    Evidence,
    Opening,
    Outcome,
    Screened,
    ScriptRun,
    ScriptTerms,
    Tested,
)

LOSS = 1.25 * math.log(2) * int(make.BYTES.sum()) / make.N
"""Nats a token that go with 1.25 bits per byte."""
CONDITIONS = (
    "held-out", "future", "past", "known-source", "choice", "bytes", "coverage", "late-training",
)  # fmt: skip


def opening(count: int = 1) -> Opening:
    """The other evidence's opening, of a script."""
    first = make.opening(count)
    facts = replace(
        first.submission,
        contract="script/1",
        claim=Claim(val_bpb=1.25),
        scorer=None,
        script=ScriptTerms(
            entry="train_gpt.py", command="python train_gpt.py", told_by="README.md:3", seeded=True
        ),
    )
    return replace(first, submission=facts)


def run(seed: int, **changes: Any) -> ScriptRun:
    """Its artifact complete after 100 s, ended after 150 s, the claim printed again."""
    made = ScriptRun(
        seed=seed,
        wall_seconds=(149.0, 150.0),
        artifact_seconds=(99.0, 100.0),
        artifact=("model.ptz",),
        artifact_sha256="e" * 64,
        printed=f"final val_loss:{LOSS:.4f} val_bpb:1.25",
        loss=LOSS,
        bpb=1.25,
        rounding=1e-4,
        is_claimed=True,
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        cpu_seconds=140.0,
        memory_peak_bytes=1 << 20,
        unfair="",
        log="step 1\nfinal val_bpb:1.25",
    )
    return replace(made, **changes)


def behaviour(**outcomes: Outcome) -> Behaviour:
    """Every condition kept, but for those named (underscores for hyphens)."""
    named = {name.replace("_", "-"): outcome for name, outcome in outcomes.items()}
    return Behaviour(
        answer="CLEAN",
        conditions=tuple(
            Tested(
                condition=name,
                outcome=named.get(name, Outcome.KEPT),
                clause="C1",
                said=f"what is said of {name}",
                evidence={"position": 7},
            )
            for name in CONDITIONS
        ),
        artifact=("model.ptz",),
        opened=(),
        elsewhere=(),
        notes=("Off, as documented: TTT_ENABLED.",),
        drawn_with=1 << 80,
        runs=4,
        seconds=30.0,
    )


def elsewhere(**changes: Any) -> Counterfactual:
    """One more run, on documents that hold 1.1 bits a byte: nothing saved, the same artifact."""
    made = Counterfactual(
        seed=opening().seeds[0],
        printed="final val_loss:2.2 val_bpb:1.3",
        unit="bits a byte",
        number=1.3,
        floor=1.1,
        saved_nats=-90.0,
        threshold_nats=25.0,
        noted=True,
        counted=make.N,
        learned=0,
        artifact=Outcome.KEPT,
        runs=1,
        wall_seconds=(149.0, 150.0),
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        log="",
    )
    return replace(made, **changes)


def evidence(count: int = 1, **changes: Any) -> Evidence:
    """One script, run in full `count` times; `changes` are those of its runs."""
    first = opening(count)
    made = make.evidence(count=count)
    seeds = tuple(
        replace(
            seed,
            training=None,
            scoring=None,
            replay=None,
            script=run(seed.seed, **changes),
        )
        for seed in made.seeds
    )
    return replace(
        made,
        opening=first,
        seeds=seeds,
        behaviour=behaviour(),
        counterfactual=elsewhere(),
        screened=Screened(answer="review", remarks=("log-missing: there is none",)),
    )


def outcomes(found: Evidence) -> dict[str, Outcome]:
    """What each audit of a script says."""
    return {audit.id: audit.judge(found, make.local()).outcome for audit in SCRIPT}
