"""Each rule that stands by itself: one changed fact turns its answer, an honest one does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.evidence import HONEST, N
from tests.gpus.judging import made_up, packed, witnessed
from tests.gpus.judging import policy as one_gpu
from verifier import policy as policies
from verifier.audits import SCORER
from verifier.audits.fairness import lacking_hardware, other_gpus
from verifier.audits.train_budget import counted_seconds
from verifier.policy import Policy, Weigh
from verifier.records import (
    Assurance,
    Claim,
    EndedBy,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Finding,
    Outcome,
    PreviousRow,
    WallHits,
)
from verifier.verdict import decide

KEPT, BROKEN, UNPROVEN, NOT_RUN = (
    Outcome.KEPT,
    Outcome.BROKEN,
    Outcome.UNPROVEN,
    Outcome.NOT_RUN,
)
AUDITS = {audit.id: audit for audit in SCORER}
TRACK = make.changed(make.local(), hardware={"gpus": 8, "model": "H100"}, data={"documents": None})
REHEARSAL = make.local().model_copy(update={"rehearsal": True})


def judge(audit: str, found: Evidence, policy: Policy | None = None) -> Finding:
    return AUDITS[audit].judge(found, policy or make.local())


def answer(audit: str, found: Evidence, policy: Policy | None = None) -> Outcome:
    return judge(audit, found, policy).outcome


def part(name: str, **changes: Any) -> Evidence:
    return make.with_part(make.evidence(), name, **changes)


def test_a_findings_evidence_survives_json() -> None:
    """A rechecked verdict equals the stored one: no NaN, no infinity, no numpy scalar."""
    late = part("training", wall_seconds=(np.float64(1.0), float("inf")), cpu_seconds=None)
    finding = judge("train-budget", late)
    assert finding.evidence["seconds_at_most"] is None
    assert type(finding.evidence["seconds_at_least"]) is float
    assert json.loads(json.dumps(finding.evidence, allow_nan=False)) == finding.evidence


# ---------------------------------------------------------------- seeds


def test_the_worst_seed_is_the_answer_and_every_seed_is_listed() -> None:
    """§8: every seed is trained, weighed, scored and replayed."""
    found = make.with_part(make.evidence(count=3), "weighing", artifact_bytes=20_000_000)
    finding = judge("artifact-size", found)
    assert finding.outcome is BROKEN
    assert f"seed {found.opening.seeds[0]}" in finding.reason
    assert sorted(finding.evidence["seeds"].values()) == ["broken", "kept", "kept"]


def test_a_seed_that_was_not_run_is_not_run() -> None:
    """A lucky seed alone is no verdict on three."""
    found = make.evidence(count=2)
    assert answer("artifact-size", replace(found, seeds=found.seeds[:1])) is NOT_RUN
    none = judge("artifact-size", make.with_opening(found, seeds=()))
    assert (none.outcome, none.reason) == (NOT_RUN, "no seed was run")


# ---------------------------------------------------------------- coverage


@pytest.mark.parametrize(
    "changes",
    [
        {"charged": N - 1},
        {"charges": HONEST[:-1]},
        {"reference": HONEST[:-1]},
        {"score_root": "0" * 64},
        {"plan_digest": "0" * 64},
    ],
)
def test_a_pass_that_is_not_whole_is_not_covered(changes: dict[str, Any]) -> None:
    """R6: every token counts once; the score root binds what was counted."""
    assert answer("coverage", part("scoring", **changes)) is UNPROVEN


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, -0.0])
def test_a_charge_that_is_no_cost_is_not_covered(value: float) -> None:
    """§2: negative zero too became +0.0 before it was hashed."""
    charges = HONEST.copy()
    charges[3] = value
    assert answer("coverage", make.evidence(charges)) is UNPROVEN


def test_other_data_than_the_policys_is_not_covered() -> None:
    """R6: the fixed documents, all of them."""
    assert answer("coverage", make.evidence()) is KEPT
    other = make.with_held_out(make.evidence(), manifest_digest="0" * 64)
    assert answer("coverage", other) is UNPROVEN
    unpinned = make.changed(make.local(), data={"manifest": None, "documents": 6})
    assert answer("coverage", other, unpinned) is KEPT
    seven = make.changed(make.local(), data={"documents": 7})
    assert answer("coverage", make.evidence(), seven) is UNPROVEN
    for targets in (N + 1, 0):
        wrong = make.with_held_out(make.evidence(), targets=targets)
        assert "add up" in judge("coverage", wrong).reason
    unopened = make.with_held_out(make.evidence(), target_counts=np.zeros(0, dtype=np.int32))
    assert "not opened" in judge("coverage", unopened).reason


@pytest.mark.parametrize(
    ("targets", "said"),
    [(0, "the documents' targets do not add up to the total"), (1, "240 of 1 targets were")],
)
def test_documents_without_any_target_are_not_covered(targets: int, said: str) -> None:
    """Nothing is none too few, and one target is data."""
    counts = np.array([targets, 0, 0, 0, 0, 0], dtype=np.int32)
    found = judge(
        "coverage", make.with_held_out(make.evidence(), targets=targets, target_counts=counts)
    )
    assert found.outcome is UNPROVEN and found.reason.startswith(said)


def test_seeds_that_nobody_drew_are_not_covered() -> None:
    """R10: no seed is searched for."""
    for seeds in ((5,), make.opening(2).seeds[:1] * 2):
        made = make.with_opening(make.evidence(), seeds=seeds)
        assert answer("coverage", made) is UNPROVEN
    assert answer("coverage", make.with_opening(make.evidence(), seeds=())) is NOT_RUN
    assert answer("coverage", replace(make.evidence(), nonce=None)) is UNPROVEN


def test_a_submissions_own_seeds_are_its_first_ones() -> None:
    """§8: or the submission's, where the policy says so."""
    policy = make.changed(make.local(), seeds={"chosen_by": "submission"})
    made = make.evidence()
    drawn = made.opening.seeds
    for claimed, outcome in ((drawn, KEPT), ((drawn[0] + 1,), UNPROVEN), ((), KEPT)):
        facts = replace(made.opening.submission, claim=Claim(val_bpb=2.0, seeds=claimed))
        assert answer("coverage", make.with_opening(made, submission=facts), policy) is outcome
    facts = replace(made.opening.submission, claim=Claim(val_bpb=2.0, seeds=(5, 5)))
    twice = make.with_opening(make.evidence(count=2), submission=facts, seeds=(5, 5))
    assert "twice" in judge("coverage", twice, policy).reason


