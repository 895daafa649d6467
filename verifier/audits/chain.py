"""Charges and blind costs differ: which rule broke? (PROTOCOL §4.5)

The steps of the chain are compared in order; the first difference names the audit. Two kinds do
not end it, because they buy nothing by themselves: boxes that differ from each other
(`determinism`) and a `score` that leaves traces (`purity`); the yardstick is then the step in
which earlier chunks were only observed.

Broken needs gain: the comparison's later costs are higher by at least τ on average, and surely so.
The chain's documents were chosen because they deviate, so their p-values are held against
`BROKEN_P` over the number of ways to choose; the replay's own positions were not chosen by what
they would show and need no such correction.

Where fresh boxes differ by themselves, what one box costs more than another may be its own luck,
the same for all of its tokens: no test over tokens can tell. Broken then needs what shows within
one box, probabilities that sum to more than 1.

Must never run anything: the answers were recorded by the scoring room.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from verifier.audits.audit import Reading, broken, kept, unproven
from verifier.audits.compared import (
    INFINITE_NATS,
    Compared,
    example,
    lookup,
    named,
    number,
    pair,
    place,
    sentence,
)
from verifier.audits.trial import Trial, bought, by_gain, choices, told
from verifier.records import (
    ChainStep,
    Evidence,
    Pass,
    Replay,
    ScorerTerms,
    SeedEvidence,
    Step,
)
from verifier.sampling import above_one

SUM_P = 1e-6

STEADY = "seed every random draw, leave dropout off and use one thread"
NO_TRACES = "score and predict must change nothing: move what they remember into observe"
FORGETS = (
    "reset must clear all that observe, score and predict changed, and every draw must be seeded: a"
    " batch begins as in a fresh box"
)
NO_LEAKS = "a row may not see its companions: no scale, routing or norm across rows or batches"
SAME_CONTEXT = (
    "predict must be given the context, the weights and the precision that score has; in bfloat16 a"
    " sum also depends on how many tokens are read at once: calculate in float32"
)
CHUNK_ENDS = "score a token from the earlier tokens of its row alone, never from later ones"
SUM_TO_ONE = (
    "score must be −log of one distribution over all symbols, in float32, made before this token or"
    " a later one is looked at: a context that is off by one shows here, too"
)


def try_rules(
    evidence: Evidence,
    seed: SeedEvidence,
    scorer: ScorerTerms,
    scoring: Pass,
    replay: Replay,
    tau: float,
) -> dict[str, Reading]:
    """What the chain says, by audit id; an audit that it did not reach is absent."""
    trial = Trial(
        scoring,
        replay,
        dict(seed.chain),
        tau,
        scorer.rows,
        np.cumsum(evidence.held_out.target_counts),
    )
    # the last one always ends the chain
    next(compare for compare in (again, observed_only, companions, blind) if compare(trial))
    return trial.found


# ---------------------------------------------------------------- the steps; True ends the chain


def again(trial: Trial) -> bool:
    """a. The batch again, twice, in fresh boxes: each other, then the pass."""
    first, second = (trial.chain.get(s) for s in (Step.AGAIN, Step.AGAIN_TWICE))
    common = pair(first, second)
    if first is None or common is None:
        return broke_off(trial, "determinism", Step.AGAIN_TWICE)
    if common.differs(trial.tau):
        reason = "two fresh boxes given the same calls answer differently"
        trial.found["determinism"] = told(
            unproven, trial, reason, STEADY, common, "in one of them", "in the other"
        )
        return False
    trial.found["determinism"] = kept("two fresh boxes given the same calls agree")
    passed = Compared(first.targets, first.costs, trial.scoring.charges[first.targets])
    if not passed.differs(trial.tau):
        return False
    reason = "a fresh box given one batch costs other than the pass did: earlier batches remembered"
    batches = -(-trial.documents(trial.replay.targets) // trial.rows)
    chosen = -(-trial.documents(first.targets) // trial.rows)
    trial.found["reset"] = by_gain(
        trial, reason, FORGETS, passed, choices(batches, chosen), "in the pass", "in a fresh box"
    )
    return True


def observed_only(trial: Trial) -> bool:
    """b. Earlier chunks only observed: does `score` leave traces? Never more than Unproven."""
    common = pair(trial.chain.get(Step.OBSERVED_ONLY), trial.chain[Step.AGAIN])
    if common is None:
        return broke_off(trial, "purity", Step.OBSERVED_ONLY)
    if trial.noisy:
        trial.found["purity"] = unproven("cannot be told from answers that differ anyway", STEADY)
    elif common.differs(trial.tau):
        reason = "a chunk costs other when earlier ones were observed but not scored"
        trial.found["purity"] = told(
            unproven, trial, reason, NO_TRACES, common, "after they were scored", "otherwise"
        )
    else:
        trial.found["purity"] = kept("a chunk costs the same when earlier ones were not scored")
    return False


def companions(trial: Trial) -> bool:
    """c. Other companions: does a row depend on the others?"""
    changed = []
    for step in (Step.OTHER_LENGTHS, Step.RANDOM_COMPANIONS):
        common = pair(trial.chain.get(step), trial.yardstick)
        if common is None:
            return broke_off(trial, "reset", step)
        changed.append(common)
    if not any(common.differs(trial.tau) for common in changed):
        trial.found["reset"] = kept("rows cost the same among other companions, random ids too")
        return False
    reason = "rows cost other among other companions"
    alone = trial.chain.get(Step.EMPTY_COMPANIONS)
    common = pair(alone, trial.yardstick)
    if alone is None or common is None:
        return broke_off(trial, "reset", Step.EMPTY_COMPANIONS)
    chosen = choices(trial.documents(trial.replay.targets), trial.documents(alone.targets))
    by_itself = common.differs(trial.tau)
    shown = common if by_itself else max(changed, key=lambda each: float(each.apart().max()))
    later = "alone" if by_itself else "among others"
    trial.found["reset"] = by_gain(
        trial, reason, NO_LEAKS, common, chosen, "among its companions", later, shown
    )
    # answers that differ anyway differ here too: that says nothing yet
    return not trial.noisy


def blind(trial: Trial) -> bool:
    """d. Blind, then every symbol in the true one's place: no distribution, or a look ahead?"""
    asked = trial.chain.get(Step.BLIND)
    common = pair(asked, trial.chain[Step.OTHER_LENGTHS])
    if asked is None or common is None:
        return broke_off(trial, "lookahead", Step.BLIND)
    if not common.differs(trial.tau):
        if trial.tainted:
            reason = "blind costs agree once earlier chunks are only observed; the pass's do not"
            trial.found["lookahead"] = trial.found["normalization"] = unproven(reason)
        else:
            trial.found["reset"] = remembered(trial, asked)
        return True
    symbols = trial.chain.get(Step.EVERY_SYMBOL)
    if symbols is None or len(symbols.targets) == 0:
        return broke_off(trial, "lookahead", Step.EVERY_SYMBOL)
    if symbols.largest >= len(symbols.targets):
        return broke_off(trial, "normalization", Step.EVERY_SYMBOL)
    gained = bought(trial, common)
    if reading := off_one(trial, symbols, gained):
        trial.found["normalization"] = reading
        return True
    sums = "all symbols' probabilities sum to 1 at the positions tried"
    trial.found["normalization"] = kept(sums, positions=len(symbols.targets))
    trial.found["lookahead"] = ahead(trial, symbols, gained)
    return True


