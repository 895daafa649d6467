"""The chain names the broken rule, refutes only what bought something, and never guesses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.audits.evidence import CHUNK, EVERYWHERE, HONEST, N
from verifier.audits import chain
from verifier.audits.audit import Reading
from verifier.audits.chain import ahead, off_one, sum_in_words
from verifier.audits.compared import Compared, example, lookup
from verifier.audits.replayed import ASKED, read_replay
from verifier.audits.trial import Trial, bought, figures, gains
from verifier.records import Array, ChainStep, Evidence, Outcome, Step
from verifier.sampling import BROKEN_P, shift

GAINED = np.arange(0, N, 3)
NOISE = np.random.default_rng(9).normal(0, 0.2, N).astype(np.float32)


def lower(costs: Array, by: float = 0.4) -> Array:
    """`costs`, cheaper at every third target."""
    cheaper = costs.copy()
    cheaper[GAINED] -= np.float32(by)
    return cheaper


CHEAT = lower(HONEST)


def tried(
    charges: Array, steps: dict[Step, ChainStep], blind: Array = HONEST
) -> dict[str, Outcome]:
    """Every audit's answer when the pass charged `charges` and the chain answered `steps`."""
    found = make.with_seed(make.evidence(charges), chain=steps)
    return answers(make.with_part(found, "replay", blind=blind))


def answers(found: Evidence) -> dict[str, Outcome]:
    readings = read_replay(found, found.seeds[0], make.local())
    assert set(readings) == set(ASKED)
    return {audit: reading.outcome for audit, reading in readings.items()}


def without(steps: dict[Step, ChainStep], *gone: Step) -> dict[Step, ChainStep]:
    return {which: made for which, made in steps.items() if which not in gone}


def only(answered: dict[str, Outcome], outcome: Outcome) -> set[str]:
    return {audit for audit, given in answered.items() if given is outcome}


def test_a_scorer_that_needs_what_follows_is_caught_as_lookahead() -> None:
    """§4.5d: sums are right, and without its followers the token costs what it costs blind."""
    answered = tried(CHEAT, make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST}))
    assert answered == dict.fromkeys(ASKED, Outcome.KEPT) | {"lookahead": Outcome.BROKEN}


def test_a_predict_with_less_context_than_score_is_never_refuted() -> None:
    """§4.5d: where the cut chunk costs what the pass charged, predict is what differs."""
    answered = tried(CHEAT, make.chain(CHEAT, GAINED))
    assert answered["lookahead"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


def test_rounding_in_score_does_not_turn_a_weak_predict_into_lookahead() -> None:
    """An honest bfloat16 score moves a little when cut: nearer to the pass than to blind."""
    cut = (CHEAT + 0.01).astype(np.float32)
    answered = tried(CHEAT, make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: cut}))
    assert answered["lookahead"] is Outcome.UNPROVEN


