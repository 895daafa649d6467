"""Pictures: what is drawn at the edges of what can be measured, and what their captions say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.audits import evidence as make
from tests.report import runs
from tests.report.runs import told
from verifier.report import captions, pictures
from verifier.report.model import Bin, Documents, DocumentScore, Replayed
from verifier.report.phases import Phase, phases

ALARM = "var(--alarm)"


def part(first: int, charge: float | None, reference: float | None, targets: int = 10) -> Bin:
    return Bin(
        first=first,
        last=first,
        targets=targets,
        charge_nats=charge,
        reference_nats=reference,
        gain_error_nats=None if charge is None or reference is None else 0.1,
    )


def cells(beyond: int = 0, tau_known: bool = True) -> Replayed:
    return Replayed(
        top_nats=1.0,
        cells=((0, 0, 5, 0), (1, 3, 2, beyond)),
        apart=(5, *[0] * 22, 2, *[0] * 0),
        beyond_tau=beyond if tau_known else None,
        largest=(),
    )


# ---------------------------------------------------------------- time


def test_a_deviating_cell_is_framed() -> None:
    """Told apart in a print without colours: a frame in ink, where others have none."""
    curves = told("refuted").seeds[0].curves
    assert curves is not None and curves.replayed is not None
    drawn = pictures.blind_cells(curves.replayed)
    styles = re.findall(r'style="(fill: var\(--(?:alarm|charge)\)[^"]*)"', drawn)
    framed = ["stroke: var(--ink)" in style for style in styles]
    assert framed == ["--alarm" in style for style in styles]
    assert any(framed) and not all(framed)


def test_phases_are_told_in_order_with_their_limits() -> None:
    """Init and pack too, and a replay's share of the pass."""
    seed = told("training_failed").seeds[0]
    names = [(p.name, p.limit_seconds, p.late) for p in phases(seed, make.local())]
    assert names == [("init", 60.0, False), ("train", 300.0, True), ("pack", 60.0, False)]
    assert phases(seed, None)[0] == Phase("init", 4.0, None)
    whole = phases(told("verified").seeds[0], make.local())
    rule = make.local().replay
    assert [(p.name, p.seconds) for p in whole] == [("train", 100), ("pass", 10), ("replay", 40)]
    assert whole[2].limit_seconds == rule.busy_seconds(10.0, make.local().score.limit_seconds)
    bare = phases(told("verified").seeds[0], None)
    assert [p.limit_seconds for p in bare] == [300.0, None, None]


def test_a_clock_that_is_no_number_has_no_bar() -> None:
    """Nor has a replay whose pass was not timed a limit."""
    evidence, verdict = runs.found("verified")
    untimed = make.with_part(evidence, "scoring", busy_seconds=np.nan)
    seed = runs.tell(untimed, verdict, make.local()).seeds[0]
    assert [(p.name, p.limit_seconds) for p in phases(seed, make.local())] == [
        ("train", 300.0),
        ("replay", None),
    ]
    assert phases(told("nothing").seeds[0], make.local()) == []


@pytest.mark.parametrize(
    ("phase", "late"),
    [
        (Phase("train", 10.0, 20.0), False),
        (Phase("train", 21.0, 20.0), True),
        (Phase("train", 10.0, 20.0, stopped=True), True),
        (Phase("train", 10.0, None), False),
    ],
)
def test_a_late_phase_stands_out(phase: Phase, late: bool) -> None:
    """In the colour of a deviation."""
    assert (ALARM in pictures.timeline([phase])) is late


def test_the_timeline_says_used_and_allowed() -> None:
    """In the picture and below it."""
    shown = [Phase("train", 59.83, 300.0), Phase("pass", 4.0, None)]
    assert "59.8 of 300 s" in pictures.timeline(shown)
    assert captions.timeline(shown).startswith("Used: train 59.8 of 300 s and pass 4 s.")


# ---------------------------------------------------------------- curves


def test_bins_without_a_number_are_gaps() -> None:
    """Even if there is nothing else."""
    assert "<svg" in pictures.by_position((part(1, None, None), part(2, None, None)))
    svg = pictures.by_position((part(1, 3.0, None), part(2, 2.0, None)))
    assert ">charge<" in svg and ">reference<" not in svg


def test_one_bin_is_drawn_too() -> None:
    """A document of one token."""
    assert ">charge<" in pictures.by_position((part(1, 3.0, 4.0),))
    assert "<svg" in pictures.by_chunk((part(1, 3.0, 4.0),))


def test_a_document_that_costs_nothing_is_drawn() -> None:
    """An axis from 0 to 0 would be none."""
    score = DocumentScore(document=7, bpb=0.0, targets=1, document_bytes=1)
    documents = Documents(count=1, median_bpb=0.0, ranked=(score,))
    assert "worst: document 7, 0.0000" in pictures.by_document(documents)
    assert captions.by_document(documents).startswith("1 document: the median costs 0.0000")


