"""The machine's faults: only where they could have changed what follows, never an excuse else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.audits import evidence as make
from tests.audits import scripted
from tests.audits.traces import recorded as recorded_trace
from tests.audits.traces import table_of, trace
from verifier.audits.spoilt import drift, spoilt
from verifier.audits.waiting import share_held
from verifier.records import (
    Answer,
    Claim,
    CpuWitness,
    EndedBy,
    EnvironmentFault,
    Evidence,
    FaultKind,
    Outcome,
    SpeedProbe,
)
from verifier.verdict import decide

STOPPED = {"ended_by": EndedBy.WALL_CLOCK, "exit_code": 137, "wall_seconds": (300.0, 300.4)}
STARVED = {"box": 0.5, "waits": 0.5, "others": 1.5}
MILD = {"box": 0.95, "waits": 0.05, "others": 1.05}
SHARED = {"box": 0.4, "waits": 0.6, "others": 1.6}
PIECES = ("interpreter", "matrix product", "memory copy")


def watched(evidence: Evidence, *traces: CpuWitness) -> Evidence:
    return make.with_seed(evidence, cpu={each.phase: each for each in traces})


def starved(since: float, until: float, seconds: float, phase: str) -> CpuWitness:
    """Others had 60 % of what the box needed, in that part of it alone."""
    table = table_of(trace(seconds=seconds, others=1.0))
    gone = 0.6 * (table["seconds"].clip(since, until) - since)
    table["box_cpu_seconds"] -= gone
    table["waited_seconds"] += gone
    return recorded_trace(table, phase=phase)


def probed(evidence: Evidence, before: float, after: float) -> Evidence:
    probes = tuple(
        SpeedProbe(
            seed=1,
            moment=moment,
            threads=1,
            seconds=dict.fromkeys(PIECES, seconds),
            usual_seconds={},
            usual_of=0,
        )
        for moment, seconds in (("before", before), ("after", after))
    )
    return make.with_seed(evidence, speed=probes)


def faults(evidence: Evidence) -> list[tuple[str, str]]:
    return [(fault.phase, fault.reason) for fault in spoilt(evidence, make.local())]


def phases(evidence: Evidence) -> list[str]:
    return [phase for phase, _ in faults(evidence)]


def stopped(**changes: Any) -> Evidence:
    """Training was ended at its limit."""
    late = make.with_part(make.evidence(), "training", **(STOPPED | changes))
    return make.with_seed(late, weighing=None, scoring=None, replay=None, secrecy=())


def claims_more(seconds: float) -> Evidence:
    """Trained that long, and came out worse than it claims."""
    found = make.with_part(make.evidence(), "training", wall_seconds=(seconds, seconds + 0.1))
    facts = found.opening.submission
    return make.with_opening(found, submission=replace(facts, claim=Claim(val_bpb=0.5)))


# ---------------------------------------------------------------- limits


def test_a_limit_missed_while_others_had_the_processors_is_the_machines_fault() -> None:
    """DESIGN §6: a free re-run, never a refutation."""
    late = watched(stopped(), trace(seconds=300, **STARVED))
    assert faults(late) == [
        ("train", "train: others had its processors for 50 % of 300 s, 10 % are fair")
    ]
    (fault,) = spoilt(late, make.local())
    verdict = decide(make.with_seed(late, environment=(fault,)), make.local())
    assert verdict.answer is Answer.INCONCLUSIVE
    outcomes = {finding.audit: finding.outcome for finding in verdict.findings}
    assert outcomes["train-budget"] is Outcome.UNPROVEN


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"others": 1.0},
        MILD,
        {"box": 0.0, "others": 2.0},
        {"waits": 3.0, "others": 1.0},
    ],
)
def test_a_limit_missed_by_what_the_box_did_itself_is_its_own(how: dict[str, Any]) -> None:
    """A mildly loaded machine, a sleeper, too many threads: broken as ever."""
    late = watched(stopped(), trace(seconds=300, **how))
    assert faults(late) == []
    assert decide(late, make.local()).answer is Answer.REFUTED


def test_nothing_counted_excuses_nothing() -> None:
    """Missing evidence is never a pass."""
    assert faults(stopped()) == []
    assert faults(watched(stopped(), replace(trace(**STARVED), columns=("seconds",)))) == []


def test_a_busy_machine_changes_nothing_where_no_limit_was_missed() -> None:
    """It is said, and the verdict stands."""
    starved = {phase: trace(phase=phase, **STARVED) for phase in ("train", "pass", "replay")}
    calm = make.with_seed(make.evidence(), cpu=starved)
    assert faults(calm) == []
    verdict = decide(calm, make.local())
    assert verdict.answer is Answer.VERIFIED
    (note,) = (note for note in verdict.notes if "busy" in note)
    assert note == (
        "this machine was busy: others had the box's processors for"
        " train 50 %, pass 50 %, replay 50 % of the time"
    )
    assert not any("busy" in n for n in decide(watched(calm, trace(**MILD)), make.local()).notes)


def test_with_several_seeds_a_busy_machine_is_told_seed_by_seed() -> None:
    """A reader must know which number stands under it; what is fair itself is not told."""
    made = make.evidence(count=2)
    first, second = made.seeds
    seeds = (replace(first, cpu={"pass": trace(phase="pass", **SHARED)}), second)
    policy = make.changed(make.local(), seeds={"count": 2})

    def busy(at_most: float) -> list[str]:
        rule = make.changed(policy, witness={"pressure_at_most": at_most})
        notes = decide(replace(made, seeds=seeds), rule).notes
        return [note for note in notes if "busy" in note]

    share = share_held(seeds[0].cpu["pass"])
    assert share == pytest.approx(0.6)
    assert busy(0.1) == [
        f"this machine was busy with seed {first.seed}: others had the box's processors for"
        " pass 60 % of the time"
    ]
    assert busy(share) == []


def test_too_near_the_limit_to_tell_is_near_enough() -> None:
    """An interval across the limit, on a starved machine."""
    near = make.with_part(make.evidence(), "training", wall_seconds=(299.9, 300.1))
    assert phases(watched(near, trace(seconds=300, **STARVED))) == ["train"]
    assert phases(watched(near, trace(seconds=300))) == []


def test_warm_up_does_not_count_towards_training() -> None:
    """Others were there before the data; then they were gone."""
    table = table_of(trace(seconds=360, box=1.0, others=1.0))
    early = table["seconds"].clip(max=60.0)
    table["box_cpu_seconds"] -= 0.5 * early
    table["waited_seconds"] += 0.5 * early
    late = watched(stopped(init_seconds=60.0), recorded_trace(table))
    assert faults(late) == []
    assert phases(watched(stopped(init_seconds=None), recorded_trace(table))) == []
    table["waited_seconds"] += 0.3 * table["seconds"]
    table["box_cpu_seconds"] -= 0.3 * table["seconds"]
    assert phases(watched(stopped(init_seconds=60.0), recorded_trace(table))) == ["train"]


def test_packing_is_judged_by_its_own_trace() -> None:
    """It has a limit, a box and a trace of its own."""
    slow = make.with_part(make.evidence(), "training", pack_seconds=61.0)
    calm, busy = trace(seconds=60, phase="pack"), trace(seconds=60, phase="pack", **STARVED)
    assert phases(watched(slow, trace(**STARVED), calm)) == []
    assert phases(watched(slow, trace(), busy)) == ["train"]


def test_packing_that_was_stopped_is_judged_by_its_own_trace() -> None:
    """Training had ended by then, in time."""
    halted = make.with_part(
        make.evidence(), "training", pack_seconds=60.0, ended_by=EndedBy.WALL_CLOCK
    )
    calm, busy = trace(phase="pack"), trace(phase="pack", **STARVED)
    assert phases(watched(halted, trace(**STARVED), calm)) == []
    assert phases(watched(halted, trace(), busy)) == ["train"]


def test_training_that_is_late_for_its_packing_is_judged_by_its_own_trace() -> None:
    """Without GPUs both together keep the limit, and the machine may have slowed down either."""
    both = make.with_part(
        make.evidence(), "training", wall_seconds=(260.0, 261.0), pack_seconds=45.0
    )
    assert phases(watched(both, trace(seconds=260, **STARVED))) == ["train"]
    assert phases(watched(both, trace(seconds=260))) == []
    within = make.with_part(both, "training", pack_seconds=30.0)
    assert phases(watched(within, trace(seconds=260, **STARVED))) == []


@pytest.mark.parametrize("how", [{}, STARVED])
def test_a_budget_of_scoring_is_judged_by_the_trace_of_the_pass(how: dict[str, Any]) -> None:
    """Over it, or stopped at it."""
    expected = ["score"] if how else []
    over = make.with_part(make.evidence(), "scoring", busy_seconds=301.0)
    assert phases(watched(over, trace(phase="pass", **how))) == expected
    halted = make.with_seed(
        make.evidence(),
        scoring=None,
        replay=None,
        faults=(make.fault(FaultKind.BUDGET, phase="pass"),),
    )
    assert phases(watched(halted, trace(phase="pass", **how))) == expected
    late = make.with_seed(halted, faults=(make.fault(FaultKind.LATE, phase="pass"),))
    assert phases(watched(late, trace(phase="pass", **how))) == []


@pytest.mark.parametrize(
    ("slept", "expected"),
    [(90.0, [("train", "train: the machine was suspended for 90 s")]), (1.0, [])],
)
def test_a_machine_that_was_suspended_spoils_a_missed_limit(
    slept: float, expected: list[tuple[str, str]]
) -> None:
    """However little others took; a second is none."""
    table = table_of(trace(seconds=300))
    table["asleep_seconds"][1000:] += slept
    assert faults(watched(stopped(), recorded_trace(table))) == expected


def test_what_the_policy_allows_the_machine_spoils_nothing() -> None:
    """Up to its shares, and no further."""
    late = watched(stopped(), trace(seconds=300, **SHARED))
    share = share_held(late.seeds[0].cpu["train"])
    moved = probed(stopped(), 1.0, 1.25)
    for found, key, at_most in ((late, "pressure_at_most", share), (moved, "drift_at_most", 0.25)):
        assert at_most is not None
        for allowed, faulty in ((at_most, False), (at_most - 1e-9, True)):
            rules = make.changed(make.local(), witness={key: allowed})
            assert bool(spoilt(found, rules)) is faulty


def scored(**changes: Any) -> Evidence:
    return make.with_part(make.evidence(), "scoring", **changes)


def trained(**changes: Any) -> Evidence:
    return make.with_part(make.evidence(), "training", **changes)


TOO_LATE = {"artifact_seconds": (399.0, 400.0), "wall_seconds": (600.0, 601.0)}
TOO_SLOW = {"artifact_seconds": (199.0, 200.0), "wall_seconds": (600.0, 601.0)}
ENDED = {"ended_by": EndedBy.WALL_CLOCK, "exit_code": None}


@pytest.mark.parametrize(
    ("late", "phase", "part", "seconds"),
    [
        (stopped(), "train", "train", 600),
        (stopped(init_seconds=60.0), "train", "train", 540),
        (trained(pack_seconds=61.0), "train", "pack", 600),
        (scored(busy_seconds=301.0), "score", "pass", 600),
        (scripted.evidence(**TOO_LATE), "script", "script", 400),
        (scripted.evidence(**TOO_SLOW), "script", "script", 401),
        (scripted.evidence(artifact_seconds=None, **ENDED), "script", "script", 600),
        (scripted.evidence(**ENDED), "script", "script", 501),
        (claims_more(295.0), "train", "train", 600),
        (make.with_part(claims_more(295.0), "training", init_seconds=60.0), "train", "train", 540),
    ],
)
def test_a_fault_tells_of_the_part_that_was_late(
    late: Evidence, phase: str, part: str, seconds: int
) -> None:
    """What others took before or afterwards made nothing late."""
    found = spoilt(watched(late, trace(seconds=600, phase=part, **SHARED)), make.local())
    (seed,) = late.opening.seeds
    share = "others had its processors for 60 % of"
    reason = f"{part}: {share} {seconds} s, 10 % are fair"
    assert found == (EnvironmentFault(seed=seed, phase=phase, reason=reason),)


@pytest.mark.parametrize(
    ("late", "others"),
    [
        (stopped(init_seconds=200.0), starved(0, 200, 600, "train")),
        (scripted.evidence(**TOO_LATE), starved(400, 600, 600, "script")),
        (scripted.evidence(**TOO_SLOW), starved(0, 199, 600, "script")),
    ],
)
def test_what_others_took_of_another_part_excuses_nothing(
    late: Evidence, others: CpuWitness
) -> None:
    """It is the machine's fault, and made nothing late."""
    assert share_held(others) == pytest.approx(0.2, abs=0.01)
    assert phases(watched(late, others)) == []