def test_lookahead_that_buys_nothing_is_unproven() -> None:
    """Law 8: broken needs gain."""
    charges = (HONEST + NOISE - NOISE.mean()).astype(np.float32)
    worst = np.argsort(charges - HONEST)
    answered = tried(charges, make.chain(charges, worst, {Step.EVERY_SYMBOL: HONEST}))
    assert answered["lookahead"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


@pytest.mark.parametrize("log_sum", [0.5, 1.5e-4, -0.5, np.nan])
def test_scores_that_are_no_distribution_are_caught_as_normalization(log_sum: float) -> None:
    """§4.5d: Σ off 1 by more than 2τ, or log Σ above 0 on average."""
    steps = make.chain(CHEAT, GAINED)
    steps[Step.EVERY_SYMBOL] = make.symbols(CHEAT, GAINED, log_sum)
    answered = tried(CHEAT, steps)
    assert only(answered, Outcome.BROKEN) == {"normalization"}
    assert answered["lookahead"] is Outcome.NOT_RUN


def test_sums_that_are_off_and_buy_nothing_are_unproven() -> None:
    """An honest softmax in bfloat16 is not refuted."""
    dearer = lower(HONEST, -0.4)
    steps = make.chain(dearer, GAINED)
    steps[Step.EVERY_SYMBOL] = make.symbols(dearer, GAINED, 0.01)
    assert tried(dearer, steps)["normalization"] is Outcome.UNPROVEN


def remembering(fresh: Array, charges: Array) -> dict[str, Outcome]:
    steps = make.chain(charges, GAINED, {Step.AGAIN: fresh, Step.AGAIN_TWICE: fresh})
    return tried(charges, steps, fresh)


def test_a_scorer_that_remembers_earlier_batches_is_caught_as_reset() -> None:
    """§4.5a: fresh boxes agree with each other and cost more than the pass."""
    answered = remembering(HONEST, CHEAT)
    assert answered["determinism"] is Outcome.KEPT
    assert answered["reset"] is Outcome.BROKEN
    assert only(answered, Outcome.NOT_RUN) == {"purity", "normalization", "lookahead"}


def test_remembering_that_buys_nothing_is_unproven() -> None:
    """A statistic that survives reset and only moves costs about is an honest mistake."""
    assert remembering(CHEAT, HONEST)["reset"] is Outcome.UNPROVEN


@pytest.mark.parametrize(("moved", "outcome"), [(22, Outcome.UNPROVEN), (23, Outcome.BROKEN)])
def test_a_gain_must_be_surer_than_choosing_the_worst_explains(
    moved: int, outcome: Outcome
) -> None:
    """Chosen by outcome: 22 of 22 tokens are sure enough for one batch, not for one of three."""
    fresh = HONEST.copy()
    fresh[:moved] += np.float32(0.001)
    fresh[0] += np.float32(3)
    first = np.arange(30, dtype=np.int64)
    steps = {s: make.step(s, fresh, first) for s in (Step.AGAIN, Step.AGAIN_TWICE)}
    assert tried(HONEST, steps, fresh)["reset"] is outcome


def leaking(alone: Array, **by_step: Array) -> dict[str, Outcome]:
    moved = (CHEAT + NOISE).astype(np.float32)
    steps = {Step.OTHER_LENGTHS: moved, Step.RANDOM_COMPANIONS: moved}
    return tried(CHEAT, make.chain(CHEAT, GAINED, steps | {Step.EMPTY_COMPANIONS: alone}))


def test_rows_that_learn_from_each_other_are_caught_as_reset() -> None:
    """§4.5c: other companions change the costs, and without any they are higher."""
    answered = leaking(HONEST)
    assert answered["reset"] is Outcome.BROKEN
    assert only(answered, Outcome.KEPT) == {"determinism", "purity"}


def test_rows_that_disturb_each_other_without_gain_are_unproven() -> None:
    """A dynamic int8 scale or clipping over all rows gains nothing against empty rows."""
    answered = leaking(CHEAT)
    assert answered["reset"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)
    assert only(answered, Outcome.NOT_RUN) == {"normalization", "lookahead"}


def test_random_companions_alone_can_show_a_leak() -> None:
    """§4.5c: again with random ids."""
    changed = {Step.RANDOM_COMPANIONS: HONEST, Step.EMPTY_COMPANIONS: HONEST}
    assert tried(CHEAT, make.chain(CHEAT, GAINED, changed))["reset"] is Outcome.BROKEN


def test_a_score_that_leaves_traces_is_unproven_and_hides_nothing_else() -> None:
    """§4.5b: after it the yardstick is what was only observed."""
    blind_like = dict.fromkeys(
        (Step.OBSERVED_ONLY, Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS, Step.EMPTY_COMPANIONS),
        HONEST,
    )
    answered = tried(CHEAT, make.chain(CHEAT, GAINED, blind_like))
    assert only(answered, Outcome.KEPT) == {"determinism", "reset"}
    assert not only(answered, Outcome.BROKEN)


def test_a_later_broken_rule_wins_over_traces() -> None:
    """A cheat cannot hide behind a `score` that leaves traces as well."""
    traced = (CHEAT + np.float32(0.01)).astype(np.float32)
    observed = dict.fromkeys(
        (Step.OBSERVED_ONLY, Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS), traced
    )
    steps = make.chain(CHEAT, GAINED, observed | {Step.EVERY_SYMBOL: HONEST})
    inside = GAINED[np.isin(GAINED, CHUNK)]
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, np.resize(inside, 8))
    answered = tried(CHEAT, steps)
    assert answered["purity"] is Outcome.UNPROVEN
    assert answered["lookahead"] is Outcome.BROKEN