def test_the_caption_compares_the_first_chunk_with_the_later_ones() -> None:
    """Weighed by targets; bins without a number do not count."""
    bins = (part(1, 3.0, 4.0), part(2, 1.0, 3.0, 30), part(3, 1.0, 5.0), part(4, None, 9.0))
    said = captions.by_chunk(bins)
    assert "first chunk costs 1.0000 nats less per token" in said
    assert "later ones 2.5000 nats less; the rise is" in said
    worse = captions.by_chunk((part(1, 4.2, 4.0), part(2, 3.5, 3.0)))
    assert "0.2000 nats more per token" in worse
    assert "later ones 0.5000 nats more; a rise, which there is not here," in worse
    assert "later" not in captions.by_chunk(bins[:1])
    assert captions.saved((part(1, 3.0, None),)) == []


def test_the_caption_names_the_first_and_last_positions() -> None:
    """As the bins have them."""
    said = captions.by_position((part(1, 3.0, 4.0), part(1200, 1.0, 3.0)))
    assert "first token costs 3.0000 nats" in said
    assert "from 1,200 on 1.0000 nats" in said


# ---------------------------------------------------------------- blind against charged


def test_only_deviating_targets_stand_out() -> None:
    """In the cells, and beyond the tolerance."""
    assert ALARM not in pictures.blind_cells(cells())
    assert ALARM in pictures.blind_cells(cells(beyond=1))
    assert ALARM not in pictures.apart(cells(), None)
    assert ALARM in pictures.apart(cells(beyond=2), 1e-4)


def test_the_tolerance_is_drawn_where_it_is_known() -> None:
    """And said."""
    assert "τ = 0.0001" in pictures.apart(cells(), 1e-4)
    assert "τ" not in pictures.apart(cells(), None)
    assert "No target deviates by more than" in captions.apart(cells(), 1e-4)
    assert captions.apart(cells(1), 1e-4).startswith("1 target deviates by")
    assert captions.apart(cells(2), 1e-4).startswith("2 targets deviate by")
    assert "not beside" in captions.apart(cells(tau_known=False), None)


def test_the_caption_counts_what_was_replayed() -> None:
    """Not what was charged."""
    assert captions.blind_cells(cells()).startswith("7 targets replayed.")


# ---------------------------------------------------------------- one look


def test_a_picture_is_the_same_bytes_whatever_the_user_configured() -> None:
    """No date, no version, no setting of somebody's."""
    import matplotlib

    first = pictures.blind_cells(cells(beyond=1))
    with matplotlib.rc_context({"grid.alpha": 0.1, "xtick.direction": "in", "font.size": 20}):
        assert pictures.blind_cells(cells(beyond=1)) == first
    assert "Matplotlib" not in first and "<metadata" not in first


def test_names_take_a_prefix_and_still_refer() -> None:
    """What a page with several pictures needs."""
    svg = pictures.renamed(pictures.timeline([Phase("train", 1.0, 2.0)]), "q7-")
    names = set(re.findall(r' id="([^"]*)"', svg))
    wanted = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    assert wanted and wanted <= names
    assert all(name.startswith("q7-") for name in names)


# ---------------------------------------------------------------- places


def test_places_say_where_the_wire_broke() -> None:
    """Phase, kind, request, document where one was, and whose fault the delay may be."""
    assert captions.places(told("no_pass")) == [
        "Score: error in answer to SCORE in document 2; the host was starved meanwhile",
        "Score: late in answer to SCORE",
    ]


def test_places_name_the_seed_where_there_are_several() -> None:
    """Only those where something deviates."""
    evidence, _ = runs.found("several")
    (said,) = captions.places(told("several"))
    assert said.startswith(f"Seed {evidence.seeds[2].seed}: blind costs differ most in document")
    assert captions.places(told("verified")) == []


def test_the_chain_stands_beside_what_the_pass_charged() -> None:
    """In the protocol's order; a step of impossible targets has no charge beside it."""
    evidence, verdict = runs.found("refuted")
    chain = told("refuted").seeds[0].chain
    assert [step.step.value for step in chain][:3] == ["a1", "a2", "b"]
    assert all(step.mean_nats is not None and step.charged_nats is not None for step in chain)
    steps = dict(evidence.seeds[0].chain)
    first, second = list(steps)[:2]
    steps[first] = replace(steps[first], targets=np.array([10**6]), costs=np.ones(1, np.float32))
    steps[second] = replace(steps[second], targets=np.zeros(0, np.int64), costs=np.zeros(0))
    odd = runs.tell(make.with_seed(evidence, chain=steps), verdict, None).seeds[0].chain
    assert (odd[0].mean_nats, odd[0].charged_nats) == (1.0, None)
    assert (odd[1].mean_nats, odd[1].charged_nats) == (None, None)
    gone = make.with_seed(evidence, chain=steps, scoring=None)
    assert runs.tell(gone, verdict, None).seeds[0].chain[2].charged_nats is None