# ---------------------------------------------------------------- what a difference is


def off_one(
    trial: Trial, symbols: ChainStep, gained: tuple[bool, dict[str, Any]]
) -> Reading | None:
    """`normalization`, when the sums over all symbols are off 1; else None."""
    sums = symbols.log_sums
    off = np.abs(np.expm1(np.minimum(sums, INFINITE_NATS / 2)))
    p = above_one(sums[symbols.largest :])
    if bool(np.all(off <= 2 * trial.tau)) and p >= SUM_P:
        return None
    enough, shown = gained
    at = int(off.argmax())
    where = place(trial.ends, int(symbols.targets[at]))
    total = sum_in_words(float(sums[at]))
    reason = f"the probabilities of all symbols do not sum to 1: at {named(where)} to {total}"
    both = costs_at(trial, int(symbols.targets[at]))
    if both is not None:
        where |= both
        reason += f" ({sentence(where, 'in the pass', 'blind', it='it')})"
    proven = p < SUM_P or not trial.noisy
    answer = broken if enough and proven else unproven
    shown = shown | {"example": where | {"log_sum": number(sums[at])}}
    return answer(reason, SUM_TO_ONE, **shown, worst_log_sum=float(sums[at]), sums_p=p)


def ahead(trial: Trial, symbols: ChainStep, gained: tuple[bool, dict[str, Any]]) -> Reading:
    """`lookahead`: at a worst position, is the cut chunk's cost the pass's, or the blind one?"""
    enough, shown = gained
    targets, costs = symbols.targets[: symbols.largest], symbols.costs[: symbols.largest]
    was, is_scored = lookup(trial.yardstick.targets, trial.yardstick.costs, targets)
    blind_costs, is_asked = lookup(trial.replay.targets, trial.replay.blind, targets)
    comparable = is_scored & is_asked
    if not np.any(comparable):
        nobody_gained = "no token cost less in the pass than blind; predict is what differs"
        unseen = "none of the worst positions was scored in the step to compare with"
        reason = unseen if symbols.largest else nobody_gained
        return unproven(reason, SAME_CONTEXT, **shown)
    with np.errstate(invalid="ignore"):
        rise = costs.astype(np.float64) - was
        follows = (rise > trial.tau) & (2 * rise >= blind_costs - was)
    if not np.any(follows & comparable):
        reason = "score gives the same cost without what follows; predict is what differs"
        asked = Compared(targets[comparable], blind_costs[comparable], was[comparable])
        where = example(trial.ends, asked)
        said = sentence(where, "by score", "by predict")
        return unproven(f"{reason}: {said}", SAME_CONTEXT, **shown, example=where)
    reason = "score gives another cost when what follows the token is withheld"
    cut = follows & comparable
    where = example(trial.ends, Compared(targets[cut], costs[cut], was[cut]))
    said = sentence(where, "with what follows in its chunk", "without")
    answer = broken if enough and not trial.noisy else unproven
    return answer(f"{reason}: {said}", CHUNK_ENDS, **shown, example=where)