def test_traces_alone_are_not_the_gain_of_another_rule() -> None:
    """Where the chain is tainted the gain must show within the chain too."""
    observed = dict.fromkeys(
        (Step.OBSERVED_ONLY, Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS), HONEST
    )
    wobbling = (HONEST + NOISE / 100).astype(np.float32)
    steps = make.chain(CHEAT, GAINED, observed | {Step.BLIND: wobbling})
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, GAINED, 0.01)
    answered = tried(CHEAT, steps)
    assert answered["normalization"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


def noisy(seed: int) -> Array:
    drawn = np.random.default_rng(seed).normal(0, 0.1, N)
    return (HONEST + drawn).astype(np.float32)


def test_dropout_left_on_is_unproven_as_determinism_and_never_refuted() -> None:
    """§4.5a: two fresh boxes disagree; what follows differs by noise alone."""
    for seed in range(20):
        steps = make.chain(
            noisy(seed), GAINED, {s: noisy(100 * seed + i) for i, s in enumerate(Step, 1)}
        )
        answered = tried(noisy(seed), steps, noisy(seed + 7_000))
        assert answered["determinism"] is Outcome.UNPROVEN
        assert not only(answered, Outcome.BROKEN)
        assert not only(answered, Outcome.NOT_RUN)


def test_traces_cannot_be_told_from_answers_that_differ_anyway() -> None:
    """§4.5: when two fresh boxes differ, agreement in one chunk keeps nothing."""
    steps = make.chain(CHEAT, GAINED, {Step.AGAIN_TWICE: HONEST})
    assert tried(CHEAT, steps)["purity"] is Outcome.UNPROVEN


def test_the_luck_of_one_box_refutes_nobody() -> None:
    """Dropout drawn once a box moves all its tokens alike: surely, and by luck alone."""
    jitter = {s: (CHEAT + NOISE * i / 50).astype(np.float32) for i, s in enumerate(Step, 1)}
    steps = make.chain(CHEAT, GAINED, jitter | {Step.EMPTY_COMPANIONS: HONEST + np.float32(1)})
    answered = tried(CHEAT, steps)
    assert answered["determinism"] is Outcome.UNPROVEN
    assert answered["reset"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, GAINED)
    assert not only(tried(CHEAT, steps), Outcome.BROKEN)


def test_noise_does_not_hide_chances_that_sum_to_more_than_one() -> None:
    """What shows within one box is no luck of boxes: a later Broken wins."""
    jitter = {s: (CHEAT + NOISE * i / 50).astype(np.float32) for i, s in enumerate(Step, 1)}
    steps = make.chain(CHEAT, GAINED, jitter | {Step.BLIND: HONEST})
    steps[Step.EVERY_SYMBOL] = make.symbols(CHEAT, GAINED, 0.5)
    answered = tried(CHEAT, steps)
    assert answered["determinism"] is Outcome.UNPROVEN
    assert answered["normalization"] is Outcome.BROKEN
    steps[Step.EVERY_SYMBOL] = make.symbols(CHEAT, GAINED, -0.5)
    assert tried(CHEAT, steps)["normalization"] is Outcome.UNPROVEN


def unrepeated(asked: Array) -> dict[str, Reading]:
    """Blind costs that the fresh boxes, asked at these targets, do not have."""
    steps = make.chain(CHEAT, GAINED, {Step.BLIND: CHEAT})
    step = steps[Step.BLIND]
    steps[Step.BLIND] = replace(step, targets=step.targets[asked], costs=step.costs[asked])
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    return dict(read_replay(found, found.seeds[0], make.local()))


def test_what_only_boxes_of_the_replay_say_was_remembered_from_batch_to_batch() -> None:
    """Fresh boxes agree with each other and with the pass; it bought nothing there."""
    found = unrepeated(np.arange(N))
    assert {audit: each.outcome for audit, each in found.items()} == {
        "determinism": Outcome.KEPT,
        "purity": Outcome.KEPT,
        "reset": Outcome.UNPROVEN,
        "normalization": Outcome.NOT_RUN,
        "lookahead": Outcome.NOT_RUN,
    }
    assert found["reset"].reason.endswith(
        "or left to chance: token 0 of document 0 cost 3.3175 nats blind after other batches and"
        " 2.9175 in a fresh box"
    )
    assert found["reset"].evidence["moved"] == len(GAINED)
    assert found["reset"].evidence["mean_nats"] == pytest.approx(-0.4 / 3)


def test_where_fresh_boxes_were_asked_nothing_that_moved_there_is_no_example() -> None:
    """A place at which both say the same shows nothing."""
    found = unrepeated(np.setdiff1d(np.arange(N), GAINED))
    assert found["reset"].outcome is Outcome.UNPROVEN
    assert found["reset"].reason.endswith("or left to chance")
    assert found["reset"].advice == chain.FORGETS
    assert "example" not in found["reset"].evidence


@pytest.mark.parametrize(
    ("gone", "audit"),
    [
        (Step.AGAIN, "determinism"),
        (Step.AGAIN_TWICE, "determinism"),
        (Step.OBSERVED_ONLY, "purity"),
        (Step.OTHER_LENGTHS, "reset"),
        (Step.RANDOM_COMPANIONS, "reset"),
        (Step.BLIND, "lookahead"),
        (Step.EVERY_SYMBOL, "lookahead"),
    ],
)
def test_a_chain_that_broke_off_proves_nothing(gone: Step, audit: str) -> None:
    """Missing evidence is never kept and never broken."""
    steps = make.chain(CHEAT, GAINED, {Step.EVERY_SYMBOL: HONEST})
    answered = tried(CHEAT, without(steps, gone))
    assert answered[audit] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


def test_a_leak_without_the_empty_companions_is_unproven() -> None:
    """§4.5c: the gain is measured against empty rows or not at all."""
    steps = make.chain(CHEAT, GAINED, {Step.OTHER_LENGTHS: HONEST})
    assert tried(CHEAT, without(steps, Step.EMPTY_COMPANIONS))["reset"] is Outcome.UNPROVEN


def test_steps_that_share_no_target_cannot_be_compared() -> None:
    """Two boxes asked about different documents say nothing about each other."""
    steps = make.chain(CHEAT, GAINED)
    steps[Step.AGAIN] = make.step(Step.AGAIN, CHEAT, EVERYWHERE[:10])
    steps[Step.AGAIN_TWICE] = make.step(Step.AGAIN_TWICE, CHEAT, EVERYWHERE[10:])
    assert tried(CHEAT, steps)["determinism"] is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("apart", "audit"), [(Step.EMPTY_COMPANIONS, "reset"), (Step.BLIND, "lookahead")]
)
def test_a_step_about_other_documents_proves_nothing(apart: Step, audit: str) -> None:
    """Present, but with no target in common with what it is held against."""
    rest = [step for step in Step if step is not apart]
    changed = {Step.RANDOM_COMPANIONS: HONEST} if apart is Step.EMPTY_COMPANIONS else {}
    steps = make.chain(CHEAT, GAINED, changed)
    steps |= {which: make.step(which, changed.get(which, CHEAT), CHUNK) for which in rest}
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, CHUNK[:8])
    steps[apart] = make.step(apart, HONEST, EVERYWHERE[:20])
    answered = tried(CHEAT, steps)
    assert answered[audit] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