@pytest.mark.parametrize(
    ("kept", "phase"),
    [
        (trained(wall_seconds=(299.0, 300.0)), "train"),
        (trained(pack_seconds=60.0), "pack"),
        (scored(busy_seconds=300.0), "pass"),
        (scripted.evidence(artifact_seconds=(359.0, 360.0), wall_seconds=(400, 401)), "script"),
        (scripted.evidence(artifact_seconds=(99.0, 100.0), wall_seconds=(398, 399.0)), "script"),
    ],
)
def test_a_limit_that_was_kept_to_the_last_second_needs_no_excuse(
    kept: Evidence, phase: str
) -> None:
    """Nothing was missed, whatever others took."""
    assert phases(watched(kept, trace(seconds=400, phase=phase, **STARVED))) == []


def test_scoring_that_was_not_timed_may_have_been_late() -> None:
    """Law 4: what is no number is within no limit."""
    found = scored(busy_seconds=float("nan"))
    assert phases(watched(found, trace(phase="pass", **STARVED))) == ["score"]


def test_every_seed_and_phase_has_its_fault() -> None:
    """What missed a limit first, then what fell short of its claim."""
    made = claims_more(295.0)
    other = replace(made.seeds[0], seed=7)
    both = tuple(
        replace(
            seed,
            scoring=seed.scoring and replace(seed.scoring, busy_seconds=301.0),
            cpu={part: trace(phase=part, **STARVED) for part in ("train", "pass")},
        )
        for seed in (made.seeds[0], other)
    )
    first = made.seeds[0].seed
    made = make.with_opening(replace(made, seeds=both), seeds=(first, 7))
    found = [(fault.seed, fault.phase) for fault in spoilt(made, make.local())]
    assert found == [(first, "score"), (7, "score"), (first, "train"), (7, "train")]


