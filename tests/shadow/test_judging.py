"""Each condition sees its violation in runs beside each other, and nothing in honest ones.

The runs are made up: a score at every position, in the order and with the printed lines of the
families of real scripts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.shadow.noting import Costs, Recording, result
from tests.shadow.playing import (
    CUT,
    TOKENS,
    WINDOW,
    WORLD,
    Script,
    evidence,
    played,
    roundtrip,
    said,
)
from verifier.records import Outcome
from verifier.shadow import judging, streams
from verifier.shadow.evidence import Evidence
from verifier.shadow.explained import Rule
from verifier.shadow.notes import Opened
from verifier.shadow.record import Family
from verifier.shadow.running import Result
from verifier.shadow.streams import DOCUMENT, Stream


def families(found: Evidence) -> list[Family]:
    return [
        one.family for condition in judging.asked(found.resets) for one in condition.find(found)
    ]


# ---------------------------------------------------------------- honest scripts


def sliding(stream: Stream, costs: Costs) -> Recording:
    """Windows with a stride: a position's first visit counts, later ones are context."""
    made = roundtrip(stream, costs)
    for end in range(1 + WINDOW, TOKENS + 1, WINDOW // 4):
        dearer = costs + np.where(np.arange(TOKENS) < end - WINDOW // 4, 0.3, 0.0)
        made.score(dearer, range(max(1, end - WINDOW), end))
    made.say(said(float(costs[1:].mean()), stream))
    return made


def score_first(stream: Stream, costs: Costs) -> Recording:
    """Each chunk is scored, then learned from in three epochs; what follows is cheaper."""
    made = Recording()
    paid = costs.copy()
    for start in range(1, TOKENS, 512):
        chunk = range(start, min(start + 512, TOKENS))
        paid[list(chunk)] -= 0.00001 * (stream.ids[1 : start + 1].sum() % 97)
        made.score(paid, chunk)
        for epoch in range(3):
            made.score(paid - 0.1 * epoch, chunk, learning=True)
    made.say(said(float(paid[1:].mean()), stream))
    return made


def later_documents_first(stream: Stream, costs: Costs) -> Recording:
    """Documents in another order, each learning from those scored before it."""
    made, paid, learned = Recording(), costs.copy(), 0
    for document in reversed(range(8)):
        places = [at for at in range(document * DOCUMENT + 1, (document + 1) * DOCUMENT + 1)]
        paid[places] += 0.001 * (learned % 89)
        made.score(paid, places)
        made.score(paid, places, learning=True)
        learned += int(stream.ids[places].sum())
    made.say(said(float(paid[1:].mean()), stream))
    return made


def two_rounds(stream: Stream, costs: Costs) -> Recording:
    """Chunks of each document in windows, two epochs, the second counted: learned, then scored."""
    made, paid = Recording(), costs.copy()
    for document in range(8):
        begin = document * DOCUMENT + 1
        places = range(begin, begin + DOCUMENT)
        for epoch in range(2):
            gain = 0.001 * epoch * (int(stream.ids[list(places)].sum()) % 97)
            for start in range(begin, begin + DOCUMENT, WINDOW // 2):
                window = range(max(begin, start - WINDOW // 2), start + WINDOW // 2)
                dearer = costs - gain + np.where(np.arange(TOKENS) < start, 0.2, 0.0)
                made.score(dearer, window, learning=True)
        paid[list(places)] -= gain
    made.say(said(float(paid[1:].mean()), stream))
    return made


def test_what_counts_the_last_of_several_rounds_has_learned_its_tokens() -> None:
    found = evidence(two_rounds)
    explained = found.explained(found.base)
    assert explained is not None
    assert explained.rule is Rule.ROUND
    (one,) = judging.from_other_tokens(found)
    assert one.evidence["position"] == CUT // DOCUMENT * DOCUMENT + 1


@pytest.mark.parametrize("script", [roundtrip, sliding, score_first, later_documents_first])
def test_an_honest_script_violates_nothing_and_everything_was_tested(script: Script) -> None:
    found = evidence(script)
    assert families(found) == []
    assert all(condition.testable(found) for condition in judging.asked(found.resets))
    explained = found.explained(found.base)
    assert explained is not None
    assert explained.rule is Rule.FIRST


# ---------------------------------------------------------------- scripts that cheat


def test_scores_that_move_with_the_future_are_learned_before_scoring() -> None:
    def pretrained(stream: Stream, costs: Costs) -> Recording:
        return roundtrip(stream, costs + 0.01 * (int(stream.ids.sum()) % 83) / 83)

    found = evidence(pretrained)
    (one,) = judging.from_other_tokens(found)
    assert one.family is Family.LEARNED
    assert one.evidence["position"] == 1
    assert one.evidence["moved"] == CUT - 1
    assert not one.evidence["within_a_window"]


def test_what_moves_only_beside_the_cut_is_fitted_to_its_window() -> None:
    def fitted(stream: Stream, costs: Costs) -> Recording:
        paid = costs.copy()
        for start in range(1, TOKENS, WINDOW):
            paid[start : start + WINDOW] += 0.01 * (
                int(stream.ids[start : start + WINDOW].sum()) % 7
            )
        return roundtrip(stream, paid)

    (one,) = judging.from_other_tokens(evidence(fitted))
    assert one.evidence["within_a_window"]
    assert CUT - WINDOW < one.evidence["position"] < CUT


def test_a_repetition_that_moves_as_much_excuses_what_moved() -> None:
    noise = np.random.default_rng(3)

    def restless(stream: Stream, costs: Costs) -> Recording:
        return roundtrip(stream, costs + 0.1 * noise.random(TOKENS))

    found = evidence(restless)
    assert any(judging.from_other_tokens(found))
    repeated = played(restless, found.base.stream)
    loud = evidence(restless, repeated=repeated)
    moved = judging.moved(loud)
    assert moved is not None
    assert len(moved.places) < CUT // 4


def leaving(model: str, stamp: str, note: str, *, reads: bool = True) -> Result:
    """A run that leaves a model which it reads back, a stamp, and a note that it only writes."""
    modes = ("wb", "rb") if reads else ("wb",)
    files = [("final_model.ptz", mode) for mode in modes]
    files += [("stamp.bin", "wb"), ("stamp.bin", "rb"), ("note.pt", "wb")]
    opened = tuple(Opened(path=f"/out/{name}", mode=mode, step=0) for name, mode in files)
    found = {"final_model.ptz": model, "stamp.bin": stamp, "note.pt": note}
    stream = evidence(roundtrip).base.stream
    return result(stream, notes=Recording().notes(files=opened), artifacts=found)


def test_an_artifact_that_differs_only_with_the_data_was_made_from_them() -> None:
    one, other, again = leaving("a", "1", "x"), leaving("b", "2", "y"), leaving("a", "3", "x")
    judged = Evidence(world=WORLD, base=one, future=other, repeated=again, cut=CUT, window=WINDOW)
    (conclusion,) = judging.from_held_out_data(judged)
    assert conclusion.evidence["file"] == "final_model.ptz"
    unsure = Evidence(world=WORLD, base=one, future=other, cut=CUT, window=WINDOW)
    assert not any(judging.from_held_out_data(unsure))


def test_a_file_that_is_only_written_is_no_artifact() -> None:
    """A checkpoint may hold the score of the held-out data beside the weights."""
    runs = [leaving(model, "1", "x", reads=False) for model in ("a", "b", "a")]
    one, other, again = runs
    judged = Evidence(world=WORLD, base=one, future=other, repeated=again, cut=CUT, window=WINDOW)
    assert not any(judging.from_held_out_data(judged))


@pytest.mark.parametrize(("factor", "seen"), [(1.17, True), (1.04, True), (1.0, False)])
def test_bytes_that_are_not_the_tables(factor: float, seen: bool) -> None:
    def counting(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        made.lines[-1:] = []
        made.say(said(float(costs[1:].mean()), stream, factor))
        return made

    found = list(judging.miscounted_bytes(evidence(counting)))
    assert bool(found) is seen


def test_a_part_of_the_documents_is_not_all_of_them() -> None:
    def partial(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        made.score(costs, range(1, TOKENS // 2))
        made.say(said(float(costs[1 : TOKENS // 2].mean()), stream))
        return made

    (one,) = judging.uncounted(evidence(partial))
    assert one.evidence["uncounted"] == TOKENS - TOKENS // 2
    assert one.evidence["first"] == TOKENS // 2


def test_the_least_of_several_visits_is_a_choice() -> None:
    def choosing(stream: Stream, costs: Costs) -> Recording:
        made = Recording()
        random = np.random.default_rng(1)
        visits = [costs + random.random(TOKENS) for _ in range(3)]
        for visit in visits:
            made.score(visit, range(1, TOKENS))
        made.say(said(float(np.min(visits, axis=0)[1:].mean()), stream))
        return made

    (one,) = judging.chosen_by_outcome(evidence(choosing))
    assert one.family is Family.CHOSEN


@pytest.mark.parametrize(
    ("milliseconds", "step", "seen"),
    [(600_012, 53, True), (585_004, 48, False), (601_500, 100, False)],
)
def test_training_data_after_the_limit(milliseconds: int, step: int, seen: bool) -> None:
    """Training that leaves itself time for more, or ends by its own count, is within it."""
    found = evidence(roundtrip)
    line = f"stopping_early: wallclock_cap train_time:{milliseconds}ms step:{step}/100"
    timed = result(found.base.stream, line, Recording().notes(late_training=4))
    judged = evidence(roundtrip, timed=timed)
    assert bool(list(judging.late_training(judged))) is seen


MODEL = "/out/repository/records/track/submission/final_model.ptz"


def trained(*done: tuple[str, str], given: frozenset[str] = frozenset()) -> Result:
    """A run that learns from training tokens ("learn", "") and opens files (path, mode)."""
    made, files, training = Recording(), [], []
    stream = evidence(roundtrip).base.stream
    for path, mode in done:
        if path == "learn":
            made.score(stream.costs, range(1, 9), learning=True)
            training.append(True)
        else:
            files.append(Opened(path=path, mode=mode, step=0, block=len(training)))
    notes = made.notes(files=tuple(files), training=np.array(training, bool))
    names = frozenset({"final_model.ptz", "logs/run.txt"})
    return replace(result(stream, notes=notes), names=names, given=given)


LEARN, WRITE, READ = ("learn", ""), (MODEL, "wb"), (MODEL, "rb")
LOG = "/out/repository/records/track/submission/logs/run.txt"


@pytest.mark.parametrize(
    ("done", "times"),
    [
        ([LEARN, LEARN, WRITE, READ], 0),
        ([LEARN, WRITE, READ, LEARN, LEARN], 2),
        ([LEARN, WRITE, LEARN, WRITE, READ], 0),
        ([LEARN, WRITE, LEARN], 1),
        ([LEARN, READ, LEARN], 1),
        ([("/out/tables.npy", "wb"), ("/out/tables.npy", "rb"), LEARN, LEARN], 0),
        ([LEARN, (LOG, "w"), LEARN, (LOG, "a"), LEARN], 0),
        ([LEARN, ("/world/datasets/x.bin", "rb"), LEARN], 0),
        ([LEARN, ("/tmp/x.bin", "wb"), ("/tmp/x.bin", "rb"), LEARN], 0),
    ],
    ids=[
        "honest", "after its artifact", "checkpoints", "never read", "renamed", "a cache",
        "a log", "data", "a temporary file",
    ],
)  # fmt: skip
def test_learning_after_the_last_file_was_made(done: list[tuple[str, str]], times: int) -> None:
    """R3: whatever the clock says; what was made before it had learned is no model."""
    run = trained(*done)
    found = list(judging.late_training(Evidence(world=WORLD, base=run, cut=CUT, window=WINDOW)))
    assert [each.evidence["times"] for each in found] == ([times] if times else [])
    assert all((each.family, each.clause) == (Family.LATE_TRAINING, "R3") for each in found)


def test_what_it_scores_with_is_what_it_made_and_reads() -> None:
    """A log with weights in it too; not what it wrote before it had learned, or never reads."""
    assert trained(LEARN, WRITE, READ).artifact == ("final_model.ptz",)
    assert trained(LEARN, READ).artifact == ("final_model.ptz",)
    assert trained(LEARN, (LOG, "w"), (LOG, "r")).artifact == ("logs/run.txt",)
    assert trained(WRITE, READ, LEARN).artifact == ()
    assert trained(LEARN, WRITE).artifact == ()
    assert trained(LEARN, READ, given=frozenset({"final_model.ptz"})).artifact == ()


def test_what_was_handed_in_and_what_is_left_nowhere_are_told_apart() -> None:
    """Both are read; the first ships, the second cannot be weighed."""
    own = "/out/repository/records/track/submission/table.npy"
    given = frozenset({"table.npy"})
    run = trained(LEARN, (own, "rb"), ("/tmp/w.bin", "wb"), ("/tmp/w.bin", "rb"), given=given)
    assert run.read_of_its_own == ("table.npy",)
    assert run.read_elsewhere == ("/tmp/w.bin",)
    assert trained(LEARN, (own, "wb"), (own, "rb"), given=given).read_of_its_own == ()
    assert trained(LEARN, ("/tmp/w.bin", "rb")).read_elsewhere == ()


def test_what_switches_itself_on_where_text_repeats_leaves_the_order_untested() -> None:
    """Its number on uniform documents is its scores' mean, on tempting ones another."""

    def switching(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        if stream.source is streams.Source.TEMPTING:
            made.lines[-1:] = []
            made.say(said(float(costs[1:].mean()) + 0.2, stream))
        return made

    found = evidence(switching)
    assert families(found) == []
    untested = [each.id for each in judging.asked(found.resets) if not each.testable(found)]
    assert untested == ["future", "choice", "coverage"]


def test_a_chance_of_one_draw_of_repeating_text_leaves_nothing_untested() -> None:
    """The recorder did not recognise every token of one; on another it did."""
    misread = iter([True, False])

    def honest(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        if stream.source is streams.Source.TEMPTING and next(misread):
            made.lines[-1:] = []
            made.say(said(float(costs[1:].mean()) + 0.2, stream))
        return made

    once = evidence(honest)
    assert judging.switched_on(once)
    again = streams.tempting(TOKENS, WORLD.alphabet, np.random.default_rng(8))
    found = replace(once, tempted=played(honest, again))
    assert families(found) == []
    assert not judging.switched_on(found)
    assert all(each.testable(found) for each in judging.asked(found.resets))


def test_what_switches_itself_on_does_so_on_every_draw() -> None:
    """A second draw clears nobody whose number is another thing there too."""

    def switching(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        if stream.source is streams.Source.TEMPTING:
            made.lines[-1:] = []
            made.say(said(float(costs[1:].mean()) + 0.2, stream))
        return made

    again = streams.tempting(TOKENS, WORLD.alphabet, np.random.default_rng(8))
    assert judging.switched_on(evidence(switching, tempted=played(switching, again)))


def test_an_unexplained_number_leaves_the_order_untested() -> None:
    def elsewhere(stream: Stream, costs: Costs) -> Recording:
        made = roundtrip(stream, costs)
        made.say(said(float(costs[1:].mean()) + 0.2, stream))
        return made

    found = evidence(elsewhere)
    assert families(found) == []
    untested = [each.id for each in judging.asked(found.resets) if not each.testable(found)]
    assert untested == ["future", "choice", "coverage"]


# ---------------------------------------------------------------- resets


def resetting(stream: Stream, costs: Costs) -> Recording:
    """Each document is learned from as it is scored, and forgotten with its end."""
    made, paid = Recording(), costs.copy()
    for document in range(8):
        begin = document * DOCUMENT + 1
        for start in range(begin, begin + DOCUMENT, 256):
            chunk = range(start, min(start + 256, begin + DOCUMENT, TOKENS))
            paid[list(chunk)] -= 0.00001 * (int(stream.ids[begin:start].sum()) % 97)
            made.score(paid, chunk)
            made.score(paid, chunk, learning=True)
    made.say(said(float(paid[1:].mean()), stream))
    return made


@pytest.mark.parametrize("script", [roundtrip, sliding, resetting])
def test_what_ends_with_its_document_keeps_resets(script: Script) -> None:
    found = evidence(script, resets=True)
    assert families(found) == []
    assert "past" in [each.id for each in judging.asked(True) if each.testable(found)]


def carrying(stream: Stream, costs: Costs) -> Recording:
    """What was learned from a chunk stays for all that come after it."""
    made, paid = Recording(), costs.copy()
    for start in range(1, TOKENS, 512):
        chunk = range(start, min(start + 512, TOKENS))
        paid[list(chunk)] -= 0.01 * (int(stream.ids[1:start].sum()) % 97) / 97
        made.score(paid, chunk)
        made.score(paid, chunk, learning=True)
    made.say(said(float(paid[1:].mean()), stream))
    return made


def test_what_goes_on_beyond_its_document_breaks_resets_where_they_are_asked() -> None:
    (one,) = judging.from_earlier_documents(evidence(carrying, resets=True))
    assert (one.family, one.clause) == (Family.CARRIED, "R5")
    assert one.evidence["document"] == CUT // DOCUMENT + 1
    assert families(evidence(carrying)) == []


def test_what_only_its_window_sees_of_another_document_is_no_learning() -> None:
    """Windows run over the ends of documents."""

    def overlapping(stream: Stream, costs: Costs) -> Recording:
        paid = costs.copy()
        for start in range(1, TOKENS, WINDOW):
            paid[start : start + WINDOW] -= 0.01 * (int(stream.ids[start - 1]) % 7)
        return roundtrip(stream, paid)

    assert families(evidence(overlapping, resets=True)) == []


def test_each_condition_says_whether_it_was_kept_broken_or_not_tested() -> None:
    """As an audit reads it."""
    kept = {each.id: each.test(evidence(roundtrip)).outcome for each in judging.asked(False)}
    assert set(kept.values()) == {Outcome.KEPT}
    assert judging.PAST.test(evidence(roundtrip)).outcome is Outcome.UNPROVEN
    broken = judging.PAST.test(evidence(carrying, resets=True))
    assert (broken.outcome, broken.clause) == (Outcome.BROKEN, "R5")
    assert broken.evidence["moved"] > 0
