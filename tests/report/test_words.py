"""Facts in words: units, counts, and sentences that say no more than the verdict did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import runs
from tests.report.runs import found
from verifier.audits.replayed import ASKED
from verifier.records import Answer, Finding, Outcome
from verifier.report import words

K, B, U, N = Outcome.KEPT, Outcome.BROKEN, Outcome.UNPROVEN, Outcome.NOT_RUN


def findings(*outcomes: Outcome) -> list[Finding]:
    return [Finding(audit=f"a{i}", outcome=o, reason="") for i, o in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("answer", "outcomes", "said"),
    [
        (Answer.VERIFIED, (K, K), "All 2 required audits were kept."),
        (Answer.REFUTED, (K, B), "Of 2 required audits 1 was broken."),
        (Answer.REFUTED, (B, B, U), "Of 3 required audits 2 were broken and 1 is unproven."),
        (Answer.INCONCLUSIVE, (U,), "Of 1 required audit 1 is unproven."),
        (
            Answer.INCONCLUSIVE,
            (U, U, N, N, K),
            "Of 5 required audits 2 are unproven and 2 were not run.",
        ),
        (
            Answer.REFUTED,
            (N, U, B),
            "Of 3 required audits 1 was broken, 1 is unproven and 1 was not run.",
        ),
        (
            Answer.INCONCLUSIVE,
            (K,),
            "The one required audit was kept. The run does not count: the notes say why.",
        ),
        (
            Answer.INCONCLUSIVE,
            (B, K),
            "Of 2 required audits 1 was broken. The run does not count: the notes say why.",
        ),
    ],
)
def test_why_says_how_the_required_audits_stand(
    answer: Answer, outcomes: tuple[Outcome, ...], said: str
) -> None:
    """And where the answer is not theirs, that it is not."""
    listed = findings(*outcomes)
    assert words.why(answer, listed, [finding.audit for finding in listed]) == said


def test_a_policy_that_requires_nothing_is_said_to() -> None:
    """Nothing follows from audits that nobody requires."""
    assert "requires nothing" in words.why(Answer.INCONCLUSIVE, findings(B, K), ())


def test_a_machine_fault_beside_a_broken_rule_points_to_the_notes() -> None:
    """The one case in which a broken rule is inconclusive."""
    report = runs.told("machine_fault")
    assert report.verdict.why.endswith("The run does not count: the notes say why.")
    assert any("a foreign process" in note for note in report.verdict.notes)


def test_those_that_decided_come_first() -> None:
    """Broken, Unproven, NotRun; kept and merely disclosed ones not at all."""
    listed = findings(N, K, U, B, U, B)
    names = [finding.audit for finding in words.deciding(listed, ["a0", "a1", "a2", "a3", "a4"])]
    assert names == ["a3", "a2", "a4", "a0"]


def test_only_findings_that_agree_in_all_are_said_together() -> None:
    """Another outcome, reason or advice is another group."""
    one = Finding(audit="a", outcome=U, reason="r", advice="x")
    others = [
        replace(one, audit="b"),
        replace(one, outcome=B),
        replace(one, reason="s"),
        replace(one, advice="y"),
    ]
    assert [len(group) for group in words.alike([one, *others])] == [2, 1, 1, 1]


def test_the_list_of_unchecked_audits_is_not_said_twice() -> None:
    """It has a section of its own."""
    assert words.other_notes(["a", "not checked: x, y", "b not checked: z"]) == [
        "a",
        "b not checked: z",
    ]


def test_figures_have_names_and_units() -> None:
    """In the order in which a reader looks for them; what has no value is left out."""
    evidence = {
        "zeal": 1234,
        "tar_bytes": 1_010_000,
        "claimed_bpb": 1.23456,
        "limit_seconds": 300.0,
        "seconds_at_most": 59.83,
        "mean_nats": 0.1342,
        "largest_nats": 1.5e-5,
        "p": 1.53e-297,
        "sums_p": 0.0,
        "worst_share": 0.845,
        "sealed": True,
        "open": False,
        "digest": "a" * 64,
        "names": ["x", None, "y"],
        "seeds": {"1": "kept", "2": "broken"},
        "nothing": None,
        "empty": [],
        "none": {},
        "text": "",
    }
    assert words.figures(evidence) == [
        ("claimed", "1.2346 bits per byte"),
        ("at most", "59.8 s"),
        ("limit", "300 s"),
        ("mean", "0.1342 nats"),
        ("largest", "1.5e-05 nats"),
        ("worst share", "84.5%"),
        ("digest", "aaaaaaaaaaaa…"),
        ("names", "x, y"),
        ("open", "no"),
        ("p", "1.53e-297"),
        ("sealed", "yes"),
        ("seeds", "1: kept, 2: broken"),
        ("sums p", "below 1e-300"),
        ("tar", "1,010,000 bytes"),
        ("zeal", "1,234"),
    ]


def test_one_seeds_answer_is_not_repeated() -> None:
    """It is the audit's own."""
    assert words.figures({"seeds": {"7": "kept"}, "a": 1}) == [("a", "1")]


