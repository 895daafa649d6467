"""A script's audits: what turns each red, and the honest script that it leaves alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits import scripted
from tests.gpus.judging import made_up, packed, witnessed
from tests.gpus.judging import policy as gpu_policy
from verifier.audits import SCRIPT
from verifier.audits.script_budget import NOTHING_LEFT
from verifier.audits.shadowed import BYTES_TOLERANCE
from verifier.policy import Policy
from verifier.records import Answer, Claim, EndedBy, EnvironmentFault, Finding, Outcome
from verifier.verdict import decide

KEPT, BROKEN = Outcome.KEPT, Outcome.BROKEN
UNPROVEN, NOT_RUN = Outcome.UNPROVEN, Outcome.NOT_RUN
AUDITS = {audit.id: audit for audit in SCRIPT}


def judged(name: str, found: Any = None, policy: Policy | None = None) -> Finding:
    return AUDITS[name].judge(found or scripted.evidence(), policy or make.local())


# ---------------------------------------------------------------- behaviour

CONDITIONED = [
    ("future", "future"),
    ("past", "past"),
    ("held-out", "held_out"),
    ("known-source", "known_source"),
    ("choice", "choice"),
    ("late-training", "late_training"),
    ("bytes", "bytes"),
    ("coverage", "coverage"),
]


@pytest.mark.parametrize(("name", "condition"), CONDITIONED)
def test_each_condition_is_an_audit(name: str, condition: str) -> None:
    """Red where its counterexample was found, with the seed that shows it again; open where not."""
    made = scripted.evidence()
    assert judged(name, made).outcome is KEPT
    red = judged(name, replace(made, behaviour=scripted.behaviour(**{condition: BROKEN})))
    assert (red.outcome, red.evidence) == (BROKEN, {"position": 7})
    assert str(1 << 80) in red.advice
    open_ = judged(name, replace(made, behaviour=scripted.behaviour(**{condition: UNPROVEN})))
    assert (open_.outcome, open_.advice) == (UNPROVEN, "")


@pytest.mark.parametrize(("name", "condition"), CONDITIONED)
def test_what_was_not_tested_is_not_run(name: str, condition: str) -> None:
    """Law 4: neither a missing run nor a missing condition is a pass."""
    made = scripted.evidence()
    assert judged(name, replace(made, behaviour=None)).outcome is NOT_RUN
    fewer = replace(
        scripted.behaviour(),
        conditions=tuple(
            each
            for each in scripted.behaviour().conditions
            if each.condition != condition.replace("_", "-")
        ),
    )
    assert judged(name, replace(made, behaviour=fewer)).outcome is NOT_RUN


def test_other_data_or_seeds_leave_coverage_open() -> None:
    """R6, R10: whatever the shadow runs say."""
    made = scripted.evidence()
    other = replace(made, held_out=replace(make.held_out(), manifest_digest="0" * 64))
    assert judged("coverage", other).outcome is UNPROVEN
    nothing = np.zeros(0, np.int32)
    unopened = replace(make.held_out(), targets=0, target_counts=nothing, byte_counts=nothing)
    found = judged("coverage", replace(made, held_out=unopened))
    assert (found.outcome, found.reason) == (UNPROVEN, "the held-out data was not opened")
    chosen = replace(made, opening=replace(made.opening, seeds=(1,)))
    assert judged("coverage", chosen).outcome is UNPROVEN


# ---------------------------------------------------------------- behaviour in full


def elsewhere(**changes: Any) -> Any:
    return replace(scripted.evidence(), counterfactual=scripted.elsewhere(**changes))


def test_a_total_that_nobody_reaches_on_documents_drawn_anew_is_broken() -> None:
    """C2 in full: whoever behaves at toy scale alone."""
    found = judged("known-source", elsewhere(number=0.9, saved_nats=4_000.0))
    assert found.outcome is BROKEN
    assert found.evidence["saved_nats"] == 4_000.0
    assert judged("known-source", elsewhere(saved_nats=25.0)).outcome is KEPT
    assert judged("known-source", elsewhere(saved_nats=float("nan"))).outcome is BROKEN
    assert judged("known-source", elsewhere(threshold_nats=None)).outcome is BROKEN


@pytest.mark.parametrize("name", ["known-source", "held-out"])
def test_a_script_that_was_run_must_have_been_run_on_others_too(name: str) -> None:
    """Law 4; without any run in full the shadow runs speak alone."""
    made = replace(scripted.evidence(), counterfactual=None)
    assert judged(name, made).outcome is UNPROVEN
    bare = replace(made, seeds=tuple(replace(seed, script=None) for seed in made.seeds))
    assert judged(name, bare).outcome is KEPT
    silent = elsewhere(number=None, floor=None, saved_nats=None, threshold_nats=None)
    assert judged("known-source", silent).outcome is UNPROVEN


def test_an_artifact_that_moves_with_the_held_out_data_is_broken() -> None:
    """R4 in full; where one seed leaves two artifacts on the same data, it cannot be told."""
    assert judged("held-out", elsewhere(artifact=BROKEN)).outcome is BROKEN
    unsteady = judged("held-out", elsewhere(artifact=UNPROVEN))
    assert unsteady.outcome is KEPT
    assert "cannot be told" in unsteady.reason


def test_a_number_that_no_costs_make_up_in_full_is_open() -> None:
    """R6; where nothing was noted, as on GPUs, the shadow runs speak alone."""
    assert judged("coverage").outcome is KEPT
    assert judged("coverage", elsewhere(counted=None)).outcome is UNPROVEN
    assert judged("coverage", elsewhere(counted=make.N // 2)).outcome is UNPROVEN
    assert judged("coverage", elsewhere(counted=make.N - 16)).outcome is KEPT
    assert judged("coverage", elsewhere(counted=make.N - 17)).outcome is UNPROVEN
    assert judged("coverage", elsewhere(counted=None, noted=False)).outcome is KEPT
    assert judged("coverage", replace(scripted.evidence(), counterfactual=None)).outcome is KEPT


def test_what_a_stream_may_drop_at_its_end_is_a_share_of_it() -> None:
    """R6: up to the last token of it."""
    counts = np.array([1000], dtype=np.int32)
    thousand = replace(make.held_out(), targets=1000, target_counts=counts)
    policy = make.changed(make.local(), data={"documents": None})
    for counted, outcome in ((930, KEPT), (929, UNPROVEN)):
        found = replace(elsewhere(counted=counted), held_out=thousand)
        assert judged("coverage", found, policy).outcome is outcome


def test_what_learns_first_in_full_alone_is_open() -> None:
    """C3: seen, and not proven; what toy scale proved stays."""
    assert judged("future").outcome is KEPT
    found = elsewhere(learned=make.N // 2)
    assert judged("future", found).outcome is UNPROVEN
    assert judged("future", elsewhere(learned=make.N // 100)).outcome is KEPT
    red = replace(found, behaviour=scripted.behaviour(future=BROKEN))
    assert judged("future", red).outcome is BROKEN


def test_what_one_in_fifty_tokens_seems_to_show_is_no_sign() -> None:
    """Training text may be like the drawn text."""
    assert judged("future", elsewhere(learned=2, counted=100)).outcome is KEPT
    assert judged("future", elsewhere(learned=3, counted=100)).outcome is UNPROVEN


def test_bytes_are_told_by_every_run_that_printed_both_numbers() -> None:
    """R8: one that printed a single number hides no other; what rounding leaves open is open."""
    made = scripted.evidence(count=2, bpb=1.15)
    assert made.seeds[0].script is not None
    silent = replace(made.seeds[0], script=replace(made.seeds[0].script, loss=None))
    assert judged("bytes", replace(made, seeds=(silent, made.seeds[1]))).outcome is BROKEN
    true = make.held_out().table_bytes / make.N
    apart = abs(scripted.LOSS / math.log(2) / 1.15 / true - 1)
    rounding = apart - BYTES_TOLERANCE
    assert BYTES_TOLERANCE + rounding == apart
    assert judged("bytes", scripted.evidence(bpb=1.15, rounding=rounding)).outcome is KEPT
    less = rounding * (1 - 1e-9)
    assert judged("bytes", scripted.evidence(bpb=1.15, rounding=less)).outcome is BROKEN


def test_bytes_that_are_miscounted_in_full_are_broken() -> None:
    """R8: loss against bits per byte, with what rounding leaves open."""
    assert judged("bytes", scripted.evidence(bpb=1.15)).outcome is BROKEN
    assert judged("bytes", scripted.evidence(bpb=1.15, rounding=0.2)).outcome is KEPT
    assert judged("bytes", scripted.evidence(loss=None)).outcome is KEPT
    no_table = replace(scripted.evidence(), held_out=replace(make.held_out(), table_bytes=None))
    assert judged("bytes", no_table).outcome is KEPT


# ---------------------------------------------------------------- what was weighed


@pytest.mark.parametrize(
    "changes", [{"artifact": ()}, {"elsewhere": ("/tmp/weights.bin",)}], ids=["unread", "elsewhere"]
)
def test_what_it_scores_with_must_be_what_was_weighed(changes: dict[str, Any]) -> None:
    """R1: in memory, or where nobody weighs, it may be anything."""
    made = scripted.evidence()
    assert judged("artifact-size", made).outcome is KEPT
    told = replace(scripted.behaviour(), **changes)
    assert judged("artifact-size", replace(made, behaviour=told)).outcome is UNPROVEN
    assert judged("artifact-size", replace(made, behaviour=None)).outcome is UNPROVEN
    assert judged("artifact-size", scripted.evidence(artifact=())).outcome is UNPROVEN
    heavy = make.with_part(replace(made, behaviour=told), "weighing", artifact_bytes=16_000_001)
    assert judged("artifact-size", heavy).outcome is BROKEN


# ---------------------------------------------------------------- time

LATE = {"artifact_seconds": (361.0, 362.0), "wall_seconds": (400.0, 401.0)}
SLOW = {"wall_seconds": (401.0, 402.0)}
STOPPED = {"ended_by": EndedBy.WALL_CLOCK, "exit_code": None, "wall_seconds": (780.0, 781.0)}


@pytest.mark.parametrize(
    ("name", "changes", "outcome"),
    [
        ("train-budget", {}, KEPT),
        ("train-budget", LATE, BROKEN),
        ("train-budget", {"artifact_seconds": (359.5, 360.5)}, UNPROVEN),
        ("train-budget", {"artifact_seconds": None}, UNPROVEN),
        ("train-budget", {"artifact_seconds": (359.0, 360.0)}, KEPT),
        ("train-budget", {"artifact_seconds": (360.0, 360.1)}, UNPROVEN),
        ("train-budget", {"artifact_seconds": None, **STOPPED}, BROKEN),
        ("train-budget", {"artifact_seconds": None, "wall_seconds": (400.0, 401.0)}, UNPROVEN),
        ("train-budget", {"exit_code": 1}, UNPROVEN),
        ("train-budget", {"unfair": "it slept"} | LATE, UNPROVEN),
        ("score-budget", {}, KEPT),
        ("score-budget", SLOW, BROKEN),
        ("score-budget", {"wall_seconds": (399.5, 400.0)}, UNPROVEN),
        ("score-budget", {"artifact_seconds": None}, UNPROVEN),
        ("score-budget", STOPPED, BROKEN),
        ("score-budget", {"ended_by": EndedBy.MEMORY, "exit_code": None}, UNPROVEN),
        ("score-budget", {"ended_by": EndedBy.OUTPUT, "exit_code": None}, UNPROVEN),
        ("score-budget", {"unfair": "it slept"} | SLOW, UNPROVEN),
    ],
)
def test_time_is_told_by_the_artifact(name: str, changes: dict[str, Any], outcome: Outcome) -> None:
    """R2: until its last change it may have trained, from then on it has scored."""
    assert judged(name, scripted.evidence(**changes)).outcome is outcome


@pytest.mark.parametrize("name", ["train-budget", "score-budget"])
def test_without_an_artifact_no_limit_is_short_enough_to_be_broken(name: str) -> None:
    """Nothing tells when the one ended and the other began."""
    short = make.changed(
        make.local(),
        train={"limit_seconds": 0.25, "pack_seconds": 0.25},
        score={"limit_seconds": 0.5},
    )
    found = judged(name, scripted.evidence(artifact_seconds=None), short)
    assert (found.outcome, found.reason) == (UNPROVEN, NOTHING_LEFT)


@pytest.mark.parametrize("name", ["train-budget", "score-budget"])
def test_a_script_s_gpus_must_have_been_watched_while_it_ran(name: str) -> None:
    """R2: the whole run is one phase of its own."""
    made = scripted.evidence(wall_seconds=(10.0, 10.1), artifact_seconds=(5.0, 5.1))
    hardware = {"gpus": "1", "gpu": "NVIDIA H100 80GB HBM3"}
    made = replace(made, opening=replace(made.opening, hardware=hardware))
    for phase, outcome in (("script", KEPT), ("train", UNPROVEN)):
        seen = witnessed(packed(made_up(label="script")), made.seeds[0].seed, phase)
        seeds = tuple(replace(seed, gpus=(seen,)) for seed in made.seeds)
        found = judged(name, replace(made, seeds=seeds), gpu_policy(1))
        assert found.outcome is outcome, found.reason


@pytest.mark.parametrize("name", ["train-budget", "score-budget"])
def test_times_of_other_hardware_prove_nothing(name: str) -> None:
    """DESIGN §6: neither that the limit was kept, nor that it was not."""
    eight = make.changed(make.local(), hardware={"gpus": 8, "model": "H100"})
    found = judged(name, policy=eight)
    assert found.outcome is UNPROVEN and "8 H100" in found.reason
    late = scripted.evidence(artifact_seconds=(361.0, 362.0), wall_seconds=(800.0, 801.0))
    assert judged(name, late, eight).outcome is UNPROVEN
    rehearsed = eight.model_copy(update={"rehearsal": True})
    assert judged(name, policy=rehearsed).outcome is KEPT
    assert judged(name, late, rehearsed).outcome is UNPROVEN


@pytest.mark.parametrize("name", ["train-budget", "score-budget"])
def test_a_script_that_was_not_run_says_why(name: str) -> None:
    """The hardware that is missing, where it is that."""
    made = scripted.evidence()
    bare = replace(made, seeds=tuple(replace(seed, script=None) for seed in made.seeds))
    assert judged(name, bare).outcome is NOT_RUN
    eight = make.changed(make.local(), hardware={"gpus": 8, "model": "H100"})
    assert "8 H100" in judged(name, bare, eight).reason


# ---------------------------------------------------------------- the number


@pytest.mark.parametrize(
    "changes",
    [
        {"bpb": None},
        {"bpb": float("nan")},
        {"is_claimed": False},
        {"exit_code": 1},
        {"ended_by": EndedBy.WALL_CLOCK},
    ],
)
def test_only_the_claimed_line_of_a_run_that_ended_well_is_its_number(
    changes: dict[str, Any],
) -> None:
    """Else there is nothing to compare a claim with."""
    found = scripted.evidence(**changes)
    assert judged("claim", found).outcome is NOT_RUN
    assert decide(found, make.local()).bpb is None


def test_a_claim_that_the_script_does_not_reach_again_is_broken() -> None:
    """§8, one-sided."""
    assert judged("claim").outcome is KEPT
    assert judged("claim", scripted.evidence(bpb=1.1)).outcome is KEPT
    found = judged("claim", scripted.evidence(bpb=1.28))
    assert found.outcome is BROKEN and "printed when run again" in found.reason


# ---------------------------------------------------------------- the verdict


def test_an_honest_script_is_reproduced_and_never_verified() -> None:
    """Its number is its own, and the line says so."""
    verdict = decide(scripted.evidence(), make.local())
    assert verdict.answer is Answer.REPRODUCED
    assert verdict.line.startswith("REPRODUCED, and its behaviour tested · local_cpu · L2 · ")
    assert "printed bpb 1.2500" in verdict.line and "δ" not in verdict.line
    assert (verdict.bpb, verdict.delta_bpb) == (1.25, None)
    assert verdict.seeds[0].score_root == ""
    said = "\n".join(verdict.notes)
    assert "scored itself" in said and "shadow runs: Off" in said and "log-missing" in said
    assert "VERIFIED" not in verdict.line + said
    assert "α" not in said


def test_a_script_that_breaks_a_rule_is_refuted() -> None:
    """One counterexample is enough."""
    red = replace(scripted.evidence(), behaviour=scripted.behaviour(future=BROKEN))
    assert decide(red, make.local()).answer is Answer.REFUTED


def test_what_screening_reads_never_decides() -> None:
    """Behaviour proven, not read."""
    made = scripted.evidence()
    assert made.screened is not None
    worst = replace(made, screened=replace(made.screened, answer="violation"))
    assert decide(worst, make.local()).answer is Answer.REPRODUCED
    assert decide(replace(made, screened=None), make.local()).answer is Answer.REPRODUCED


def test_a_script_is_inconclusive_on_a_machine_that_was_at_fault() -> None:
    """A re-run is free."""
    made = scripted.evidence()
    fault = EnvironmentFault(seed=made.seeds[0].seed, phase="script", reason="it slept")
    seeds = tuple(replace(seed, environment=(fault,)) for seed in made.seeds)
    assert decide(replace(made, seeds=seeds), make.local()).answer is Answer.INCONCLUSIVE


def test_a_script_that_reads_no_seed_says_so() -> None:
    """Every seed of it is the same run."""
    made = scripted.evidence()
    script = made.opening.submission.script
    assert script is not None
    facts = replace(made.opening.submission, script=replace(script, seeded=False))
    deaf = replace(made, opening=replace(made.opening, submission=facts))
    assert any("reads no seed" in note for note in decide(deaf, make.local()).notes)
    assert not any("reads no seed" in note for note in decide(made, make.local()).notes)


def test_without_shadow_runs_nothing_is_reproduced() -> None:
    """Law 4."""
    found = decide(replace(scripted.evidence(), behaviour=None), make.local())
    assert found.answer is Answer.INCONCLUSIVE


def test_nothing_claimed_leaves_it_open() -> None:
    """§8: a required audit that was not run."""
    made = scripted.evidence()
    facts = replace(made.opening.submission, claim=Claim(val_bpb=None))
    bare = replace(made, opening=replace(made.opening, submission=facts))
    assert decide(bare, make.local()).answer is Answer.INCONCLUSIVE
    assert judged("secrecy", made).outcome is judged("isolation", made).outcome is KEPT
    assert judged("artifact-size", made).outcome is KEPT
