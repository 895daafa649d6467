"""Which rule admits a row, by the day it was accepted, and where the table says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.history import made
from tests.history.contest import TRACK
from verifier.history import rules
from verifier.history.admission import Admits, Runs, admit, compare, rule_on
from verifier.history.chain import Chain, Entry
from verifier.history.leaderboard import standings
from verifier.history.table import Listed
from verifier.screening.screened import Comparison, LogFacts, Run, Standing

THEIRS = Runs("before", (1.100, 1.101, 1.102), 2.0)


def against(*bpbs: float, nats_per_bpb: float | None = 2.0, theirs: Runs = THEIRS) -> Comparison:
    found = compare(Runs("new", bpbs, nats_per_bpb), theirs)
    assert found is not None
    return found


# ---------------------------------------------------------------- admission


def test_the_first_row_has_nothing_to_beat() -> None:
    """R7 compares with what stands."""
    assert admit(None, 1, "2026-03-18")[0] is Admits.FIRST


@pytest.mark.parametrize(
    ("bpbs", "decided", "admits"),
    [
        ((1.090, 1.091, 1.092), "2026-04-01", Admits.WHOLE_MARGIN),
        ((1.0971, 1.0975, 1.0979), "2026-04-01", Admits.MARGIN),
        ((1.0995, 1.1000, 1.1005), "2026-04-01", Admits.NONE),
        ((1.0995, 1.1000, 1.1005), "2026-04-27", Admits.NONE),
        ((1.0995, 1.1000, 1.1005), "2026-04-28", Admits.WELCH),
        ((1.1005, 1.1010, 1.1015), "2026-04-28", Admits.NONE),
        ((1.1015, 1.1020, 1.1025), "2026-04-28", Admits.NONE),
        ((), "2026-04-28", Admits.NO_NUMBER),
    ],
)
def test_rules_hold_from_their_day(bpbs: tuple[float, ...], decided: str, admits: Admits) -> None:
    """0.005 nats at p < 0.01; from 28 April a one-sided Welch test with p < 0.25."""
    before = compare(Runs("new", bpbs, 2.0), THEIRS)
    found, why = admit(before or against(1.0), len(bpbs), decided)
    assert found is admits, why


def test_one_more_seed_is_asked_for_where_it_would_decide() -> None:
    """Better by enough with two seeds, not surely enough yet."""
    before = against(1.0905, 1.0935)
    assert before.p_better is not None
    assert before.one_more is not None
    assert before.p_better >= 0.01 > before.one_more
    found, why = admit(before, 2, "2026-04-01")
    assert found is Admits.ONE_MORE
    assert "one more seed" in why


def test_a_single_run_has_no_p_and_borrows_the_other_rows_spread_for_one_more() -> None:
    """Missing evidence is never a pass."""
    before = against(1.08)
    assert (before.p_better, before.p_margin, before.p_two_sided) == (None, None, None)
    assert admit(before, 1, "2026-04-01")[0] is Admits.ONE_MORE
    assert admit(against(1.08, theirs=Runs("one", (1.1,), 2.0)), 1, "2026-04-01")[0] is Admits.NONE


def test_a_margin_in_nats_needs_the_bytes_of_a_token() -> None:
    """Without a loss beside the bits per byte, 0.005 nats mean nothing."""
    before = against(1.0905, 1.091, 1.0915, nats_per_bpb=None)
    assert (before.margin_nats, before.p_margin) == (None, None)
    assert admit(before, 3, "2026-04-01")[0] is Admits.NONE
    assert admit(before, 3, "2026-04-29")[0] is Admits.WELCH


@pytest.mark.parametrize("bpbs", [(), (float("nan"),), (float("inf"), 1.0), (-1.0,)])
def test_what_is_no_number_compares_with_nothing(bpbs: tuple[float, ...]) -> None:
    """A hostile log may print anything."""
    assert compare(Runs("new", bpbs, 2.0), THEIRS) is None
    assert compare(THEIRS, Runs("before", bpbs, 2.0)) is None


def test_an_unknown_day_has_the_stricter_rule() -> None:
    """Nothing is admitted because nothing is known."""
    assert rule_on("").p_value == 0.01


# ---------------------------------------------------------------- standings


def runs(*bpbs: float) -> tuple[Run, ...]:
    return tuple(
        Run(seed=str(at), bpb=bpb, loss=bpb * 2, path=f"log{at}", line=4, source="log")
        for at, bpb in enumerate(bpbs)
    )


def entry(
    number: int, score: float | None, bpbs: Sequence[float], *, line: int = 0, **changes: object
) -> Entry:
    """A record; `line` is its place in the table, lower for better."""
    name = f"{TRACK}/{number}"
    row = None
    if score is not None:
        row = Listed(
            line=line, table=0, name=name, score=score, digits=4, author="ada", summary="",
            date="2026-04-01", folder=name, pulls=(), mentioned=(), p_values=(),
        )  # fmt: skip
    logs = (LogFacts(path="train.log", sha256=f"{number}"),)
    fields: dict[str, object] = {
        "number": number,
        "folder": name,
        "row": row,
        "screening": made.screening(bpb=score, folder=name, logs=logs),
        "runs": runs(*bpbs),
        "accepted": "2026-04-01",
    }
    return Entry(**(fields | changes))  # type: ignore[arg-type]


def judged(*entries: Entry) -> list[Standing]:
    return list(standings(Chain(main="m", entries=entries)))


def rules_of(standing: Standing) -> set[str]:
    return {remark.rule for remark in standing.remarks}


def test_rows_are_compared_in_the_order_of_creation_and_of_the_table() -> None:
    """A row that came after a better one is no record, wherever the table puts it."""
    first = entry(1, 1.2, (1.2, 1.201, 1.199), line=9)
    better = entry(2, 1.1, (1.1, 1.101, 1.099), line=7)
    late = entry(3, 1.15, (1.15, 1.151, 1.149), line=8)
    one, two, three = judged(first, better, late)
    assert [each.place for each in (one, two, three)] == [1, 2, 3]
    assert (one.admitted_by, one.before, one.below) == (Admits.FIRST, None, None)
    assert two.before is not None and two.before.row == "1"
    assert two.below is not None and two.below.row == "3"
    assert two.admitted_by == Admits.WHOLE_MARGIN
    assert three.before is not None and three.before.row == "2"
    assert three.admitted_by == Admits.NONE
    assert "already better" in three.differs[0]


def test_a_row_close_to_the_one_below_it_says_by_how_much() -> None:
    """The margin, the p and the p of the margin, each with both means."""
    first = entry(1, 1.1, (1.1, 1.101, 1.102), line=8)
    close = entry(2, 1.0995, (1.0995, 1.1, 1.1005), line=7)
    found = judged(first, close)[1]
    assert rules_of(found) == {"record-margin", "record-p-value", "record-p-margin"}
    said = found.remarks[0]
    assert said.locations[0].line == 7
    assert "n=3 mean 1.10000000 against the next lower row 1 mean 1.10100000" in said.said
    assert said.values["margin_nats"] == pytest.approx(0.002)


def test_a_single_run_is_said_and_has_no_p() -> None:
    """One run has no spread."""
    found = judged(entry(1, 1.2, (1.2, 1.21), line=8), entry(2, 1.1, (1.1,), line=7))[1]
    assert rules_of(found) == {"record-single-run"}


def test_a_listed_score_is_compared_at_its_own_digits() -> None:
    """1.10004 may be listed as 1.1000; 1.1003 may not."""
    fine = entry(1, 1.1, (1.10004,), line=7, screening=made.screening(bpb=1.10004))
    other = entry(1, 1.1, (1.1003,), line=7, screening=made.screening(bpb=1.1003))
    assert "leaderboard-differs" not in rules_of(judged(fine)[0])
    assert "leaderboard-differs" in rules_of(judged(other)[0])
    assert judged(other)[0].differs == ("lists 1.1; the mean of its 1 runs is 1.10030",)


def test_without_a_claim_the_nearest_log_is_compared() -> None:
    """A table may list the best of several logs."""
    silent = made.screening(bpb=None)
    near = entry(1, 1.1, (1.1, 1.3), line=7, screening=silent)
    far = entry(1, 1.1, (1.2, 1.3), line=7, screening=silent)
    assert "leaderboard-differs" not in rules_of(judged(near)[0])
    assert "leaderboard-differs" in rules_of(judged(far)[0])


def test_a_folder_without_a_row_says_so() -> None:
    """Merged, and on no table."""
    found = judged(entry(1, None, (1.2,)))[0]
    assert (found.place, found.line) == (0, 0)
    assert rules_of(found) == {"not-on-leaderboard"}


def test_a_log_that_lies_in_two_folders_is_said_in_both() -> None:
    """Two submissions cannot both have made it."""
    log = (LogFacts(path="train.log", sha256="same"),)
    one, two = (entry(n, None, (), screening=made.screening(logs=log)) for n in (1, 2))
    found = judged(one, two)
    assert [rules_of(each) for each in found] == [{"shared-log", "not-on-leaderboard"}] * 2
    assert f"{TRACK}/2/train.log" in found[0].remarks[1].said


def test_every_remark_cites_a_rule_of_the_list_and_is_a_note() -> None:
    """An accepted row is not a submission that asks for a person."""
    known = {rule.id: rule for rule in rules.RULES}
    rows = [entry(1, 1.1, (1.1, 1.102), line=8), entry(2, 1.0, (1.0999,), line=7)]
    for remark in (remark for each in judged(*rows) for remark in each.remarks):
        assert remark.confidence == known[remark.rule].at_most