def test_what_was_not_reached_says_what_was_named_first() -> None:
    """A reader sees where the chain ended."""
    steps = make.chain(CHEAT, GAINED, {Step.AGAIN: HONEST, Step.AGAIN_TWICE: HONEST})
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    readings = read_replay(found, found.seeds[0], make.local())
    assert readings["lookahead"].reason == "not reached: reset was named first"


def test_a_gain_over_the_replay_needs_no_second_one_in_the_chain() -> None:
    """§4.5: the replay's own positions were not chosen by what they would show."""
    few = EVERYWHERE[:9]
    steps = {which: make.step(which, CHEAT, few) for which in Step}
    steps[Step.BLIND] = make.step(Step.BLIND, HONEST, few)
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, GAINED[:3])
    steps[Step.EVERY_SYMBOL] = replace(steps[Step.EVERY_SYMBOL], largest=3)
    assert tried(CHEAT, steps)["lookahead"] is Outcome.BROKEN


def test_a_difference_of_exactly_tau_is_none() -> None:
    """§4.4: τ is what two honest answers may differ by."""
    one, quarter = np.ones(3), np.array([1.25, 0.75, 1.0])
    near = Compared(EVERYWHERE[:3], one, quarter)
    assert not near.differs(0.25)
    assert near.differs(0.2499)


def test_what_is_no_number_or_infinite_in_one_box_alone_is_infinitely_far_apart() -> None:
    """§2: the first such place is named; one that is infinite in both is no difference."""
    later = np.array([np.inf, 1.25, np.nan, np.inf], dtype=np.float32)
    earlier = np.array([np.inf, 1.0, 1.0, 1.0], dtype=np.float32)
    compared = Compared(EVERYWHERE[:4], later, earlier)
    assert compared.apart().tolist() == [0.0, 0.25, np.inf, np.inf]
    assert example(np.cumsum(make.COUNTS), compared)["token"] == 2
    assert Compared(EVERYWHERE[:3], later[:3], earlier[:3]).differs(1e9)
    assert not Compared(EVERYWHERE[:1], later[:1], earlier[:1]).differs(0.25)


