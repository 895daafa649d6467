"""VERIFIED is the one guarded branch; everything else falls through or is refuted with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.evidence import HONEST
from tests.audits.test_chain import CHEAT, GAINED
from verifier.audits.isolation import SHOWN
from verifier.audits.number import alpha_of_attempt, mean_of
from verifier.errors import BrokenInvariant
from verifier.policy import AuditRule, Policy
from verifier.records import (
    Adaptation,
    Answer,
    Assurance,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Finding,
    Outcome,
    SeedScore,
    Step,
    WallHits,
)
from verifier.sampling import bound
from verifier.verdict import conclude, context, decide

REQUIRED = make.local().audits["scorer/1"].required


def answer(found: Evidence, policy: Policy | None = None) -> Answer:
    return decide(found, policy or make.local()).answer


def requiring(*names: str) -> Policy:
    rule = AuditRule(required=names, disclosed=())
    return make.local().model_copy(update={"audits": {"scorer/1": rule}})


def test_an_honest_run_is_verified_with_its_number() -> None:
    """§8: every required audit Kept."""
    verdict = decide(make.evidence(), make.local())
    assert verdict.answer is Answer.VERIFIED
    assert verdict.bpb == pytest.approx(make.bpb(HONEST), abs=1e-6)
    assert verdict.delta_bpb == 0.0
    assert verdict.bpb_std is None
    assert verdict.required == REQUIRED
    assert verdict.disclosed == ("provenance", "twin")
    assert [score.seed for score in verdict.seeds] == list(make.opening().seeds)
    scoring = make.evidence().seeds[0].scoring
    assert scoring is not None and verdict.seeds[0].score_root == scoring.score_root != ""


def test_a_verdict_names_the_policy_and_the_level_that_it_was_given_under() -> None:
    """Law 9: the assurance level of the sandbox is printed in every verdict."""
    verdict = decide(make.with_opening(make.evidence(), assurance=Assurance.L1), make.local())
    assert (verdict.policy, verdict.assurance) == ("local_cpu", Assurance.L1)


def test_a_broken_required_rule_refutes() -> None:
    """§8: any Broken."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    assert answer(make.with_seed(make.evidence(CHEAT), chain=steps)) is Answer.REFUTED
    heavy = make.with_part(make.evidence(), "weighing", artifact_bytes=16_000_001)
    assert answer(heavy) is Answer.REFUTED


def test_an_open_required_rule_is_inconclusive() -> None:
    """§8: else any Unproven or NotRun."""
    assert answer(make.evidence(CHEAT)) is Answer.INCONCLUSIVE
    assert answer(make.with_seed(make.evidence(), secrecy=())) is Answer.INCONCLUSIVE


def test_broken_wins_over_open_rules() -> None:
    """A NaN ends the pass: most is not run, and it is refuted all the same."""
    found = make.with_seed(
        make.evidence(), scoring=None, replay=None, faults=(make.fault(FaultKind.NAN),)
    )
    verdict = decide(found, make.local())
    assert verdict.answer is Answer.REFUTED
    assert verdict.bpb is None
    assert verdict.seeds == ()
    assert "no number" in verdict.line


def test_a_run_that_left_nothing_is_never_verified() -> None:
    """Law 4."""
    made = make.evidence()
    empty = replace(made, seeds=(), boxes=(), nonce=None)
    assert answer(empty) is Answer.INCONCLUSIVE
    assert answer(empty, requiring("bytes")) is Answer.INCONCLUSIVE
    assert answer(made, requiring("bytes")) is Answer.VERIFIED


def test_a_policy_that_requires_nothing_verifies_nothing() -> None:
    """Empty evidence is refused: no audit answered, none was asked."""
    rule = make.local().audits["scorer/1"].model_copy(update={"required": ()})
    policy = make.local().model_copy(update={"audits": {"scorer/1": rule}})
    assert answer(make.evidence(), policy) is Answer.INCONCLUSIVE


def test_a_required_audit_that_gave_no_answer_verifies_nothing() -> None:
    """As many answers as the policy requires, or it stays open."""
    made, rule = make.evidence(), make.local().audits["scorer/1"]
    verdict = decide(made, make.local())
    mean = mean_of(made, verdict.seeds)
    assert conclude(made, verdict.findings, rule, mean) is Answer.VERIFIED
    for at in range(len(REQUIRED)):
        fewer = [finding for finding in verdict.findings if finding.audit != REQUIRED[at]]
        assert conclude(made, fewer, rule, mean) is Answer.INCONCLUSIVE
    assert conclude(made, (), rule, mean) is Answer.INCONCLUSIVE
    assert conclude(made, verdict.findings, rule, None) is Answer.INCONCLUSIVE