def test_a_line_of_figures_cuts_long_ones() -> None:
    """A message of theirs does not bury the rest."""
    line = words.figures_line({"a": 1, "message": "x" * 1000, "z": 2})
    assert line.startswith("a 1 · message xxx") and line.endswith("…· z 2".replace("…", "… "))
    assert len(line) < 100


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "0 s"), (4.056, "4.06 s"), (59.83, "59.8 s"), (1200.0, "1,200 s")],
)
def test_seconds_are_as_exact_as_they_are_read(value: float | None, said: str) -> None:
    """Two digits below ten, one above, none where there is none."""
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "no number"), (0.0, "0.0000 nats"), (-2e-6, "-2.0e-06 nats"), (3.25, "3.2500 nats")],
)
def test_a_tiny_cost_keeps_its_size(value: float | None, said: str) -> None:
    """0.0000 would be a claim."""
    assert words.nats(value) == said


@pytest.mark.parametrize(
    ("alpha", "said"),
    [(0.001, "99.9 %"), (0.0005, "99.95 %"), (0.001 / 6, "99.983 %"), (0.5, "50 %"), (0.1, "90 %")],
)
def test_a_confidence_is_never_rounded_to_certainty(alpha: float, said: str) -> None:
    """As many nines as there are, and what follows them."""
    assert words.percent(1 - alpha) == said


# ---------------------------------------------------------------- the bound


def test_a_whole_replay_rests_on_no_chance() -> None:
    """PROTOCOL §4.3: δ is exact."""
    (sentence,) = runs.told("refuted").verdict.bound
    delta = found("refuted")[1].delta_bpb
    assert "nothing rests on chance" in sentence
    assert f"{delta:.4f}" in sentence


def test_a_sample_is_said_with_its_confidence_and_blind_spot() -> None:
    """PROTOCOL §4.6's sentence, at the attempt's own α, and the means beside it."""
    evidence, verdict, policy = runs.sampled()
    sentence, spot = runs.tell(evidence, verdict, policy).verdict.bound
    assert "With 99.95 % confidence, over the verifier’s nonce alone" in sentence
    assert f"at most {verdict.delta_bpb:.4f} bits per byte" in sentence
    assert "max(reference + 3, charge + 0.0001) nats" in sentence
    assert "blind spot, estimated over the draws: blind costs exceeded" in spot


def test_several_samples_are_bounded_one_by_one() -> None:
    """The sentence holds for each seed; the number is their mean."""
    evidence, verdict, policy = runs.sampled(3)
    sentence, spot = runs.tell(evidence, verdict, policy).verdict.bound
    assert "It holds for each seed’s δ" in sentence
    assert "seed by seed" in spot


def test_a_seed_that_was_replayed_whole_has_no_blind_spot() -> None:
    """Only samples have one."""
    evidence, verdict, policy = runs.sampled(2)
    whole = runs.make.evidence(count=2).seeds[0]
    mixed = replace(evidence, seeds=(whole, evidence.seeds[1]))
    sentence, spot = runs.tell(mixed, verdict, policy).verdict.bound
    assert "confidence" in sentence and "seed by seed" not in spot


def test_a_seed_that_does_not_count_has_no_blind_spot() -> None:
    """A ledger may hold one that was never asked for."""
    evidence, verdict, policy = runs.sampled()
    stray = replace(evidence, seeds=(*evidence.seeds, replace(evidence.seeds[0], seed=-1)))
    assert runs.tell(stray, verdict, policy).verdict.bound == (
        runs.tell(evidence, verdict, policy).verdict.bound
    )


def test_without_the_policy_nobody_says_how_sure_a_sample_is() -> None:
    """c, τ and α are the policy's."""
    evidence, verdict, _ = runs.sampled()
    (sentence,) = runs.tell(evidence, verdict, None).verdict.bound
    assert "confidence" not in sentence and "not beside it" in sentence


def test_no_bound_is_said_to_be_none() -> None:
    """Never 0."""
    (sentence,) = runs.told("no_replay").verdict.bound
    assert "There is no bound" in sentence


@pytest.mark.parametrize("audit", words.REPLAYED)
def test_what_was_seen_but_bought_nothing_is_said_to_be_no_pass(audit: str) -> None:
    """To its author Σ = 5.5 is a proof: why is it not REFUTED, and what follows?"""
    seen = Finding(audit=audit, outcome=U, reason="", evidence={"example": {"document": 0}})
    assert "mend it all the same" in words.meaning(seen)
    for other in (
        replace(seen, evidence={}),
        replace(seen, outcome=B),
        replace(seen, outcome=K),
        replace(seen, audit="train-budget"),
    ):
        assert words.meaning(other) == ""


def test_the_replayed_audits_are_those_that_a_replay_answers() -> None:
    """The page's list and the audits'."""
    assert set(words.REPLAYED) == set(ASKED)