def test_a_gain_is_at_least_tau_on_average() -> None:
    """§4.5: and surely so, by the surer of the two tests."""
    later, earlier = np.full(100, 1.25), np.ones(100)
    assert gains(later, earlier, 0.25, 1.0)
    assert not gains(later, earlier, 0.2501, 1.0)
    assert not gains(later[:20], earlier[:20], 0.25, 1.0)
    surer = figures_of(later, earlier)
    assert surer["p"] == min(shift(later, earlier, 1e-4).t_p, shift(later, earlier, 1e-4).sign_p)
    assert (surer["tokens"], surer["moved"], surer["mean_nats"]) == (100, 100, 0.25)


def figures_of(later: Array, earlier: Array) -> dict[str, Any]:
    made = make.evidence()
    seed = made.seeds[0]
    assert seed.scoring is not None and seed.replay is not None
    return figures(
        Trial(seed.scoring, seed.replay, {}, 1e-4, 2, np.cumsum(make.COUNTS)), later, earlier
    )


def test_symbols_away_from_the_yardstick_prove_no_lookahead() -> None:
    """Worst positions that the step to compare with did not score are no evidence."""
    early = {
        which: make.step(which, CHEAT, EVERYWHERE[:30])
        for which in Step
        if which not in {Step.EVERY_SYMBOL, Step.BLIND}
    }
    steps = make.chain(CHEAT, GAINED) | early
    steps[Step.EVERY_SYMBOL] = make.symbols(HONEST, np.arange(90, 98))
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    reading = read_replay(found, found.seeds[0], make.local())["lookahead"]
    assert reading.outcome is Outcome.UNPROVEN
    assert "none of the worst" in reading.reason


def test_a_pass_that_only_cost_more_tells_its_author_that_predict_differs() -> None:
    """Where rounding made no token cheaper there is no worst position, but still advice."""
    dearer = (HONEST + 3e-4).astype(np.float32)
    steps = make.chain(dearer, GAINED)
    none_worst = make.symbols(dearer, EVERYWHERE[:0])
    steps[Step.EVERY_SYMBOL] = replace(none_worst, largest=0)
    found = make.with_seed(make.evidence(dearer), chain=steps)
    reading = read_replay(found, found.seeds[0], make.local())["lookahead"]
    assert reading.outcome is Outcome.UNPROVEN
    assert "predict is what differs" in reading.reason
    assert "calculate in float32" in reading.advice


def test_an_infinite_blind_cost_is_a_difference_and_no_number() -> None:
    """§2: −∞ in a PREDICT costs +∞ at the true symbol; one such token is no sure gain."""
    blind = HONEST.copy()
    blind[7] = np.inf
    steps = make.chain(HONEST, np.arange(8), {Step.BLIND: blind})
    answered = tried(HONEST, steps, blind)
    assert answered["lookahead"] is Outcome.UNPROVEN
    assert not only(answered, Outcome.BROKEN)


def test_equal_infinities_agree() -> None:
    """The same impossible symbol in two boxes is no difference between them."""
    blind = HONEST.copy()
    blind[7] = np.inf
    steps = make.chain(HONEST, np.arange(8), {Step.BLIND: blind, Step.OTHER_LENGTHS: blind})
    steps[Step.OTHER_LENGTHS] = replace(steps[Step.OTHER_LENGTHS], costs=blind)
    answered = tried(HONEST, without(steps, Step.EMPTY_COMPANIONS), blind)
    assert answered["reset"] is Outcome.UNPROVEN


def test_symbols_without_their_sums_prove_no_distribution() -> None:
    """Law 4: an EVERY_SYMBOL step whose sums are missing is no evidence that they are 1."""
    steps = make.chain(CHEAT, GAINED)
    steps[Step.EVERY_SYMBOL] = replace(
        make.symbols(CHEAT, GAINED), log_sums=np.zeros(0, dtype=np.float64)
    )
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    readings = read_replay(found, found.seeds[0], make.local())
    assert readings["normalization"].outcome is Outcome.UNPROVEN