def remembered(trial: Trial, asked: ChainStep) -> Reading:
    """`reset`, where fresh boxes agree with each other and with the pass, blind too: what is left
    is what the replay's boxes had answered before. It bought nothing in the pass.
    """
    reason = (
        "fresh boxes agree with the pass, those of the replay do not: something was remembered from"
        " earlier batches, or left to chance"
    )
    was, is_replayed = lookup(trial.replay.targets, trial.replay.blind, asked.targets)
    both = Compared(asked.targets[is_replayed], asked.costs[is_replayed], was[is_replayed])
    if not both.differs(trial.tau):
        return unproven(reason, FORGETS)
    before, fresh = "blind after other batches", "in a fresh box"
    return told(unproven, trial, reason, FORGETS, both, before, fresh)


def broke_off(trial: Trial, audit: str, step: Step) -> bool:
    """The chain has no answer for `step`: whatever it was to tell is Unproven."""
    replay = trial.replay
    apart = Compared(replay.targets, replay.blind, trial.scoring.charges[replay.targets])
    where = example(trial.ends, apart)
    reason = f"the chain of fresh boxes broke off before step {step.value}: it is open why "
    trial.found[audit] = unproven(reason + sentence(where, "in the pass", "blind"), example=where)
    return True


def costs_at(trial: Trial, target: int) -> dict[str, float | None] | None:
    """What the pass charged there and what it cost blind; None where nobody asked."""
    blind_cost, asked = lookup(trial.replay.targets, trial.replay.blind, np.array([target]))
    if not asked[0]:
        return None
    charge = trial.scoring.charges[target]
    return {"earlier_nats": number(charge), "later_nats": number(blind_cost[0])}


def sum_in_words(log_sum: float) -> str:
    """What probabilities with this log of their sum sum to."""
    return f"{math.exp(log_sum):.4g}" if abs(log_sum) < 30 else f"e^{log_sum:.0f}"