def test_a_pass_that_did_not_end_or_was_not_weighed_is_not_covered() -> None:
    """Law 4: missing evidence."""
    assert answer("coverage", make.with_seed(make.evidence(), scoring=None)) is NOT_RUN
    assert answer("coverage", make.with_seed(make.evidence(), weighing=None)) is UNPROVEN


# ---------------------------------------------------------------- artifact-size


def test_the_cap_is_the_last_byte_that_fits() -> None:
    """R1: 16,000,000 fit, 16,000,001 do not."""
    fits = 16_000_000 - 100 - 2_000
    assert answer("artifact-size", part("weighing", artifact_bytes=fits)) is KEPT
    assert answer("artifact-size", part("weighing", artifact_bytes=fits + 1)) is BROKEN


def test_a_tar_counts_what_names_carry() -> None:
    """§6: `tar` weighs the one file that ships."""
    heavy = part("weighing", tar_bytes=16_000_001)
    assert answer("artifact-size", heavy) is KEPT
    strict = make.changed(make.local(), size={"weigh": Weigh.TAR})
    assert answer("artifact-size", heavy, strict) is BROKEN


def test_source_text_is_bounded() -> None:
    """§6: source that can be read as data."""
    assert answer("artifact-size", part("weighing", code_raw_bytes=200_000)) is KEPT
    assert answer("artifact-size", part("weighing", code_raw_bytes=200_001)) is BROKEN


@pytest.mark.parametrize(
    ("objection", "outcome"),
    [
        ("a: extended attributes (user.weights)", BROKEN),
        ("a: a sparse file of 9 bytes goes beyond 5 in all", BROKEN),
        ("latest: a symbolic link", UNPROVEN),
        ("b: a hard link (2 names for one file)", UNPROVEN),
    ],
)
def test_what_cannot_ship_is_a_finding(objection: str, outcome: Outcome) -> None:
    """§6: hidden bytes are broken, an honest link is advice."""
    assert answer("artifact-size", part("weighing", objections=(objection,))) is outcome


def test_what_was_not_weighed_is_not_run() -> None:
    """Law 4."""
    assert answer("artifact-size", make.with_seed(make.evidence(), weighing=None)) is NOT_RUN