def test_a_disclosed_broken_rule_changes_nothing() -> None:
    """§8: printed, never deciding."""
    heavy = make.with_part(make.evidence(), "weighing", artifact_bytes=16_000_001)
    verdict = decide(heavy, requiring("coverage"))
    assert verdict.answer is Answer.VERIFIED
    assert {f.audit: f.outcome for f in verdict.findings}["artifact-size"] is Outcome.BROKEN


def test_an_audit_that_nobody_has_is_not_run_and_never_skipped() -> None:
    """Unknown check names are not skipped in silence."""
    verdict = decide(make.evidence(), requiring("coverage", "telepathy"))
    assert verdict.answer is Answer.INCONCLUSIVE
    missing = Finding(
        audit="telepathy", outcome=Outcome.NOT_RUN, reason="this verifier has no such audit"
    )
    assert missing in verdict.findings


def test_a_contract_that_the_policy_does_not_know_is_inconclusive() -> None:
    """A policy lists audits per contract."""
    facts = replace(make.opening().submission, contract="script/2")
    verdict = decide(make.with_opening(make.evidence(), submission=facts), make.local())
    assert verdict.answer is Answer.INCONCLUSIVE
    assert verdict.required == ()
    assert any("script/2" in note for note in verdict.notes)


def test_a_machine_fault_before_the_replay_is_a_free_re_run() -> None:
    """DESIGN §6: never a refutation, never a pass; after it the replay's own rule stands."""
    heavy = make.with_part(make.evidence(), "weighing", artifact_bytes=16_000_001)
    fault = EnvironmentFault(seed=1, phase="train", reason="a foreign process on the GPU")
    for made in (heavy, make.evidence()):
        verdict = decide(make.with_seed(made, environment=(fault,)), make.local())
        assert verdict.answer is Answer.INCONCLUSIVE
        assert any("re-run is free" in note for note in verdict.notes)
    for phase in ("replay", "chain"):
        later = make.with_seed(heavy, environment=(replace(fault, phase=phase),))
        assert answer(later) is Answer.REFUTED


def test_the_number_is_the_mean_with_each_seed_beside_it() -> None:
    """§8: several seeds."""
    made = make.evidence(count=3)
    verdict = decide(made, make.changed(make.local(), seeds={"count": 3}))
    assert verdict.answer is Answer.VERIFIED
    assert len(verdict.seeds) == 3
    assert verdict.bpb_std == 0.0
    assert f"3 seeds · bpb {make.bpb(HONEST):.4f} ± 0.0000 · δ" in verdict.line
    lost = replace(made, seeds=made.seeds[:2])
    assert decide(lost, make.local()).bpb is None


def test_two_numbers_have_a_deviation_and_one_has_none() -> None:
    """§8: of a sample."""
    for bpb, std in (((1.0,), None), ((1.0, 2.0), 0.5**0.5), ((1.0, 2.0, 3.0), 1.0)):
        made = make.evidence(count=len(bpb))
        scores = tuple(
            SeedScore(seed=seed, bpb=number, delta_bpb=None, score_root="")
            for seed, number in zip(made.opening.seeds, bpb, strict=True)
        )
        mean = mean_of(made, scores)
        assert mean is not None
        assert mean.std == (None if std is None else pytest.approx(std))


def test_fewer_seeds_than_the_policys_are_called_a_spot_check() -> None:
    """R7: not a record verdict."""
    verdict = decide(make.evidence(), make.changed(make.local(), seeds={"count": 3}))
    assert verdict.answer is Answer.VERIFIED
    assert "1 seed of 3 (spot check, not a record verdict)" in verdict.line


def test_the_line_says_answer_policy_level_seeds_number_bound_and_key() -> None:
    """§8: one line everywhere."""
    made = make.evidence()
    key = made.opening.public_key[:8]
    number = f"bpb {make.bpb(HONEST):.4f}"
    assert decide(made, make.local()).line == (
        f"VERIFIED · local_cpu · L2 · 1 seed · {number} · δ 0.0000 · self-run, key {key}"
    )
    official = make.with_opening(made, self_run=False)
    assert decide(official, make.local()).line.endswith(
        f"δ 0.0000 · said to be the organizer's, key {key}"
    )


def test_a_rehearsal_says_so_in_its_line_and_notes() -> None:
    """R2: the track's rules on other hardware."""
    policy = make.local().model_copy(update={"rehearsal": True})
    verdict = decide(make.evidence(), policy)
    assert "local_cpu (a rehearsal)" in verdict.line
    assert any("rehearsal" in note for note in verdict.notes)


