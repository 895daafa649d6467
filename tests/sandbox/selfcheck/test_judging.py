"""The judges, with broken evidence: what does not show that a wall held is no wall that held."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from verifier.records import BoxEnd, EndedBy
from verifier.sandbox.selfcheck import FAMILIES, judging
from verifier.sandbox.selfcheck.bombs import died_of_processes
from verifier.sandbox.selfcheck.judging import NO_WAY, judged, refused, through, unheard, unshared
from verifier.sandbox.selfcheck.probe import Evidence, Left, Outcome, Probe
from verifier.sandbox.selfcheck.processors import PROCESSORS, _not_more_processor, put_first
from verifier.sandbox.selfcheck.running import LIMITS

LACK = "no such wall: everybody can see it"


def end(**changes: Any) -> BoxEnd:
    """A box that ended by itself."""
    whole = BoxEnd(
        ended_by=EndedBy.ITSELF,
        exit_code=0,
        wall_seconds=(0.5, 0.6),
        cpu_seconds=0.1,
        memory_peak_bytes=1 << 20,
        log="",
    )
    return replace(whole, **changes)


def evidence(said: Mapping[str, str] | None = None, **changes: Any) -> Evidence:
    """Of a probe whose only attempt was refused, unless `said` otherwise."""
    whole = Evidence(end=end(), limits=LIMITS, said={"open": "EPERM"} if said is None else said)
    return replace(whole, **changes)


def probe(judge: Any = None, lacks: tuple[str, ...] = ("no such wall",)) -> Probe:
    """A probe of one attempt."""
    return Probe(
        id="test", wall="test", tries="test", source="", judge=judge or refused("open"), lacks=lacks
    )


def outcome(seen: Evidence, judge: Any = None, lacking: tuple[str, ...] = ()) -> Outcome:
    """How it is judged."""
    return judged(probe(judge), "family", seen, lacking).outcome


def test_a_wall_that_refused_held() -> None:
    """The one way to hold: every attempt was made and refused, and nothing else was seen."""
    assert outcome(evidence()) is Outcome.HELD


@pytest.mark.parametrize(
    "seen",
    [
        evidence({"open": "did"}),
        evidence({"open": "did: 'secret'"}),
        evidence({"open": "TimeoutError"}),
        evidence({"open": "EINVAL"}),
        evidence({"open": "held"}),
        evidence({}),
        evidence({"another": "EPERM"}),
        evidence({"open": "EPERM", "again": "did"}),
        evidence(leaked=("a file",)),
        evidence(changed=("an input",)),
        evidence(survivors=("process 7",)),
        evidence(began=False),
        replace(evidence(), said=None),
    ],
)
def test_whatever_is_not_a_refusal_is_broken(seen: Evidence) -> None:
    """Success, an unknown answer, silence, an attempt left out, and all that the host saw."""
    assert outcome(seen) is Outcome.BROKE
    assert judged(probe(), "family", seen, ()).said


def test_a_lack_must_be_listed_by_the_backend() -> None:
    """What broke is excused only by its own words, and shown with them."""
    broke = evidence({"open": "did"})
    found = judged(probe(), "family", broke, (LACK,))
    assert found.outcome is Outcome.LACKS
    assert LACK in found.said[0] and "open: did" in found.said
    assert outcome(broke, lacking=("another wall",)) is Outcome.BROKE
    assert judged(probe(lacks=()), "family", broke, (LACK,)).outcome is Outcome.BROKE


@pytest.mark.parametrize(
    "seen",
    [
        replace(evidence(), said=None),
        evidence(began=False),
        evidence({"open": "did"}, leaked=("a file",)),
        evidence({"open": "did"}, survivors=("process 7",)),
    ],
)
def test_no_lack_excuses_a_crash_or_what_the_host_saw(seen: Evidence) -> None:
    """A probe that did not get through has shown no lack."""
    assert outcome(seen, lacking=(LACK,)) is Outcome.BROKE


def test_a_server_that_heard_nothing_must_have_listened() -> None:
    """Refusals are words; the host's own server decides."""
    judge = unheard(refused("open", by=NO_WAY), "tcp")
    assert outcome(evidence(received={"tcp": 0}), judge) is Outcome.HELD
    assert outcome(evidence(received={"tcp": 1}), judge) is Outcome.BROKE
    assert outcome(evidence(received={}), judge) is Outcome.BROKE


def test_nothing_found_is_nothing_where_nothing_was_left() -> None:
    """The other box must have left its notes, or there was nothing to find."""
    judge = unshared(through("open"), "tmp")
    assert outcome(evidence(earlier={"tmp": "did"}), judge) is Outcome.HELD
    assert outcome(evidence(earlier={"tmp": "EACCES"}), judge) is Outcome.BROKE
    assert outcome(evidence(earlier={}), judge) is Outcome.BROKE


def test_a_process_of_the_host_must_run_on() -> None:
    """Whatever the box says that its signals came to."""
    judge = judging.untouched(refused("open"))
    assert outcome(evidence(), judge) is Outcome.HELD
    assert outcome(evidence(bystander="was ended (-9)"), judge) is Outcome.BROKE