def test_symbols_at_the_worst_positions_alone_prove_no_distribution() -> None:
    """§4.5d: the average over uniform positions is part of the proof."""
    steps = make.chain(CHEAT, GAINED)
    whole = make.symbols(CHEAT, GAINED)
    first = {name: getattr(whole, name)[:8] for name in ("targets", "costs", "log_sums")}
    steps[Step.EVERY_SYMBOL] = replace(whole, **first)
    found = make.with_seed(make.evidence(CHEAT), chain=steps)
    readings = read_replay(found, found.seeds[0], make.local())
    assert readings["normalization"].outcome is Outcome.UNPROVEN


# ---------------------------------------------------------------- the place, in words


def readings(charges: Array, steps: dict[Step, ChainStep], blind: Array = HONEST) -> dict[str, Any]:
    found = make.with_seed(make.evidence(charges), chain=steps)
    found = make.with_part(found, "replay", blind=blind)
    return read_replay(found, found.seeds[0], make.local())


def whose(target: int) -> str:
    """Where a global target stands, in the words of a reason."""
    ends = np.cumsum(make.COUNTS)
    document = int(np.searchsorted(ends, target, side="right"))
    token = target - int(ends[document] - make.COUNTS[document])
    which = "END" if target == ends[document] - 1 else f"token {token}"
    return f"{which} of document {document}"


def test_a_reason_names_document_token_and_both_costs() -> None:
    """A person can go and look: the place where the two costs are furthest apart."""
    charges = HONEST.copy()
    charges[GAINED] -= np.float32(0.4)
    charges[GAINED[7]] -= np.float32(0.5)
    worst = np.roll(GAINED, -7)
    found = readings(charges, make.chain(charges, worst, {Step.EVERY_SYMBOL: HONEST}))["lookahead"]
    at = int(GAINED[7])
    said = f"{whose(at)} cost {charges[at]:.4f} nats with what follows in its chunk"
    assert said in found.reason and f"and {HONEST[at]:.4f} without" in found.reason
    assert found.evidence["example"]["document"] == int(
        np.searchsorted(np.cumsum(make.COUNTS), at, side="right")
    )


@pytest.mark.parametrize(
    ("moved", "audit", "said"),
    [
        ({Step.AGAIN_TWICE: 0.6}, "determinism", "nats in one of them and"),
        ({Step.AGAIN: 0.6, Step.AGAIN_TWICE: 0.6}, "reset", "nats in the pass and"),
        ({Step.OBSERVED_ONLY: 0.6}, "purity", "nats after they were scored and"),
        ({Step.OTHER_LENGTHS: 0.6}, "reset", "among others"),
        ({Step.EMPTY_COMPANIONS: 0.6, Step.RANDOM_COMPANIONS: 0.6}, "reset", "alone"),
    ],
)
def test_every_step_that_differs_says_where(
    moved: dict[Step, float], audit: str, said: str
) -> None:
    """One target moves in one step; that target is named."""
    at = int(CHUNK[3])

    def one(by: float) -> Array:
        costs = CHEAT.copy()
        costs[at] += np.float32(by)
        return costs

    steps = make.chain(CHEAT, GAINED, {step: one(by) for step, by in moved.items()})
    found = readings(CHEAT, steps)[audit]
    assert whose(at) in found.reason and said in found.reason
    example = found.evidence["example"]
    assert abs(example["later_nats"] - example["earlier_nats"]) == pytest.approx(0.6, abs=1e-5)


def test_sums_that_are_off_are_named_with_place_sum_and_both_costs() -> None:
    """The END of a document by its name, too."""
    steps = make.chain(CHEAT, GAINED)
    symbols = make.symbols(CHEAT, GAINED)
    sums = symbols.log_sums.copy()
    sums[2] = 1.0
    steps[Step.EVERY_SYMBOL] = replace(symbols, log_sums=sums)
    found = readings(CHEAT, steps)["normalization"]
    at = int(symbols.targets[2])
    assert f"at {whose(at)} to 2.718" in found.reason
    costs = f"(it cost {CHEAT[at]:.4f} nats in the pass and {HONEST[at]:.4f} blind)"
    assert costs in found.reason