@pytest.mark.parametrize("how", [{"ended_by": EndedBy.WALL_CLOCK}, {"exit_code": 1}])
def test_what_a_broken_off_training_left_is_not_kept_within_the_cap(how: dict[str, Any]) -> None:
    """Law 4: an empty folder would weigh little, and ship nothing."""
    assert answer("artifact-size", part("training", **how)) is NOT_RUN
    heavy = make.with_part(part("training", **how), "weighing", artifact_bytes=17_000_000)
    assert answer("artifact-size", heavy) is BROKEN


# ---------------------------------------------------------------- train-budget


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"wall_seconds": (299.0, 300.0)}, KEPT),
        ({"wall_seconds": (299.9, 300.1)}, UNPROVEN),
        ({"wall_seconds": (300.0, 300.1)}, UNPROVEN),
        ({"wall_seconds": (300.1, 300.2)}, BROKEN),
        ({"wall_seconds": (1.0, float("nan"))}, UNPROVEN),
        ({"wall_seconds": (299.9, 300.1), "ended_by": EndedBy.WALL_CLOCK}, BROKEN),
        ({"wall_seconds": (301.0, 302.0), "unfair": "the machine slept"}, UNPROVEN),
        ({"exit_code": 1}, UNPROVEN),
        ({"ended_by": EndedBy.MEMORY, "exit_code": None}, UNPROVEN),
        ({"pack_seconds": 60.0}, KEPT),
        ({"pack_seconds": 60.5}, BROKEN),
        ({"limit_seconds": 600.0}, UNPROVEN),
    ],
)
def test_training_is_timed_from_outside(changes: dict[str, Any], outcome: Outcome) -> None:
    """R2: kept if hi is within the limit, broken if lo is beyond or the run was stopped."""
    assert answer("train-budget", part("training", **changes)) is outcome


def test_training_on_other_hardware_is_neither_kept_nor_broken() -> None:
    """R2: the limits are meant for eight H100; a rehearsal says so and refutes nobody."""
    late = part("training", wall_seconds=(301.0, 302.0))
    assert answer("train-budget", make.evidence(), TRACK) is UNPROVEN
    assert answer("train-budget", late, TRACK) is UNPROVEN
    assert answer("train-budget", late, REHEARSAL) is UNPROVEN
    assert answer("train-budget", make.evidence(), REHEARSAL) is KEPT
    better = make.with_opening(make.evidence(), hardware={"gpus": "8", "gpu": "any"})
    assert answer("train-budget", better) is KEPT
    right = {"gpus": "8", "gpu": "NVIDIA H100 80GB HBM3"}
    watched = make.with_seed(late, gpus=(witnessed(packed(made_up(8))),))
    assert answer("train-budget", make.with_opening(watched, hardware=right), TRACK) is BROKEN
    assert answer("train-budget", make.with_opening(late, hardware=right), TRACK) is UNPROVEN
    wrong = {"gpus": "8", "gpu": "NVIDIA L4"}
    assert answer("train-budget", make.with_opening(late, hardware=wrong), TRACK) is UNPROVEN


@pytest.mark.parametrize("name", ["NVIDIA H100 PCIe", "NVIDIA H100 NVL", "NVIDIA H200"])
def test_another_card_of_the_family_is_other_hardware(name: str) -> None:
    """R2: the track's limits are meant for the SXM card, whose driver says so in its own words."""
    model = policies.load("track_10min_16mb").policy.hardware.model
    track = make.changed(TRACK, hardware={"gpus": 8, "model": model})
    late = part("training", wall_seconds=(301.0, 302.0))
    watched = make.with_seed(late, gpus=(witnessed(packed(made_up(8))),))
    other = make.with_opening(watched, hardware={"gpus": "8", "gpu": name})
    assert answer("train-budget", other) is BROKEN
    found = judge("train-budget", other, track)
    assert found.outcome is UNPROVEN and f"this has 8 ({name})" in found.reason


def test_how_training_ended_is_said_as_far_as_it_is_known() -> None:
    """A killed run has no exit code; the last thing it said is what its author looks for."""
    failed = judge("train-budget", part("training", exit_code=3, log="Traceback\n\nno data\n \n"))
    assert failed.reason == "training ended with exit code 3: no data"
    killed = judge(
        "train-budget", part("training", ended_by=EndedBy.MEMORY, exit_code=None, log="")
    )
    assert killed.reason == "training was ended by the memory limit"
    stopped = judge("train-budget", part("training", ended_by=EndedBy.HOST, log=" \n"))
    assert stopped.reason == "training was ended by the verifier"