# ---------------------------------------------------------------- the node


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1.0, 1.1, []),
        (2.0, 2.0, []),
        (2.0, 3.0, ["1.50"]),
        (2.0, 1.0, ["0.50"]),
        (0.0, 1.0, []),
        (1.0, 0.0, []),
    ],
)
def test_a_node_whose_speed_moved_spoils_a_missed_limit(
    before: float, after: float, expected: list[str]
) -> None:
    """The same work before and after, beyond the policy's drift in either direction."""
    late = probed(watched(stopped(), trace(seconds=300)), before, after)
    said = "train: the same reference work took {} times as long after the run as before"
    assert faults(late) == [("train", said.format(times)) for times in expected]
    assert phases(probed(make.evidence(), before, after)) == []


def test_a_piece_that_was_disturbed_says_nothing_of_the_node() -> None:
    """The median of the pieces is what moved."""
    found = probed(make.evidence(), 1.0, 1.0).seeds[0]
    first, last = found.speed
    last = replace(last, seconds={**last.seconds, "matrix product": 90.0})
    assert drift(replace(found, speed=(first, last))) == 0.0
    assert drift(replace(found, speed=(first,))) is None
    assert drift(replace(found, speed=(first, replace(last, seconds={})))) is None


@pytest.mark.parametrize(
    ("products", "copies", "expected"),
    [(1.0, 1.0, 0.0), (1.5, 1.0, 0.0), (1.5, 1.3, 0.3), (0.5, 0.7, -0.3), (1.5, 0.9, -0.1)],
)
def test_gpus_that_moved_are_not_outvoted_by_processors_that_did_not(
    products: float, copies: float, expected: float
) -> None:
    """Each kind has its own median, and of two pieces the one that moved less counts."""
    found = probed(make.evidence(), 1.0, 1.0).seeds[0]
    first, last = found.speed
    gpus = "GPU matrix product", "GPU memory copy"
    first = replace(first, seconds={**first.seconds, **dict.fromkeys(gpus, 1.0)})
    moved = dict(zip(gpus, (products, copies), strict=True))
    last = replace(last, seconds={**last.seconds, **moved})
    assert drift(replace(found, speed=(first, last))) == pytest.approx(expected)