def test_a_limit_must_be_the_one_that_ended_it() -> None:
    """A bomb that ended by itself was not held, whatever it says."""
    judge = judging.ended(EndedBy.MEMORY)
    assert outcome(evidence(end=end(ended_by=EndedBy.MEMORY)), judge) is Outcome.HELD
    assert outcome(evidence(), judge) is Outcome.BROKE
    assert outcome(evidence(end=end(ended_by=EndedBy.LOG)), judge) is Outcome.BROKE


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        ((40.0, 40.1), Outcome.HELD),
        ((39.9, 40.1), Outcome.BROKE),
        ((40.0, 40.1 + judging.SLOW_SECONDS), Outcome.BROKE),
    ],
)
def test_a_box_is_ended_at_its_time(seconds: tuple[float, float], wanted: Outcome) -> None:
    """Neither before the limit nor long after it."""
    seen = evidence(end=end(ended_by=EndedBy.WALL_CLOCK, wall_seconds=seconds))
    assert outcome(seen, judging.ended_in_time) is wanted


def test_either_of_two_ways_is_enough_and_one_is_needed() -> None:
    """A bomb is refused within, or ended from outside."""
    judge = judging.either(judging.ended(EndedBy.MEMORY), refused("open"))
    assert outcome(evidence(), judge) is Outcome.HELD
    assert outcome(evidence({}, end=end(ended_by=EndedBy.MEMORY)), judge) is Outcome.HELD
    assert outcome(evidence({"open": "did"}), judge) is Outcome.BROKE


def test_what_arrives_in_the_output_is_harmless() -> None:
    """No device, no socket, nobody else's rights, and no more than was allowed."""
    from verifier.sandbox.selfcheck.leavings import _arrived

    good = Left(path="'a'", kind="file", mode=0o644, size=1)
    assert _arrived(evidence(left=(good,))) == ()
    bad = [replace(good, kind="device"), replace(good, kind="socket"), replace(good, mode=0o4755)]
    bad.append(replace(good, size=LIMITS.output_bytes + 1))
    for entry in bad:
        assert _arrived(evidence(left=(entry,)))
    assert _arrived(evidence(left=(good,) * (LIMITS.output_files + 2)))


def test_processor_time_that_nobody_counted_is_not_held() -> None:
    """And none beyond what was given."""
    assert _not_more_processor(evidence()) == ()
    assert _not_more_processor(evidence(end=end(cpu_seconds=None)))
    assert _not_more_processor(evidence(end=end(cpu_seconds=1.2)))


@pytest.mark.parametrize(
    ("used", "idle", "first", "processors", "said"),
    [
        (0.5, 0.4, False, 2, Outcome.HELD),
        (0.5, 0.0, False, 2, Outcome.NOT_TRIED),
        (0.5, math.nan, False, 2, Outcome.NOT_TRIED),
        (0.5, 0.0, True, 2, Outcome.HELD),
        (0.3, 0.0, True, 2, Outcome.NOT_TRIED),
        (0.5, 0.0, True, 1, Outcome.NOT_TRIED),
        (1.2, 0.0, True, 2, Outcome.BROKE),
        (1.2, 0.4, False, 2, Outcome.BROKE),
    ],
)
def test_a_busy_machine_is_no_processor_limit(
    monkeypatch: pytest.MonkeyPatch,
    used: float,
    idle: float,
    first: Any,
    processors: int,
    said: Outcome,
) -> None:
    """A box that is held to nothing gets no more than it is given where there is no more."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    ran = end(cpu_seconds=used, ended_by=EndedBy.WALL_CLOCK)
    seen = evidence({}, end=ran, idle_seconds=idle, first=first)
    assert judged(PROCESSORS, "bombs", seen, ()).outcome is said


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"exit_code": 2, "attempts": ("more than 24 processes",)}, True),
        ({"exit_code": 0, "attempts": ("more than 24 processes",)}, False),
        ({"exit_code": 2}, False),
        ({"attempts": ("more than 24 processes",), "ended_by": EndedBy.MEMORY}, False),
    ],
)
def test_a_box_that_died_of_its_processes_was_refused_some(
    changes: Mapping[str, Any], holds: bool
) -> None:
    """By the host's count: a bomb that fell over for another reason met no wall."""
    assert (died_of_processes(evidence(end=end(**changes))) == ()) is holds


def test_only_a_group_of_ours_is_put_first() -> None:
    """The verifier's own group, and one that is gone, stay as they are."""
    assert not put_first({os.getpid()})
    assert not put_first({4_194_303})
    assert not put_first(set())


def test_every_excuse_is_one_that_a_backend_makes() -> None:
    """A lack that is worded anew must not turn what it excuses into a broken wall."""
    rooms = Path(judging.__file__).parent.parent.glob("*.py")
    said = "".join(room.read_text(encoding="utf-8") for room in rooms)
    excuses = {lack for family in FAMILIES for probe in family.probes for lack in probe.lacks}
    assert not [lack for lack in excuses if f'"{lack}' not in said]