def test_what_ran_on_other_clocks_is_shown_beside_training() -> None:
    """Warm-up and packing have limits of their own; work moved there must be seen."""
    alone = judge("train-budget", part("training", wall_seconds=(8.0, 9.0)))
    assert alone.reason == "at most 9.0 of 300 s"
    moved = part("training", wall_seconds=(8.0, 9.0), init_seconds=5.0, pack_seconds=33.71)
    assert judge("train-budget", moved).reason == (
        "at most 42.7 of 300 s, warm-up 5.0 of 60 s, packing 33.7 of 60 s, counted as training"
    )


def test_packing_beside_gpus_is_shown_and_does_not_count() -> None:
    """R2: it has none, so it is no training."""
    made = make.with_opening(make.evidence(), hardware={"gpus": "1", "gpu": "NVIDIA H100 80GB"})
    seen = make.with_seed(made, gpus=(witnessed(packed(made_up())),))
    found = judge(
        "train-budget",
        make.with_part(
            seen, "training", wall_seconds=(9.9, 10.0), limit_seconds=20.0, pack_seconds=33.71
        ),
        one_gpu(1, limit_seconds=20.0),
    )
    assert found.reason == "at most 10.0 of 20 s, packing 33.7 of 60 s"


@pytest.mark.parametrize(
    ("wall_seconds", "pack_seconds", "outcome"),
    [
        ((260.0, 261.0), 39.0, KEPT),
        ((260.0, 261.0), 39.5, UNPROVEN),
        ((260.0, 261.0), 40.5, BROKEN),
        ((299.6, 301.0), 0.5, BROKEN),
    ],
)
def test_packing_counts_as_training_where_nobody_needs_a_gpu_to_train(
    wall_seconds: tuple[float, float], pack_seconds: float, outcome: Outcome
) -> None:
    """R2: what training leaves may hold its data, and a box without GPUs is as fast as another."""
    packed = part("training", wall_seconds=wall_seconds, pack_seconds=pack_seconds)
    assert answer("train-budget", packed) is outcome
    track = make.changed(TRACK, hardware={"gpus": 8, "model": "H100"})
    training = packed.seeds[0].training
    assert training is not None
    assert counted_seconds(training, track) == wall_seconds
    said = "training and packing took" in judge("train-budget", packed).reason
    assert said is (outcome is BROKEN)


def test_a_forbidden_sealed_start_is_unproven() -> None:
    """§2: only where the policy allows it is warm-up free."""
    policy = make.changed(make.local(), train={"sealed_start": "forbidden"})
    assert answer("train-budget", part("training", init_seconds=5.0)) is KEPT
    assert answer("train-budget", part("training", init_seconds=5.0), policy) is UNPROVEN


def test_training_that_was_not_seen_is_not_run() -> None:
    """Law 4."""
    assert answer("train-budget", make.with_seed(make.evidence(), training=None)) is NOT_RUN


def test_the_gpus_that_were_seen_must_be_the_policys() -> None:
    """R2: as many as it names, each of its model."""
    two = make.changed(make.local(), hardware={"gpus": 2, "model": "H100"})
    h100, l4 = "NVIDIA H100 80GB HBM3", "NVIDIA L4"
    meant = "the limits are meant for 2 H100, it ran on "
    assert other_gpus([h100, h100.lower()], two) == ""
    assert other_gpus([h100], two) == f"{meant}1 {h100}"
    assert other_gpus([h100] * 3, two) == f"{meant}3 {h100}"
    assert other_gpus([l4, h100], two) == f"{meant}1 {h100}, 1 {l4}"
    assert other_gpus([], two) == f"{meant}none"


def test_a_machine_lacks_what_it_has_too_few_of_or_of_another_model() -> None:
    """R2: one that tells of no GPU has none."""
    two = make.changed(make.local(), hardware={"gpus": 2, "model": "H100"})
    meant = "the limits are meant for 2 H100, this has "
    assert lacking_hardware({"gpus": "2", "gpu": "nvidia h100"}, two) == ""
    assert lacking_hardware({"gpus": "1", "gpu": "H100"}, two) == f"{meant}1 (H100)"
    assert lacking_hardware({"gpus": "2", "gpu": "L4"}, two) == f"{meant}2 (L4)"
    assert lacking_hardware({}, two) == f"{meant}0 (none)"
    assert lacking_hardware({}, make.local()) == ""