# ---------------------------------------------------------------- claims


def test_a_training_cut_short_by_a_busy_machine_may_claim_more_than_it_reached() -> None:
    """It went on until its time was over, and others had part of that."""
    starved = trace(seconds=295, **STARVED)
    assert phases(watched(claims_more(295.0), starved)) == ["train"]
    nearly = make.with_part(claims_more(100.0), "training", wall_seconds=(239.9, 240.0))
    assert phases(watched(nearly, starved)) == ["train"]
    assert phases(watched(claims_more(239.8), starved)) == []
    assert phases(watched(claims_more(295.0), trace(seconds=295, **MILD))) == []
    honest = make.with_part(make.evidence(), "training", wall_seconds=(295.0, 295.1))
    assert phases(watched(honest, starved)) == []


def test_such_a_claim_is_open_and_not_broken() -> None:
    """The verdict and the audit say the same."""
    over = watched(claims_more(295.0), trace(seconds=295, **STARVED))
    assert decide(over, make.local()).answer is Answer.REFUTED
    verdict = decide(make.with_seed(over, environment=spoilt(over, make.local())), make.local())
    assert verdict.answer is Answer.INCONCLUSIVE
    (claim,) = (finding for finding in verdict.findings if finding.audit == "claim")
    assert claim.outcome is Outcome.UNPROVEN
    assert "the machine was unfair" in claim.reason


