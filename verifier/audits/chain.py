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
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verifier.audits.audit import Reading, broken, kept, unproven
from verifier.records import (
    Array,
    ChainStep,
    Evidence,
    Pass,
    Replay,
    ScorerTerms,
    SeedEvidence,
    Step,
)
from verifier.sampling import BROKEN_P, above_one, shift

SUM_P = 1e-6
INFINITE_NATS = 1e3
CHOICES_AT_MOST = 1e250

STEADY = "seed every random draw, leave dropout off and use one thread"
NO_TRACES = "score and predict must change nothing: move what they remember into observe"
NO_LEAKS = "a row may not see its companions: no scale, routing or norm across rows or batches"
SAME_CONTEXT = "predict must be given the context, the weights and the precision that score has"
SUM_TO_ONE = "score must be −log of one distribution over all symbols, in float32"


@dataclass(slots=True)
class Trial:
    """One seed's deviating replay and its chain; `found` fills as the steps are compared."""

    scoring: Pass
    replay: Replay
    chain: dict[Step, ChainStep]
    tau: float
    rows: int
    ends: Array
    found: dict[str, Reading] = field(default_factory=dict)

    @property
    def noisy(self) -> bool:
        """Whether boxes differ by themselves."""
        return self.found["determinism"].outcome != "kept"

    @property
    def tainted(self) -> bool:
        """Whether boxes differ by themselves or by earlier SCOREs."""
        return self.noisy or self.found["purity"].outcome != "kept"

    @property
    def yardstick(self) -> ChainStep:
        """What later steps are held against."""
        return self.chain[Step.OBSERVED_ONLY if self.tainted else Step.AGAIN]

    def documents(self, targets: Array) -> int:
        """How many documents `targets` touch."""
        return len(np.unique(np.searchsorted(self.ends, targets, side="right")))


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
    if differ(*common, trial.tau):
        reason = "two fresh boxes given the same calls answer differently"
        trial.found["determinism"] = unproven(reason, STEADY, **figures(trial, *common))
        return False
    trial.found["determinism"] = kept("two fresh boxes given the same calls agree")
    charges = trial.scoring.charges[first.targets]
    if not differ(first.costs, charges, trial.tau):
        return False
    reason = "a fresh box given one batch costs other than the pass did: earlier batches remembered"
    batches = -(-trial.documents(trial.replay.targets) // trial.rows)
    chosen = -(-trial.documents(first.targets) // trial.rows)
    trial.found["reset"] = by_gain(
        trial, reason, NO_LEAKS, first.costs, charges, choices(batches, chosen)
    )
    return True


def observed_only(trial: Trial) -> bool:
    """b. Earlier chunks only observed: does `score` leave traces? Never more than Unproven."""
    common = pair(trial.chain.get(Step.OBSERVED_ONLY), trial.chain[Step.AGAIN])
    if common is None:
        return broke_off(trial, "purity", Step.OBSERVED_ONLY)
    if trial.noisy:
        trial.found["purity"] = unproven("cannot be told from answers that differ anyway", STEADY)
    elif differ(*common, trial.tau):
        reason = "a chunk costs other when earlier ones were observed but not scored"
        trial.found["purity"] = unproven(reason, NO_TRACES, **figures(trial, *common))
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
        changed.append(differ(*common, trial.tau))
    if not any(changed):
        trial.found["reset"] = kept("rows cost the same among other companions, random ids too")
        return False
    reason = "rows cost other among other companions"
    alone = trial.chain.get(Step.EMPTY_COMPANIONS)
    common = pair(alone, trial.yardstick)
    if alone is None or common is None:
        return broke_off(trial, "reset", Step.EMPTY_COMPANIONS)
    chosen = choices(trial.documents(trial.replay.targets), trial.documents(alone.targets))
    trial.found["reset"] = by_gain(trial, reason, NO_LEAKS, *common, chosen)
    # answers that differ anyway differ here too: that says nothing yet
    return not trial.noisy


def blind(trial: Trial) -> bool:
    """d. Blind, then every symbol in the true one's place: no distribution, or a look ahead?"""
    asked = trial.chain.get(Step.BLIND)
    common = pair(asked, trial.chain[Step.OTHER_LENGTHS])
    if asked is None or common is None:
        return broke_off(trial, "lookahead", Step.BLIND)
    if not differ(*common, trial.tau):
        if trial.tainted:
            reason = "blind costs agree once earlier chunks are only observed; the pass's do not"
        else:
            reason = "the replay's deviation was not seen again"
            trial.found["determinism"] = unproven(reason, STEADY)
        trial.found["lookahead"] = trial.found["normalization"] = unproven(reason)
        return True
    symbols = trial.chain.get(Step.EVERY_SYMBOL)
    if symbols is None or len(symbols.targets) == 0:
        return broke_off(trial, "lookahead", Step.EVERY_SYMBOL)
    if symbols.largest >= len(symbols.targets):
        return broke_off(trial, "normalization", Step.EVERY_SYMBOL)
    gained = bought(trial, *common)
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
    reason = "the probabilities of all symbols do not sum to 1"
    proven = p < SUM_P or not trial.noisy
    answer = broken if enough and proven else unproven
    return answer(reason, SUM_TO_ONE, **shown, worst_log_sum=float(sums[off.argmax()]), sums_p=p)


def ahead(trial: Trial, symbols: ChainStep, gained: tuple[bool, dict[str, Any]]) -> Reading:
    """`lookahead`: at a worst position, is the cut chunk's cost the pass's, or the blind one?"""
    enough, shown = gained
    targets, costs = symbols.targets[: symbols.largest], symbols.costs[: symbols.largest]
    was, is_scored = lookup(trial.yardstick.targets, trial.yardstick.costs, targets)
    blind_costs, is_asked = lookup(trial.replay.targets, trial.replay.blind, targets)
    comparable = is_scored & is_asked
    if not np.any(comparable):
        return unproven("none of the worst positions was scored in the step to compare with")
    with np.errstate(invalid="ignore"):
        rise = costs.astype(np.float64) - was
        follows = (rise > trial.tau) & (2 * rise >= blind_costs - was)
    if not np.any(follows & comparable):
        reason = "score gives the same cost without what follows; predict is what differs"
        return unproven(reason, SAME_CONTEXT, **shown)
    reason = "score gives another cost when what follows the token is withheld"
    answer = broken if enough and not trial.noisy else unproven
    return answer(reason, SAME_CONTEXT, **shown)


def bought(trial: Trial, blind_costs: Array, charged: Array) -> tuple[bool, dict[str, Any]]:
    """Gain over the whole replay and, where the chain is tainted, within the chain too."""
    replay = trial.replay
    charges = trial.scoring.charges[replay.targets]
    enough = gains(replay.blind, charges, trial.tau, 1.0)
    if trial.tainted:
        documents = trial.documents(replay.targets)
        chosen = trial.documents(trial.chain[Step.BLIND].targets)
        enough &= gains(blind_costs, charged, trial.tau, choices(documents, chosen))
    return enough, figures(trial, replay.blind, charges)


def by_gain(
    trial: Trial, reason: str, advice: str, later: Array, earlier: Array, chosen: float
) -> Reading:
    """Broken if `later` costs more by enough and surely enough, else Unproven with advice."""
    enough = gains(later, earlier, trial.tau, chosen)
    answer = broken if enough and not trial.noisy else unproven
    return answer(reason, advice, **figures(trial, later, earlier))


def gains(later: Array, earlier: Array, tau: float, chosen: float) -> bool:
    """PROTOCOL §4.5: a mean of at least τ, and p < 5e-7 over the `chosen` ways to choose."""
    found = shift(finite(later), finite(earlier), tau)
    return bool(found.mean >= tau and min(found.t_p, found.sign_p) < BROKEN_P / chosen)


def choices(whole: int, part: int) -> float:
    """In how many ways `part` of `whole` can be chosen."""
    return float(min(math.comb(whole, min(part, whole)), int(CHOICES_AT_MOST)))


def figures(trial: Trial, later: Array, earlier: Array) -> dict[str, Any]:
    """The numbers behind a comparison, for the report."""
    found = shift(finite(later), finite(earlier), trial.tau)
    return {
        "tokens": found.count,
        "moved": found.moved,
        "mean_nats": found.mean,
        "largest_nats": found.largest,
        "p": min(found.t_p, found.sign_p),
    }


def broke_off(trial: Trial, audit: str, step: Step) -> bool:
    """The chain has no answer for `step`: whatever it was to tell is Unproven."""
    trial.found[audit] = unproven(f"the chain of fresh boxes broke off before step {step.value}")
    return True


# ---------------------------------------------------------------- arrays


def differ(one: Array, other: Array, tau: float) -> bool:
    """Any pair apart by more than τ; two equal infinities agree, NaN agrees with nothing."""
    with np.errstate(invalid="ignore"):
        near = np.abs(one.astype(np.float64) - other) <= tau
    return not bool(np.all(near | (one == other)))


def pair(one: ChainStep | None, other: ChainStep | None) -> tuple[Array, Array] | None:
    """Both steps' costs where both have one; None where neither can be compared."""
    if one is None or other is None:
        return None
    common, mine, theirs = np.intersect1d(one.targets, other.targets, return_indices=True)
    return (one.costs[mine], other.costs[theirs]) if len(common) else None


def lookup(known: Array, costs: Array, targets: Array) -> tuple[Array, Array]:
    """(`costs` of the `known` targets at `targets`, whether there is one), float64 and bool."""
    order = np.argsort(known)
    places = order[np.minimum(np.searchsorted(known[order], targets), len(order) - 1)]
    return costs[places].astype(np.float64), known[places] == targets


def finite(costs: Array) -> Array:
    """Costs for a mean: an infinite one counts as `INFINITE_NATS`, more would drown the rest."""
    return np.minimum(costs, INFINITE_NATS)
