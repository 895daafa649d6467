"""The timeline: what the machine did, drawn and told, and never more than was counted."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from tests.audits import evidence as make
from tests.audits.traces import trace, without
from tests.report.runs import files, found, page, told
from verifier.records import CpuWitness
from verifier.report import captions, timeline
from verifier.report.model import Stretch, Track, Watched
from verifier.report.phases import Phase, phases
from verifier.report.terminal import render
from verifier.report.timeline import Placed, placed
from verifier.report.watched import MEMORY, POINTS, PROCESSORS, WAITING, watched


def of(*traces: CpuWitness) -> tuple[Watched, ...]:
    seed = replace(make.evidence().seeds[0], cpu={each.phase: each for each in traces})
    return watched(seed, make.local())


def by_panel(found: Watched) -> dict[tuple[str, str], Track]:
    return {(track.panel, track.name): track for track in found.tracks}


# ---------------------------------------------------------------- what is told


def test_a_trace_becomes_tracks_that_say_what_was_counted() -> None:
    """Processors of the box and of others, how long it was kept waiting, memory."""
    (found,) = of(trace(seconds=100, box=0.7, waits=0.3, others=1.0, memory=float(1 << 30)))
    assert (found.phase, found.seconds, found.looks) == ("train", 100.0, 1001)
    assert found.held_share == pytest.approx(0.3)
    assert found.cpu_seconds == pytest.approx(70)
    tracks = by_panel(found)
    for (panel, name), value in {
        (PROCESSORS, "by the box"): 0.7,
        (PROCESSORS, "by others"): 1.0,
        (WAITING, WAITING): 30.0,
        (MEMORY, "of the box"): 1.0,
    }.items():
        track = tracks[panel, name]
        assert track.values == pytest.approx([value] * len(track.values))
        assert (track.seconds[0], track.seconds[-1]) == (0.0, 100.0)
        assert len(track.seconds) == len(track.values) <= POINTS + 2
    assert tracks[WAITING, WAITING].fair == 10.0


def test_what_was_not_counted_has_no_track_or_a_gap() -> None:
    """Never a line at zero."""
    (unwaited,) = of(without(trace(), "waited_seconds"))
    assert (WAITING, WAITING) not in by_panel(unwaited)
    assert (unwaited.held_share, unwaited.held_seconds) == (None, None)
    (unused,) = of(without(trace(), "box_cpu_seconds"))
    assert set(by_panel(unused)[PROCESSORS, "by the box"].values) == {None}
    assert unused.cpu_seconds is None
    (forgotten,) = of(without(trace(), "memory_bytes"))
    assert (MEMORY, "of the box") not in by_panel(forgotten)
    (bare,) = of(trace(seconds=0.0))
    assert bare.tracks == ()
    assert of(replace(trace(), columns=())) == ()


def test_a_line_says_what_others_took_of_each_phase() -> None:
    """Beside the picture, and in the comment under a pull request."""
    seed = told("busy_machine").seeds[0]
    assert captions.machine_line(seed.watched) == (
        "Others had the processors that the boxes wanted for this share of the time:"
        " train 30.0 % and pass 0.0 %"
    )
    assert "was not counted" in captions.machine_line(())
    assert seed.speed is not None
    assert captions.speed_line(seed.speed) == (
        "The same reference work took 10 % longer after the run than before and"
        " 100 % longer than it usually takes here (12 earlier probes)"
    )
    nothing = seed.speed.model_copy(update={"drift": None, "slower_than_usual": None})
    assert captions.speed_line(nothing) == ""
    faster = seed.speed.model_copy(update={"drift": -0.25, "slower_than_usual": None})
    assert captions.speed_line(faster).endswith("took 25 % less long after the run than before")


def test_the_comment_and_the_terminal_say_it_in_words() -> None:
    """One line each; nothing where nothing was watched."""
    said = files("busy_machine")["report.md"]
    assert "### Machine" in said and "train 30.0 `%` and pass 0.0 `%`" in said
    assert "took 10 `%` longer after the run" in said
    assert "### Machine" not in files("verified")["report.md"]
    console = Console(file=io.StringIO(), width=200)
    render(found("busy_machine")[1], console)
    assert "this machine was busy: others had the box's processors for train 30 % of the time" in (
        console.file.getvalue()  # type: ignore[attr-defined]
    )


def test_the_page_draws_one_wide_picture_instead_of_the_bars_alone() -> None:
    """Where nothing was watched, the bars are what there is."""
    busy, calm = page("busy_machine"), page("verified")
    assert 'class="wide"' in busy and "kept waiting by others" in busy
    assert 'class="wide"' not in calm


# ---------------------------------------------------------------- what is drawn


def test_phases_stand_one_after_the_other_each_over_its_own_trace() -> None:
    """INIT and TRAIN share one, and a pass is as long as its boxes were there."""
    shown = [Phase("init", 10.0, 60.0), Phase("train", 90.0, 300.0), Phase("pass", 5.0, 300.0)]
    traces = of(trace(seconds=101), trace(seconds=11, phase="pass"))
    train, scored = placed(shown, traces)
    assert [phase.name for phase in train.phases] == ["init", "train"]
    assert (train.begin, train.seconds) == (0.0, pytest.approx(101.0))
    assert scored.begin > 101.0
    assert scored.seconds == pytest.approx(11.0)
    assert [each.watched is not None for each in (train, scored)] == [True, True]
    (alone,) = placed([Phase("replay", 7.0, None)], traces)
    assert (alone.watched, alone.seconds) == (None, 7.0)


def test_every_phase_that_can_be_told_has_its_place() -> None:
    """Of scorers and of scripts."""
    names = {
        phase.name
        for run in ("training_failed", "verified", "reproduced", "script_failed")
        for phase in phases(told(run).seeds[0], make.local())
    }
    assert names <= set(timeline.TRACE_OF)
    assert {"init", "train", "pack", "pass", "replay", "artifact", "score", "run"} == names


def drawn(*stretches: Stretch, tracks: tuple[Track, ...] = (), late: float = 1.0) -> str:
    seen = of(trace(seconds=8))[0].model_copy(
        update={"stretches": stretches, "tracks": tracks or of(trace(seconds=8))[0].tracks}
    )
    return timeline.picture([Placed(0.0, 8.0, (Phase("train", 8.0 * late, 9.0),), seen)])


def test_a_picture_has_no_colour_of_its_own_and_names_every_panel() -> None:
    """Read on paper and on a dark screen, and without telling colours apart."""
    svg = drawn(Stretch(panel="GPU contexts", name="process 7", begin=1.0, end=5.0))
    assert not re.search(r"#[0-9a-f]{6}", svg)
    for name in (PROCESSORS, WAITING, MEMORY, "GPU contexts", "process 7", "by the box", "seconds"):
        assert name in svg
    assert "var(--alarm)" in svg, "the policy's limit"


def test_a_missed_limit_stands_out_in_the_bar() -> None:
    """Its own ink, and a mark where the limit was."""
    calm, late = drawn(), drawn(late=1.5)
    assert late.count("var(--alarm)") > calm.count("var(--alarm)")


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.3, 99.0, 12_345.6, 1e12])
def test_a_panel_reaches_above_all_that_was(value: float) -> None:
    """Whatever its size, and where nothing was known at all."""
    track = Track(panel="p", name="n", unit="W", seconds=(0.0, 8.0), values=(value, None))
    assert timeline._top([track]) >= value
    assert timeline._top([track.model_copy(update={"top": 5.0})]) >= max(5.0, value)
    assert "var(--charge)" in drawn(tracks=(track,))
    unknown = track.model_copy(update={"values": (None, None)})
    assert "p" in drawn(tracks=(unknown,))