def test_a_chain_that_broke_off_still_says_where_the_pass_and_the_replay_differ() -> None:
    """So does a replay without any chain; an infinite cost is said in words."""
    blind = HONEST.copy()
    blind[33] = np.inf
    steps = without(make.chain(CHEAT, GAINED), Step.BLIND)
    for left in (steps, {}):
        found = readings(CHEAT, left, blind)["lookahead"]
        said = f"{whose(33)} cost {CHEAT[33]:.4f} nats in the pass and no finite number of blind"
        assert said in found.reason
        assert found.evidence["example"]["later_nats"] is None


def test_a_predict_that_does_not_sum_to_one_is_named_with_its_place() -> None:
    """Where the sum is furthest from 1."""
    sums = np.zeros(N, np.float32)
    sums[[4, 29]] = 0.5, 1.0
    found = make.with_part(make.evidence(), "replay", log_sums=sums)
    reading = read_replay(found, found.seeds[0], make.local())["normalization"]
    assert reading.reason.endswith("at END of document 0 to 2.718")


# ---------------------------------------------------------------- at the edges


@pytest.mark.parametrize(
    ("rise", "gap", "follows"),
    [
        (0.0625, 0.0625, False),
        (0.0626, 0.0625, True),
        (0.5, 1.0, True),
        (0.4, 1.0, False),
        (np.inf, np.inf, True),
        (np.nan, 1.0, False),
    ],
)
def test_a_cut_chunk_shows_a_look_ahead_if_it_goes_half_of_the_way_to_blind(
    rise: float, gap: float, follows: bool
) -> None:
    """§4.5d: by more than τ, and at least as near to the blind cost as to the pass's."""
    was = np.ones(N, dtype=np.float32)
    found = looked(was, was[:1] + np.float32(rise), was + np.float32(gap))
    assert found is (Outcome.BROKEN if follows else Outcome.UNPROVEN)


def test_a_cost_that_is_infinite_with_and_without_what_follows_has_not_risen() -> None:
    """∞ − ∞ is no number, and no gain."""
    was = np.full(N, np.inf, dtype=np.float32)
    assert looked(was, was[:1], was) is Outcome.UNPROVEN


def trial(was: Array, blind: Array, tau: float = 0.0625, **found: Outcome) -> Trial:
    """A chain whose boxes agree, but for what `found` says; charges are `HONEST`."""
    seed = make.seed_evidence(1)
    assert seed.scoring is not None and seed.replay is not None
    outcomes = {"determinism": Outcome.KEPT, "purity": Outcome.KEPT} | found
    return Trial(
        seed.scoring,
        replace(seed.replay, blind=blind),
        {step: make.step(step, was) for step in Step},
        tau=tau,
        rows=2,
        ends=np.cumsum(make.COUNTS),
        found={audit: Reading(outcome, "") for audit, outcome in outcomes.items()},
    )


def blinded(later: Array) -> Compared:
    """What the blind step shows against `HONEST`, everywhere."""
    return Compared(EVERYWHERE, later, HONEST)


def summing(*log_sums: float) -> ChainStep:
    """Every symbol, at one worst position and some others."""
    targets = EVERYWHERE[: len(log_sums)]
    made = make.step(Step.EVERY_SYMBOL, HONEST, targets, largest=1)
    return replace(made, log_sums=np.array(log_sums))


def looked(was: Array, cut: Array, blind: Array) -> Outcome:
    """`ahead` at the first target, τ = 1/16, where enough was gained."""
    symbols = replace(make.symbols(was, EVERYWHERE), targets=EVERYWHERE[:1], costs=cut, largest=1)
    return ahead(trial(was, blind), symbols, (True, {})).outcome


def test_sums_are_off_one_if_by_more_than_two_tau() -> None:
    """§4.5d; one that is off by everything is off."""
    off = float(np.expm1(0.25))
    for tau, none in ((off / 2, True), (off / 2.5, False)):
        found = off_one(trial(HONEST, HONEST, tau), summing(0.25, 0, 0, 0), (True, {}))
        assert (found is None) is none
    assert off_one(trial(HONEST, HONEST), summing(np.inf, 0, 0, 0), (True, {})) is not None


@pytest.mark.parametrize("replayed", [True, False])
def test_the_worst_sum_has_both_costs_where_the_replay_asked_it_too(replayed: bool) -> None:
    """Every symbol is tried at places of the chain's own choice; a sampled replay may lack them."""
    made = trial(HONEST, HONEST)
    if not replayed:
        less = replace(made.replay, targets=EVERYWHERE[1:], blind=HONEST[1:])
        made = replace(made, replay=less)
    found = off_one(made, summing(0.25, 0, 0, 0), (True, {}))
    assert found is not None
    said = " (it cost 3.3175 nats in the pass and 3.3175 blind)" if replayed else ""
    assert found.reason.endswith(f"to 1.284{said}")
    assert ("earlier_nats" in found.evidence["example"]) is replayed