# ---------------------------------------------------------------- score-budget


@pytest.mark.parametrize(
    ("busy", "outcome"), [(300.0, KEPT), (300.1, BROKEN), (float("nan"), UNPROVEN)]
)
def test_scoring_has_a_budget_of_busy_time(busy: float, outcome: Outcome) -> None:
    """R2, §2: from request sent to answer read."""
    assert answer("score-budget", part("scoring", busy_seconds=busy)) is outcome


def test_a_scoring_time_that_the_machine_spoiled_is_unproven() -> None:
    """DESIGN §6: an environment fault is never a refutation."""
    slow = part("scoring", busy_seconds=301.0)
    fault = EnvironmentFault(seed=1, phase="score", reason="throttled")
    assert answer("score-budget", make.with_seed(slow, environment=(fault,))) is UNPROVEN
    assert answer("score-budget", slow, REHEARSAL) is UNPROVEN
    assert answer("score-budget", make.evidence(), REHEARSAL) is KEPT
    assert answer("score-budget", make.evidence(), TRACK) is UNPROVEN
    assert answer("score-budget", make.with_seed(make.evidence(), scoring=None)) is NOT_RUN


def test_a_fault_after_the_pass_does_not_excuse_its_time() -> None:
    """What the replay's machine did says nothing about the pass's clock."""
    slow = part("scoring", busy_seconds=301.0)
    later = EnvironmentFault(seed=1, phase="replay", reason="a box was lost")
    finding = judge("score-budget", make.with_seed(slow, environment=(later,)))
    assert finding.outcome is BROKEN
    assert finding.reason == "scoring took 301.0 of 300 s"
    assert (finding.evidence["busy_seconds"], finding.evidence["wall_seconds"]) == (301.0, 11.0)


def test_a_pass_that_was_stopped_at_its_budget_is_broken() -> None:
    """R2: what has no charges to show took more than was allowed; a replay's limit is another."""
    stopped = make.fault(FaultKind.BUDGET, phase="pass")
    cut = make.with_seed(make.evidence(), scoring=None, replay=None, faults=(stopped,))
    finding = judge("score-budget", cut)
    assert finding.outcome is BROKEN
    assert finding.reason == "scoring took more than 300 s, and was stopped"
    assert finding.evidence["busy_seconds"] is None
    assert finding.evidence["wall_seconds"] is None
    assert answer("score-budget", cut, REHEARSAL) is UNPROVEN
    for other in (make.fault(FaultKind.BUDGET, phase="replay"), make.fault(FaultKind.LATE)):
        seed = make.with_seed(make.evidence(), scoring=None, faults=(other,))
        assert answer("score-budget", seed) is NOT_RUN


def test_gpus_must_have_been_watched_while_scoring() -> None:
    """R2: the pass is a phase of its own."""
    made = make.with_opening(make.evidence(), hardware={"gpus": "1", "gpu": "NVIDIA H100 80GB"})
    for phase, outcome in (("score", KEPT), ("train", UNPROVEN)):
        seen = witnessed(packed(made_up(label="score")), phase=phase)
        assert answer("score-budget", make.with_seed(made, gpus=(seen,)), one_gpu(1)) is outcome


# ---------------------------------------------------------------- claim


def claiming(bpb: float | None, count: int = 1) -> Evidence:
    made = make.evidence(count=count)
    facts = replace(made.opening.submission, claim=Claim(val_bpb=bpb))
    return make.with_opening(made, submission=facts)


def test_a_claim_may_be_modest_but_not_better_than_measured() -> None:
    """§8: one-sided, beyond the policy's tolerance."""
    measured = make.bpb(HONEST)
    assert answer("claim", claiming(measured + 1)) is KEPT
    assert answer("claim", claiming(measured - 0.0199)) is KEPT
    assert answer("claim", claiming(measured - 0.0201)) is BROKEN
    assert answer("claim", claiming(measured - 0.0201), REHEARSAL) is UNPROVEN


def test_a_claim_is_compared_up_to_its_last_digit() -> None:
    """Equal is no worse."""
    exact = make.changed(make.local(), claim={"tolerance_bpb": 0.0})
    measured = decide(make.evidence(), make.local()).bpb
    assert measured is not None
    assert answer("claim", claiming(measured), exact) is KEPT
    assert answer("claim", claiming(float(np.nextafter(measured, 0))), exact) is BROKEN


