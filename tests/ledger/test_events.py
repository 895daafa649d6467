"""What cannot have happened is refused, and everything recorded is found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.ledger import samples
from verifier.ledger import events
from verifier.records import (
    Behaviour,
    BoxFacts,
    ChainStep,
    Counterfactual,
    CpuWitness,
    EnvironmentFault,
    Finding,
    GpuWitness,
    HeldOutFacts,
    NonceOpened,
    Opening,
    Pass,
    PreviousRow,
    ProtocolFault,
    Replay,
    Screened,
    ScriptRun,
    Secrecy,
    SpeedProbe,
    Step,
    Training,
    Verdict,
    WallHits,
    Weighing,
)

ALL = samples.every_kind()
BY_KIND = {type(event): event for event in ALL}
ONCE = {Opening, HeldOutFacts, PreviousRow, NonceOpened, Behaviour, Counterfactual, Screened}
ONCE_A_SEED = {Training, ScriptRun, Weighing, Pass, Replay}


@pytest.mark.parametrize("kind", events.KINDS.values(), ids=events.KINDS)
def test_only_what_can_happen_twice_may_stand_twice(kind: type) -> None:
    """One opening, one nonce; one pass a seed, and another for another seed."""
    event = BY_KIND[kind]
    twice = events.out_of_order(ALL, event)
    if kind is Opening:
        assert "one opening, first" in twice
    else:
        assert ("twice" in twice) == (kind in ONCE | ONCE_A_SEED)
    if kind in ONCE_A_SEED:
        assert f"of seed {event.seed} stands twice" in twice
        assert events.out_of_order(ALL, replace(event, seed=99)) == ""


def test_a_ledger_has_its_opening_first() -> None:
    """Nothing was observed before the rules were fixed."""
    assert events.out_of_order((), ALL[0]) == ""
    for event in ALL[1:]:
        assert "one opening, first" in events.out_of_order((), event)
        if type(event) not in ONCE | ONCE_A_SEED:
            assert events.out_of_order(ALL, event) == ""
    assert events.out_of_order(ALL[:1], samples.held_out()) == ""


def test_events_are_found_by_kind_and_seed_in_order() -> None:
    """One seed's, or all."""
    again = replace(BY_KIND[ProtocolFault], seed=7, message="again")
    whole = (*ALL, again)
    assert events.of(whole, ProtocolFault) == (BY_KIND[ProtocolFault], again)
    assert events.of(whole, ProtocolFault, 7) == (again,)
    assert events.of(whole, Finding, 7) == ()
    assert events.of(whole, Finding) == (BY_KIND[Finding],)


def test_all_that_was_recorded_is_one_value() -> None:
    """Each event stands where the audits look for it."""
    found = events.evidence(ALL)
    assert found is not None
    assert (found.opening, found.held_out) == (BY_KIND[Opening], BY_KIND[HeldOutFacts])
    assert (found.previous, found.nonce) == (BY_KIND[PreviousRow], BY_KIND[NonceOpened])
    assert (found.boxes, found.wall_hits) == ((BY_KIND[BoxFacts],), (BY_KIND[WallHits],))
    seven, eight = found.seeds
    assert (seven.seed, eight.seed) == (7, 8)
    assert seven.training is BY_KIND[Training]
    assert seven.script is BY_KIND[ScriptRun]
    assert seven.weighing is BY_KIND[Weighing]
    assert seven.scoring is BY_KIND[Pass]
    assert seven.replay is BY_KIND[Replay]
    assert seven.chain == {Step.EVERY_SYMBOL: BY_KIND[ChainStep]}
    assert seven.secrecy == (BY_KIND[Secrecy],)
    assert (seven.faults, seven.environment) == ((), ())
    assert seven.cpu == {"train": BY_KIND[CpuWitness]}
    assert seven.speed == (BY_KIND[SpeedProbe],)
    assert seven.gpus == (BY_KIND[GpuWitness],)
    others = (found.behaviour, found.counterfactual, found.screened)
    assert others == (BY_KIND[Behaviour], BY_KIND[Counterfactual], BY_KIND[Screened])
    assert eight.faults == (BY_KIND[ProtocolFault],)
    assert eight.environment == (BY_KIND[EnvironmentFault],)
    nothing: list[Any] = [eight.training, eight.weighing, eight.scoring, eight.replay]
    assert nothing == [None] * 4
    assert eight.script is None
    assert (eight.chain, eight.secrecy, eight.cpu, eight.speed) == ({}, (), {}, ())
    assert eight.gpus == ()
    assert Verdict in BY_KIND


def test_the_seeds_of_the_opening_come_first_and_strange_ones_are_kept() -> None:
    """In its order, whether or not anything is known of them; a stray seed is not lost."""
    strays = [replace(BY_KIND[Training], seed=seed) for seed in (2**33, 5, 2**32)]
    opening = samples.opening(seeds=(9, 8, 7))
    found = events.evidence((opening, samples.held_out(), *strays, BY_KIND[Training]))
    assert found is not None
    assert [seed.seed for seed in found.seeds] == [9, 8, 7, 5, 2**32, 2**33]


def test_of_two_answers_to_one_step_the_later_stands() -> None:
    """A chain that died begins again."""
    first, second = (replace(BY_KIND[ChainStep], largest=n) for n in (1, 2))
    found = events.evidence((*ALL[:2], first, second))
    assert found is not None
    assert found.seeds[0].chain[Step.EVERY_SYMBOL].largest == 2


@pytest.mark.parametrize("count", [0, 1])
def test_before_the_held_out_data_was_counted_there_is_no_evidence(count: int) -> None:
    """Nothing can be judged."""
    assert events.evidence(ALL[:count]) is None