def test_the_bound_is_exact_when_everything_was_replayed() -> None:
    """§4.3: δ = max(0, Σ(b − x)) / N."""
    near = (HONEST - np.float32(5e-5)).astype(np.float32)
    verdict = decide(make.evidence(near), make.local())
    targets, size = len(HONEST), make.BYTES.sum()
    gap = float((HONEST.astype(np.float64) - near).sum())
    assert verdict.answer is Answer.VERIFIED
    assert verdict.delta_bpb == pytest.approx(gap / np.log(2) / size, rel=1e-6)
    assert targets == make.N


def test_a_sampled_bound_is_positive_and_shrinks_with_fewer_attempts() -> None:
    """§4.1: attempt k is decided at α / (k (k + 1))."""
    first = decide(make.with_draws(make.evidence()), make.sampled())
    assert first.answer is Answer.VERIFIED
    assert first.delta_bpb is not None
    assert first.delta_bpb > 0
    fifth = decide(make.with_draws(make.evidence(attempt=5)), make.sampled())
    assert fifth.delta_bpb is not None
    assert any("attempt 5" in note for note in fifth.notes)
    assert sum(alpha_of_attempt(0.001, k) for k in range(1, 10_000)) < 0.001


def test_a_sampled_bound_is_taken_from_the_blind_costs_of_the_drawn_positions() -> None:
    """§4.6, with the policy's constants and the attempt's α; dearer blind costs widen it."""
    policy = make.sampled(200)
    made = make.with_draws(make.evidence(), 200)
    seed = made.seeds[0]
    assert seed.replay is not None and seed.scoring is not None
    rule, per_byte = policy.replay, make.N / (np.log(2) * int(make.BYTES.sum()))
    dearer = (seed.replay.blind + np.float32(0.5)).astype(np.float32)
    found = []
    for asked in (seed.replay.blind, dearer):
        blind = HONEST.copy()
        blind[seed.replay.targets] = asked
        expected = bound(
            seed.replay.draws,
            seed.scoring.charges,
            blind,
            seed.scoring.reference,
            slack_nats=rule.slack_nats,
            tau=rule.tau_nats,
            alpha=alpha_of_attempt(rule.alpha, 1),
        ).delta_nats
        delta = decide(make.with_part(made, "replay", blind=asked), policy).delta_bpb
        assert delta == pytest.approx(expected * per_byte)
        found.append(delta)
    assert found[0] < found[1]


@pytest.mark.parametrize("changes", [{"targets": HONEST[:3]}, {"blind": HONEST * np.inf}])
def test_a_replay_that_is_not_whole_gives_no_bound(changes: dict[str, np.ndarray]) -> None:
    """NaN loses; so does infinity."""
    verdict = decide(make.with_part(make.evidence(), "replay", **changes), make.local())
    assert verdict.delta_bpb is None
    assert "δ –" in verdict.line
    assert verdict.answer is Answer.INCONCLUSIVE


def test_a_replay_over_part_of_the_targets_gives_no_bound() -> None:
    """Neither `all` without all nor a sample without its draws."""
    cut = {"targets": make.EVERYWHERE[:9], "blind": HONEST[:9], "log_sums": np.zeros(9)}
    assert decide(make.with_part(make.evidence(), "replay", **cut), make.local()).delta_bpb is None
    drawn = make.with_part(make.with_draws(make.evidence()), "replay", **cut)
    assert decide(drawn, make.sampled()).delta_bpb is None


def test_a_sample_with_fewer_costs_than_targets_gives_no_bound() -> None:
    """Arrays that contradict each other are no evidence, and deciding does not stumble."""
    made = make.with_draws(make.evidence())
    assert made.seeds[0].replay is not None
    short = make.with_part(made, "replay", blind=made.seeds[0].replay.blind[1:])
    verdict = decide(short, make.sampled())
    assert verdict.delta_bpb is None
    assert verdict.answer is Answer.INCONCLUSIVE