def test_fewer_seeds_than_the_policys_have_a_wider_tolerance() -> None:
    """§8: the tolerance is for that many seeds."""
    four = make.changed(make.local(), seeds={"count": 4})
    below = make.bpb(HONEST) - 0.03
    assert answer("claim", claiming(below, count=1), four) is KEPT
    assert answer("claim", claiming(below, count=4), four) is BROKEN


def test_a_claim_is_about_the_policy_s_data_and_no_other() -> None:
    """A run over some of the documents refutes nobody's number over all of them."""
    made = claiming(0.5)
    assert answer("claim", made) is BROKEN
    some = replace(made, held_out=replace(made.held_out, manifest_digest="0" * 64))
    assert answer("claim", some) is UNPROVEN
    assert answer("claim", replace(some, opening=claiming(9.0).opening)) is KEPT


def test_a_claim_without_number_and_a_number_without_claim_are_not_kept() -> None:
    """Law 4; NaN loses."""
    assert answer("claim", claiming(None)) is NOT_RUN
    assert answer("claim", claiming(float("nan"))) is UNPROVEN
    assert answer("claim", make.with_seed(make.evidence(), scoring=None)) is NOT_RUN
    assert answer("claim", make.with_opening(make.evidence(), seeds=())) is NOT_RUN


# ---------------------------------------------------------------- record


def against(previous: tuple[float, ...], shifts: tuple[float, ...] = (0.0, 0.01, 0.02)) -> Evidence:
    made = make.evidence(count=3)
    seeds = []
    for seed, by in zip(made.seeds, shifts, strict=True):
        charges = (HONEST + np.float32(by)).astype(np.float32)
        assert seed.scoring is not None and seed.replay is not None
        scoring = replace(seed.scoring, charges=charges)
        seeds.append(replace(seed, scoring=scoring, replay=replace(seed.replay, blind=charges)))
    row = PreviousRow(name="the row before", bpb=previous)
    return replace(made, seeds=tuple(seeds), previous=row)


THREE = make.changed(make.local(), seeds={"count": 3})


def test_a_record_is_better_by_enough_and_surely_enough() -> None:
    """R7: margin in nats, one-sided Welch."""
    bpb = make.bpb(HONEST)
    assert answer("record", against((bpb + 0.1, bpb + 0.11, bpb + 0.12)), THREE) is KEPT
    assert answer("record", against((bpb, bpb + 0.01, bpb + 0.02)), THREE) is BROKEN
    assert answer("record", against((bpb - 2, bpb + 0.1, bpb + 2.2)), THREE) is BROKEN


def test_a_record_that_is_just_good_enough_is_one_and_one_that_is_just_sure_enough_is_not() -> None:
    """R7: at least the margin, at the bound too; p below the policy's."""
    bpb = make.bpb(HONEST)
    made = against((bpb + 0.1, bpb + 0.11, bpb + 0.12))
    dearer = tuple(
        replace(seed, replay=replace(seed.replay, blind=seed.replay.blind + np.float32(0.01)))
        for seed in made.seeds
        if seed.replay is not None
    )
    bounded = replace(made, seeds=dearer)
    for found, figure in ((made, "margin_nats_per_byte"), (bounded, "margin_at_bound")):
        margin = judge("record", found, THREE).evidence[figure]
        exact = make.changed(THREE, record={"margin_nats": margin})
        assert answer("record", found, exact) is KEPT
        more = make.changed(THREE, record={"margin_nats": float(np.nextafter(margin, 1))})
        assert answer("record", found, more) is not KEPT
    p = judge("record", made, THREE).evidence["p"]
    assert answer("record", made, make.changed(THREE, record={"p_value": p})) is BROKEN


def test_a_record_needs_two_seeds_on_either_side() -> None:
    """One value has no spread; two have."""
    bpb = make.bpb(HONEST)
    alone = judge("record", against((bpb + 0.1,)), THREE)
    assert alone.outcome is UNPROVEN
    assert "too few seeds" in alone.reason
    assert answer("record", against((bpb + 0.1, bpb + 0.11)), THREE) is KEPT


def test_a_record_must_stand_at_the_replays_bound() -> None:
    """R7 at bpb + δ: what the replay may have missed counts against the newcomer."""
    bpb = make.bpb(HONEST)
    made = against((bpb + 0.03, bpb + 0.031, bpb + 0.032), (0.0, 0.001, 0.002))
    dearer = tuple(
        replace(seed, replay=replace(seed.replay, blind=seed.replay.blind + np.float32(0.05)))
        for seed in made.seeds
        if seed.replay is not None
    )
    assert answer("record", made, THREE) is KEPT
    assert answer("record", replace(made, seeds=dearer), THREE) is UNPROVEN