def test_sums_above_one_are_proven_by_a_p_below_the_one_agreed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """§4.5d: p < 1e-6; just as much is not less."""
    for p, none, outcome in (
        (chain.SUM_P, True, Outcome.UNPROVEN),
        (chain.SUM_P * 0.99, False, Outcome.BROKEN),
    ):
        monkeypatch.setattr(chain, "above_one", lambda _, p=p: p)
        noisy = trial(HONEST, HONEST, determinism=Outcome.UNPROVEN)
        assert (off_one(noisy, summing(0, 0, 0), (True, {})) is None) is none
        found = off_one(noisy, summing(0.5, 0, 0), (True, {}))
        assert found is not None and found.outcome is outcome


def risen(many: int) -> Array:
    """`HONEST`, dearer at so many tokens, at one of them by so much that no t-test is sure."""
    dearer = HONEST.copy()
    dearer[:many] += np.float32(0.1)
    dearer[0] += np.float32(30)
    return dearer


def test_what_the_whole_replay_gains_needs_no_correction() -> None:
    """§4.5: its positions were not chosen by what they would show: 21 of 21 are sure enough."""
    for many, enough in ((20, False), (21, True)):
        found, _ = bought(trial(HONEST, risen(many)), blinded(HONEST))
        assert found is enough


def test_where_boxes_differ_both_replay_and_chain_must_gain() -> None:
    """The luck of one box refutes nobody."""
    for whole, part, enough in (
        (risen(80), risen(80), True),
        (HONEST, risen(80), False),
        (risen(80), HONEST, False),
    ):
        tried_ = trial(HONEST, whole, purity=Outcome.UNPROVEN)
        assert bought(tried_, blinded(part))[0] is enough
    assert bought(trial(HONEST, risen(80)), blinded(HONEST))[0]


def test_a_p_of_just_what_is_needed_is_not_below_it() -> None:
    """§4.5: p < 5e-7."""
    found = shift(risen(21), HONEST, 0.0625)
    p = min(found.t_p, found.sign_p)
    chosen = BROKEN_P / p
    assert BROKEN_P / chosen == p
    assert not gains(risen(21), HONEST, 0.0625, chosen)
    assert gains(risen(21), HONEST, 0.0625, float(np.nextafter(chosen, 0)))


def test_costs_are_looked_up_by_target() -> None:
    """In whatever order they were asked; what was not asked is said."""
    costs, there = lookup(np.array([7, 1, 3]), np.array([70, 10, 30]), np.array([7, 3, 0, 2, 9]))
    assert costs[:2].tolist() == [70.0, 30.0]
    assert there.tolist() == [True, True, False, False, False]


def test_a_target_that_was_asked_twice_cost_what_it_cost_first() -> None:
    """A ledger may be anybody's, and must read the same on every machine."""
    known = np.tile([3, 1, 2], 100)
    costs, _ = lookup(known, np.arange(300.0), np.array([1, 2, 3]))
    assert costs.tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("log_sum", "said"),
    [
        (0.0, "1"),
        (-1.0, "0.3679"),
        (29.0, "3.931e+12"),
        (30.0, "e^30"),
        (-30.0, "e^-30"),
        (1000.0, "e^1000"),
        (np.inf, "e^inf"),
    ],
)
def test_a_sum_is_said_in_words_however_large_it_is(log_sum: float, said: str) -> None:
    """No float holds e^1000."""
    assert sum_in_words(log_sum) == said


def test_the_place_that_is_named_shows_what_it_is_named_for() -> None:
    """Another token may have moved further, and back from the blind cost or not half of the way."""
    was = np.ones(N, dtype=np.float32)
    cut = np.array([1.5, 1.75, -2.0], dtype=np.float32)
    targets = EVERYWHERE[:3]
    asked = replace(make.step(Step.EVERY_SYMBOL, was, targets, largest=3), costs=cut)
    blind = was + np.where(EVERYWHERE == 1, np.float32(2), np.float32(0.75))
    found = ahead(trial(was, blind), asked, (True, {}))
    assert found.outcome is Outcome.BROKEN
    assert found.evidence["example"]["token"] == 0