# ---------------------------------------------------------------- scripts


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"artifact_seconds": (399.0, 400.0), "wall_seconds": (420.0, 421.0)}, ["script"]),
        ({"artifact_seconds": (99.0, 100.0), "wall_seconds": (420.0, 421.0)}, ["script"]),
        ({"artifact_seconds": None, "ended_by": EndedBy.WALL_CLOCK}, ["script"]),
        ({"artifact_seconds": None}, []),
        ({}, []),
    ],
)
def test_a_script_is_judged_by_the_part_that_was_late(
    changes: dict[str, Any], expected: list[str]
) -> None:
    """Until its artifact was complete, from then on, or the whole run."""
    found = scripted.evidence(**changes)
    assert phases(watched(found, trace(seconds=420, phase="script", **STARVED))) == expected
    assert phases(watched(found, trace(seconds=420, phase="script", **MILD))) == []
    assert phases(found) == []


def test_a_late_script_on_a_starved_machine_is_open() -> None:
    """Both of its budgets."""
    found = scripted.evidence(artifact_seconds=(399.0, 400.0), wall_seconds=(420.0, 421.0))
    late = watched(found, trace(seconds=420, phase="script", **STARVED))
    (fault,) = spoilt(late, make.local())
    assert isinstance(fault, EnvironmentFault)
    verdict = decide(make.with_seed(late, environment=(fault,)), make.local())
    outcomes = {finding.audit: finding.outcome for finding in verdict.findings}
    assert (outcomes["train-budget"], verdict.answer) == (Outcome.UNPROVEN, Answer.INCONCLUSIVE)


def test_one_fault_is_told_once_for_each_seed_and_phase() -> None:
    """A limit and a claim missed by one training."""
    late = make.with_part(claims_more(300.2), "training", wall_seconds=(299.9, 300.2))
    assert phases(watched(late, trace(seconds=300, **STARVED))) == ["train"]


@pytest.mark.parametrize(
    ("moves", "found"),
    [
        ((0.5,), 0.5),
        ((0.1, 0.5, 0.9), 0.5),
        ((-0.9, -0.5, 0.2), -0.5),
        ((0.1, 0.3, 0.5, 0.9), 0.3),
        ((-0.5, -0.3, 0.1, 0.9), 0.1),
    ],
)
def test_the_drift_is_the_middle_piece_s(moves: tuple[float, ...], found: float) -> None:
    """One that was disturbed says nothing; of the two in the middle the one that moved less."""
    moments = (("before", 1.0), ("after", 0.0))
    probes = tuple(
        SpeedProbe(
            seed=1,
            moment=moment,
            threads=1,
            seconds={f"piece {i}": at or 1 + move for i, move in enumerate(moves)},
            usual_seconds={},
            usual_of=0,
        )
        for moment, at in moments
    )
    assert drift(make.with_seed(make.evidence(), speed=probes).seeds[0]) == pytest.approx(found)


@pytest.mark.parametrize(
    ("complete", "expected"),
    [(240.0, ["script"]), (239.0, []), (None, ["script"])],
)
def test_a_script_that_went_on_until_its_time_was_over_may_have_got_less_done(
    complete: float | None, expected: list[str]
) -> None:
    """As training: where it missed its claim, four fifths of the limit or more."""
    when = None if complete is None else (complete - 0.5, complete)
    ran = {"wall_seconds": (249.0, 250.0), "artifact_seconds": when}
    starved = trace(seconds=250, phase="script", **STARVED)
    missed = watched(scripted.evidence(bpb=1.4, **ran), starved)
    assert phases(missed) == expected
    assert phases(watched(scripted.evidence(**ran), starved)) == []
    until = 250 if complete is None else 240
    for phase, reason in faults(missed):
        share = "others had its processors for 50 % of"
        assert (phase, reason) == ("script", f"script: {share} {until} s, 10 % are fair")