def test_a_record_needs_a_row_seeds_and_a_bound() -> None:
    """A spot check, one seed, a rehearsal or no row: not a record."""
    bpb = make.bpb(HONEST)
    row = PreviousRow(name="row", bpb=(bpb + 1,))
    one = replace(make.evidence(), previous=row)
    assert answer("record", one) is UNPROVEN
    two = replace(make.evidence(count=2), previous=replace(row, bpb=(bpb + 1, bpb + 1.1)))
    assert "spot check" in judge("record", two, THREE).reason
    assert answer("record", replace(one, previous=replace(row, bpb=()))) is NOT_RUN
    assert answer("record", one, REHEARSAL) is NOT_RUN
    assert answer("record", make.with_seed(one, replay=None)) is NOT_RUN
    same = against((bpb + 1,) * 3, (0.0, 0.0, 0.0))
    assert answer("record", same, THREE) is UNPROVEN


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"table_bytes": None}, KEPT),
        ({"table_bytes": 600}, KEPT),
        ({"unspelled": 1, "first_unspelled": 4}, UNPROVEN),
        ({"document_bytes": 586}, UNPROVEN),
        ({"document_bytes": 0, "byte_counts": np.zeros(6, dtype=np.int32)}, UNPROVEN),
        ({"byte_counts": np.array([585], dtype=np.int32)}, UNPROVEN),
        ({"document_bytes": 1, "byte_counts": np.array([1, 0, 0, 0, 0, 0])}, KEPT),
    ],
)
def test_the_denominator_is_the_documents_own_bytes(
    changes: dict[str, Any], outcome: Outcome
) -> None:
    """R8: a tokenizer that does not spell its documents proves no byte count."""
    assert answer("bytes", make.with_held_out(make.evidence(), **changes)) is outcome


def test_the_competitions_table_is_reported_beside_the_count() -> None:
    """§5: any difference is said."""
    found = make.with_held_out(make.evidence(), table_bytes=6000)
    assert judge("bytes", found).reason.endswith("tokens (6,000 by the competition's table)")


# ---------------------------------------------------------------- secrecy


def scanned(*scans: Any) -> Evidence:
    return make.with_seed(make.evidence(), secrecy=scans)


def test_held_out_text_in_what_was_brought_is_broken() -> None:
    """R4: a paid prefix; a tenth of a document's windows is the limit."""
    image, brought = make.scan("image"), "submission and artifact"
    assert answer("secrecy", scanned(image, make.scan(brought, 0.1))) is KEPT
    assert answer("secrecy", scanned(image, make.scan(brought, 0.11))) is BROKEN
    assert answer("secrecy", scanned(image, make.scan(brought, float("nan")))) is UNPROVEN


def test_the_worst_document_is_the_one_that_is_named() -> None:
    """Broken or kept: whoever reads it learns the most that was found."""
    image, brought = make.scan("image"), "submission and artifact"
    worse = replace(make.scan(brought, 0.5), worst_file="artifact/prefix.bin")
    for scans in ((make.scan(brought, 0.2), worse, image), (image, worse, make.scan(brought, 0.2))):
        finding = judge("secrecy", scanned(*scans))
        assert finding.reason == "50% of a held-out document stands in artifact/prefix.bin"
    kept = judge("secrecy", scanned(image, make.scan(brought, 0.05)))
    assert kept.evidence["worst_share"] == 0.05
    assert "at most 5.0%" in kept.reason


def test_held_out_text_in_our_image_is_ours() -> None:
    """Our fault and theirs never share a channel."""
    found = scanned(make.scan("image", 0.5), make.scan("submission and artifact"))
    assert answer("secrecy", found) is UNPROVEN


def test_what_nobody_scanned_is_not_kept() -> None:
    """§7: image, submission and artifact, with windows to look for."""
    assert answer("secrecy", scanned()) is NOT_RUN
    for scan, missing in (
        ("submission and artifact", "image"),
        ("image", "submission, artifact"),
        ("image and submission", "artifact"),
    ):
        finding = judge("secrecy", scanned(make.scan(scan)))
        assert (finding.outcome, finding.reason) == (NOT_RUN, f"not scanned: {missing}")
    both = make.scan("image"), make.scan("submission and artifact")
    for files, windows, outcome in ((0, 1, UNPROVEN), (1, 0, UNPROVEN), (1, 1, KEPT)):
        scan = replace(both[1], files=files, windows=windows)
        assert answer("secrecy", scanned(both[0], scan)) is outcome