def test_data_without_a_target_gives_no_number() -> None:
    """No charges at all are not the best number there is; a single one is a number."""
    for many in (0, 1):
        counts = np.ones(many, dtype=np.int32)
        made = make.with_held_out(make.evidence(), targets=many, target_counts=counts)
        charges = {"charges": HONEST[:many], "reference": HONEST[:many]}
        found = decide(make.with_part(made, "scoring", charged=many, **charges), make.local())
        assert found.answer is Answer.INCONCLUSIVE
        bpb = float(HONEST[0]) / np.log(2) / int(make.BYTES.sum())
        assert found.bpb == (pytest.approx(bpb) if many else None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_charges_that_are_no_costs_give_no_number(value: float) -> None:
    """NaN loses, and deciding does not stumble over it."""
    charges = HONEST.copy()
    charges[3] = value
    verdict = decide(make.evidence(charges), make.local())
    assert verdict.bpb is None
    assert verdict.answer is Answer.INCONCLUSIVE


@pytest.mark.parametrize("changes", [{"document_bytes": 0}, {"targets": 5}])
def test_data_that_does_not_add_up_gives_no_number(changes: dict[str, int]) -> None:
    """No division by nothing; by a single byte, if that is all."""
    verdict = decide(make.with_held_out(make.evidence(), **changes), make.local())
    assert verdict.bpb is None
    assert verdict.answer is Answer.INCONCLUSIVE
    single = decide(make.with_held_out(make.evidence(), document_bytes=1), make.local())
    assert single.bpb == pytest.approx(make.bpb(HONEST) * int(make.BYTES.sum()))


def test_what_a_reader_must_know_stands_in_the_notes() -> None:
    """Law 9: what is not promised is said."""
    image = replace(make.opening().image, pinned=False)
    made = make.with_opening(make.evidence(), image=image, assurance=Assurance.L1)
    made = replace(
        made,
        boxes=(make.box(lacking=("a memory limit",)),),
        wall_hits=(WallHits(seed=1, phase="train", attempts=("connect 1.1.1.1:53",)),),
    )
    said = "\n".join(decide(made, make.local()).notes)
    for fact in (
        "not checked: record, provenance, twin",
        "attempt 1 of this author",
        "self-run",
        "not pinned",
        "a wall was lacking: a memory limit",
        "a wall stopped: train: connect 1.1.1.1:53",
    ):
        assert fact in said


def test_a_submission_that_tries_everything_does_not_fill_the_verdict() -> None:
    """Law 9: what is not listed is counted."""
    tried = tuple(f"connect 1.1.1.{number}:53" for number in range(SHOWN + 5))
    hits = (WallHits(seed=1, phase="train", attempts=tried),)
    notes = decide(replace(make.evidence(), wall_hits=hits), make.local()).notes
    assert len([note for note in notes if note.startswith("a wall stopped: ")]) == SHOWN
    assert "walls stopped 5 more attempts" in notes
    few = replace(hits[0], attempts=tried[:SHOWN])
    notes = decide(replace(make.evidence(), wall_hits=(few,)), make.local()).notes
    assert not any("more attempts" in note for note in notes)


def test_an_official_run_on_a_pinned_image_has_little_else_to_say() -> None:
    """No note stands where its reason does not; that a key is official is only said so far."""
    made = make.with_opening(make.evidence(), self_run=False)
    first, *others = decide(made, make.local()).notes
    assert first.startswith("context: document (")
    assert tuple(others) == (
        "not checked: record, provenance, twin",
        "attempt 1 of this author, decided at α = 0.0005",
        "the key is said to be the organizer's: compare it with the published one",
    )
    walls = replace(made, boxes=(make.box(lacking=("pids", "memory")), make.box(lacking=("pids",))))
    assert decide(walls, make.local()).notes[4:] == (
        "a wall was lacking: memory",
        "a wall was lacking: pids",
    )


@pytest.mark.parametrize(
    ("adaptation", "said"),
    [
        (Adaptation.NONE, "document"),
        (Adaptation.DOCUMENT, "document"),
        (Adaptation.STREAM, "stream"),
    ],
)
def test_the_context_of_the_number_is_said(adaptation: Adaptation, said: str) -> None:
    """Promise: a reader never compares a document's number with a stream's unwarned."""
    opening = make.evidence().opening
    scorer = opening.submission.scorer
    assert scorer is not None
    terms = replace(scorer, adaptation=adaptation)
    assert context(
        replace(opening, submission=replace(opening.submission, scorer=terms))
    ).startswith(f"context: {said} (")
    alone = replace(opening.submission, scorer=None)
    assert context(replace(opening, submission=alone)).startswith("context: stream (the script")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("it slept", "train: it slept"),
        ("train: it slept", "train: it slept"),
        ("pack: it slept", "train: pack: it slept"),
    ],
)
def test_a_fault_of_the_machine_names_its_phase_once(reason: str, said: str) -> None:
    """A reason that begins with the phase is not told it again."""
    fault = EnvironmentFault(seed=1, phase="train", reason=reason)
    verdict = decide(make.with_seed(make.evidence(), environment=(fault,)), make.local())
    assert f"the machine was at fault ({said}); a re-run is free" in verdict.notes


def test_a_ledger_of_another_policy_is_a_bug_of_ours() -> None:
    """The verifier contradicts itself."""
    with pytest.raises(BrokenInvariant, match="policy strict_tar, decided under local_cpu"):
        decide(make.with_opening(make.evidence(), policy_name="strict_tar"), make.local())
    with pytest.raises(BrokenInvariant, match="attempt 0"):
        decide(make.with_opening(make.evidence(), attempt=0), make.local())


def test_deciding_twice_gives_the_same_verdict() -> None:
    """Law 6: pure."""
    assert decide(make.evidence(), make.local()) == decide(make.evidence(), make.local())