def test_what_could_not_be_read_is_unproven_where_it_was_brought() -> None:
    """§7: an archive that unpacks to too much may hold anything; the image is pinned."""
    bomb = replace(make.scan("submission and artifact"), unread=("a.zip: too large",))
    odd = replace(make.scan("image"), unread=("b.gz: damaged",))
    assert answer("secrecy", scanned(make.scan("image"), bomb)) is UNPROVEN
    assert answer("secrecy", scanned(odd, make.scan("submission and artifact"))) is KEPT


# ---------------------------------------------------------------- protocol


@pytest.mark.parametrize("kind", FaultKind)
def test_a_broken_wire_is_broken_and_a_crash_is_not(kind: FaultKind) -> None:
    """§2: ERROR, death and slowness (score-budget's to judge) are the author's to mend."""
    crash = kind in {FaultKind.DIED, FaultKind.ERROR, FaultKind.BUDGET}
    found = make.with_seed(make.evidence(), faults=(make.fault(kind),))
    assert answer("protocol", found) is (UNPROVEN if crash else BROKEN)


def test_a_late_answer_of_a_starved_machine_is_unproven() -> None:
    """§2: late is a finding only if the host was not starved."""
    late = make.fault(FaultKind.LATE, host_starved=True)
    assert answer("protocol", make.with_seed(make.evidence(), faults=(late,))) is UNPROVEN


def test_the_gravest_fault_is_named() -> None:
    """A crash does not hide the NaN that came after it."""
    faults = (make.fault(FaultKind.DIED), make.fault(FaultKind.NAN, request="PREDICT"))
    finding = judge("protocol", make.with_seed(make.evidence(), faults=faults))
    assert finding.outcome is BROKEN
    assert finding.evidence["request"] == "PREDICT"
    assert finding.evidence["faults"] == 2


def test_a_wire_that_was_not_used_to_the_end_is_not_kept() -> None:
    """Law 4."""
    assert answer("protocol", make.with_seed(make.evidence(), scoring=None)) is NOT_RUN
    assert answer("protocol", make.with_seed(make.evidence(), replay=None)) is NOT_RUN


# ---------------------------------------------------------------- isolation


@pytest.mark.parametrize(
    ("box", "outcome"),
    [
        ({"assurance": Assurance.L0}, UNPROVEN),
        ({"assurance": Assurance.L1}, KEPT),
        ({"root_digest": "0" * 64}, UNPROVEN),
        ({"lacking": ("memory limit",)}, KEPT),
    ],
)
def test_the_weakest_box_decides(box: dict[str, Any], outcome: Outcome) -> None:
    """R3, DESIGN §6: the policy names the least level it accepts."""
    policy = make.changed(make.local(), isolation={"least_assurance": "L1"})
    found = replace(make.evidence(), boxes=(make.box(), make.box(**box)))
    assert answer("isolation", found, policy) is outcome


def test_no_walls_at_all_are_unproven_under_every_policy() -> None:
    """DESIGN §6: where not even L0 can be had."""
    found = make.with_opening(make.evidence(), assurance=Assurance.NONE)
    assert answer("isolation", found) is UNPROVEN


def test_an_image_that_was_not_pinned_is_unproven_where_the_policy_asks() -> None:
    """Part of what ran is unknown."""
    image = replace(make.opening().image, pinned=False)
    found = make.with_opening(make.evidence(), image=image)
    assert answer("isolation", found) is UNPROVEN
    lenient = make.changed(make.local(), isolation={"pinned_image": False})
    assert answer("isolation", found, lenient) is KEPT


def test_attempts_that_a_wall_stopped_are_disclosed_and_change_nothing() -> None:
    """§8: the wall held."""
    hit = WallHits(seed=1, phase="train", attempts=("connect 1.1.1.1:53",))
    finding = judge("isolation", replace(make.evidence(), wall_hits=(hit,)))
    assert finding.outcome is KEPT
    assert finding.evidence["stopped_attempts"] == ["train: connect 1.1.1.1:53"]


def test_boxes_that_nobody_read_back_are_not_run() -> None:
    """Law 4."""
    assert answer("isolation", replace(make.evidence(), boxes=())) is NOT_RUN
