"""A small contest, triaged: every pull request is a row, whatever it holds, and only once read."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.history.contest import TRACK, Contest, row, submission, table
from tests.history.readers import open_dying
from verifier import policy as policies
from verifier.errors import BadInput, RequestError
from verifier.history import reader
from verifier.history.chain import read_chain
from verifier.history.leaderboard import leaderboard
from verifier.history.library import Library
from verifier.history.queue import build_queue, read_queue, write_queue
from verifier.history.summary import summary, worst
from verifier.history.triage import Request, Triaged, triage
from verifier.screening.screened import Answer, Row, Ruling
from verifier.submission.candidates import Folder
from verifier.submission.forge import ForgeFacts
from verifier.submission.pull_request import pull_requests
from verifier.submission.repository import Repository
from verifier.watch import Unwatched

POLICY = policies.load("track_10min_16mb_as_ruled")
SCRIPT = "".join(f"value_{i} = compute({i})\n" for i in range(200))
CHANGED = SCRIPT.replace("compute(7)", "compute(7, targets)")
OTHER = "".join(f"other_{i} = nothing({i})\n" for i in range(200))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two accepted records; a better copy, a copy of that, a worse one, docs, and nothing."""
    contest = Contest(tmp_path_factory.mktemp("contest") / "clone")
    base = submission("2026-03-18_Base", {1: 1.2244}, script=SCRIPT)
    contest.on_main({"README.md": table(row(1.2244, "2026-03-18_Base")), **base}, day=0)
    first = submission("2026-03-20_First", {1: 1.2, 2: 1.201, 3: 1.199}, script=SCRIPT)
    contest.merged(1, first, day=1, on=2)
    both = table(row(1.2, "1", name="First"), row(1.2244, "2026-03-18_Base"))
    contest.on_main({"README.md": both}, day=3, subject="Update the table")
    better = submission("2026-03-25_Better", {1: 1.15, 2: 1.151, 3: 1.149}, script=CHANGED)
    contest.pull(2, better, day=7, author="Grace")
    contest.pull(3, submission("2026-03-26_Copy", {1: 1.14}, script=CHANGED + "x = 1\n"), day=8)
    contest.pull(4, submission("2026-03-27_Worse", {1: 1.3}, script=OTHER), day=9)
    contest.pull(5, {"docs/notes.md": "hello\n"}, day=10)
    contest.commit("refs/pull/6/head", {f"{TRACK}/x/README.md": "alone"}, day=11)
    track = "records/track_non_record_16mb"
    contest.pull(7, submission("2026-03-28_Other", {1: 1.1}, script=OTHER, track=track), day=12)
    return contest.made()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def done(clone: Path, store: Path, **changes: Any) -> Triaged:
    fields = {"repository": clone, "policy": POLICY, "store": store, "readers": 2} | changes
    return triage(Request(**fields), Unwatched())


def by_number(rows: Sequence[Row]) -> dict[int, Row]:
    return {row.number: row for row in rows}


def test_every_pull_request_is_a_row(clone: Path, store: Path) -> None:
    """Whatever it adds: a folder, nothing under records/, no history in common."""
    rows = done(clone, store).triage.rows
    assert {row.number: row.shape for row in rows} == {
        1: "merged",
        2: "one folder",
        3: "one folder",
        4: "one folder",
        5: "no folder",
        6: "no merge base",
        7: "one folder",
    }
    found = by_number(rows)
    assert found[2].author == "Grace"
    assert found[2].created.startswith("2026-03-25")
    assert found[5].screening is None
    assert not any(row.fault for row in rows)
    assert found[2].screening is not None
    assert [run.bpb for run in found[2].screening.runs] == [1.15, 1.151, 1.149]


def test_a_row_names_its_parent_and_the_difference(clone: Path, store: Path) -> None:
    """A reviewer reads what changed; the one made from nothing has no parent."""
    found = by_number(done(clone, store).triage.rows)
    parent = found[2].parent
    assert parent is not None
    assert (parent.number, parent.changed_lines) == (0, 2)
    assert "+value_7 = compute(7, targets)" in parent.diff
    assert found[3].parent is not None
    assert found[3].parent.number == 2
    assert found[4].parent is None


def test_a_row_is_compared_with_the_best_record_created_before_it(clone: Path, store: Path) -> None:
    """R7: in chronological order of creation."""
    found = by_number(done(clone, store).triage.rows)
    assert found[2].against is not None
    assert found[2].against.row == "2026-03-20_First"
    assert found[2].against.margin_bpb == pytest.approx(0.05)
    assert found[1].against is not None
    assert found[1].against.row == "2026-03-18_Base"


def test_a_second_run_reads_nothing_again(clone: Path, store: Path, tmp_path: Path) -> None:
    """Results are kept by tree, code and policy; without them it is the same again."""
    first = done(clone, store)
    began = time.monotonic()
    second = done(clone, store)
    assert time.monotonic() - began < 3
    assert second.triage.rows == first.triage.rows
    fresh = by_number(done(clone, tmp_path).triage.rows)
    assert fresh[3].parent == by_number(first.triage.rows)[3].parent


def test_damaged_results_are_read_anew(clone: Path, tmp_path: Path) -> None:
    """Half a file is a miss, not an answer."""
    first = done(clone, tmp_path)
    for path in (tmp_path / "screened").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-3])
    second = done(clone, tmp_path)
    assert [row.parent for row in second.triage.rows] == [row.parent for row in first.triage.rows]


def test_a_submission_that_kills_its_reader_is_a_row_with_a_fault(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never the end of the triage; it asks for a person and is tried again next time."""
    monkeypatch.setattr(reader, "open_reader", open_dying)
    rows = by_number(done(clone, tmp_path).triage.rows)
    assert rows[4].fault == "the reader ended with 9"
    assert rows[4].screening is None
    assert [number for number, row in rows.items() if row.fault] == [4]
    assert worst(rows.values()) is Answer.REVIEW
    monkeypatch.undo()
    assert not any(row.fault for row in done(clone, tmp_path).triage.rows)


def test_states_and_days_choose_rows(clone: Path, store: Path) -> None:
    """Offline what main has is merged and the rest may be open."""
    numbers = [row.number for row in done(clone, store, states=frozenset({"merged"})).triage.rows]
    assert numbers == [1]
    rows = done(clone, store, states=frozenset({"open"}), since="2026-03-26").triage.rows
    assert [row.number for row in rows] == [3, 4, 5, 6, 7]


def test_the_forge_knows_better(clone: Path, store: Path) -> None:
    """States, titles and dates from the API win; another head is said."""
    facts = ForgeFacts(
        number=2, head="f" * 40, author="grace", created="2026-04-02T00:00:00Z", updated="",
        state="closed", title="Mine",
    )  # fmt: skip
    found = by_number(done(clone, store, facts={2: facts}).triage.rows)[2]
    assert (found.state, found.title, found.author) == ("closed", "Mine", "grace")
    assert "pushed to" in found.noted[-1]
    chosen = done(clone, store, facts={2: facts}, since="2026-04-01").triage.rows
    assert [row.number for row in chosen] == [2]


def test_a_clone_without_heads_is_told_what_to_fetch(tmp_path: Path) -> None:
    """The command stands in the error."""
    contest = Contest(tmp_path / "bare")
    contest.on_main({"README.md": "x"}, day=0)
    with pytest.raises(RequestError, match="fetch"):
        done(contest.made(), tmp_path)


# ---------------------------------------------------------------- the chain


def test_the_chain_knows_when_each_row_was_created_and_accepted(clone: Path, store: Path) -> None:
    """Created as the pull request was, accepted since the table has it."""
    library = Library(clone, POLICY, store)
    with Repository.at(clone) as repository:
        chain = read_chain(repository, pull_requests(repository), library, Unwatched())
    base, first = chain.records
    assert (base.number, base.created, base.accepted) == (0, "2026-04-01", "2026-03-18")
    assert (first.number, first.created, first.accepted) == (1, "2026-03-19", "2026-03-21")
    assert [run.bpb for run in first.runs] == [1.2, 1.201, 1.199]
    assert first.as_runs.nats_per_bpb == pytest.approx(2.0)
    best = chain.best()
    assert best is first


def test_a_row_with_too_few_runs_rests_on_the_support_it_names(tmp_path: Path) -> None:
    """One seed, and a second pull request that ran it three times."""
    contest = Contest(tmp_path / "clone")
    alone = submission("2026-03-20_Alone", {1: 1.2})
    rerun = submission("2026-03-21_Rerun", {1: 1.2, 2: 1.201, 3: 1.199})
    link = row(1.2, "1").replace(
        "[info](https://host/o/r/pull/1)",
        "[a](https://host/o/r/pull/1), [b](https://host/o/r/pull/2)",
    )
    contest.on_main({"README.md": table()}, day=0)
    contest.merged(1, alone, day=1, on=2)
    contest.merged(2, rerun, day=2, on=3)
    contest.on_main({"README.md": table(link)}, day=4)
    library = Library(contest.made(), POLICY, tmp_path)
    with Repository.at(contest.path) as repository:
        chain = read_chain(repository, pull_requests(repository), library, Unwatched())
    (record,) = chain.records
    assert (record.number, len(record.runs), record.supported_by) == (1, 3, 2)
    support = next(entry for entry in chain.entries if entry.row is None)
    assert support.supports == record.row.line if record.row else False


# ---------------------------------------------------------------- what is asked for


def facts_of(number: int, state: str) -> ForgeFacts:
    return ForgeFacts(
        number=number, state=state, title="", author="", created="2026-01-01", updated="", head=""
    )


def test_without_a_state_all_are_kept_for_open_and_for_closed(clone: Path, store: Path) -> None:
    """A clone cannot tell them apart, and says so."""
    for state in ("open", "closed"):
        found = done(clone, store, states=frozenset({state}))
        assert [row.number for row in found.triage.rows] == [2, 3, 4, 5, 6, 7]
        (note,) = found.notes
        assert note.startswith(f"--state {state}: a clone does not know whether")
        assert "The 6 that main has not merged are all kept" in note
    merged = done(clone, store, states=frozenset({"merged"}))
    assert [row.number for row in merged.triage.rows] == [1]
    assert "left out" in merged.notes[0]
    assert done(clone, store).notes == ()


def test_what_the_forge_says_of_all_needs_no_note(clone: Path, store: Path) -> None:
    """States and dates are then known."""
    facts = {number: facts_of(number, "closed") for number in range(1, 8)}
    found = done(clone, store, states=frozenset({"open"}), facts=facts)
    assert (found.triage.rows, found.notes) == ((), ())


def test_only_the_asked_for_are_read(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And main's folders, which there is to beat; never another pull request's."""
    asked: set[str] = set()
    read = Library.read

    def watched(self: Library, folders: Iterable[Folder], *args: Any, **more: Any) -> None:
        known = list(folders)
        asked.update(folder.path.rpartition("/")[2] for folder in known)
        read(self, known, *args, **more)

    monkeypatch.setattr(Library, "read", watched)
    some = done(clone, tmp_path, pulls=(range(3, 4), range(5, 7)))
    assert [row.number for row in some.triage.rows] == [3, 5, 6]
    assert asked == {"2026-03-26_Copy", "x", "2026-03-18_Base", "2026-03-20_First"}
    parent = some.triage.rows[0].parent
    assert parent is not None and parent.folder.endswith(("_First", "_Base"))
    assert any("were not read" in note for note in some.notes)
    asked.clear()
    late = done(clone, tmp_path, since="2026-03-28")
    assert "2026-03-25_Better" not in asked
    assert any("the date is that of the commit" in note for note in late.notes)


def test_a_number_that_the_clone_has_not_is_named_with_how_to_fetch_it(
    clone: Path, store: Path
) -> None:
    """A typing mistake is no empty result."""
    with pytest.raises(RequestError, match=r"no head of pull request #42 .*fetch origin"):
        done(clone, store, pulls=(range(1, 2), range(42, 43)))


def test_accepted_rows_without_their_pull_request_are_counted(
    clone: Path, store: Path, tmp_path: Path
) -> None:
    """Their places are by guess then; a row that never had one, the baseline, is none of them."""
    copy = tmp_path / "copy"
    shutil.copytree(clone, copy)
    words = ["git", f"--git-dir={copy}", "update-ref", "-d", "refs/pull/1/head"]
    subprocess.run(words, check=True)
    (note,) = done(copy, store).notes
    assert note.startswith("1 accepted row has no pull request here (#1)")
    assert "fetch origin '+refs/pull/*/head:refs/pull/*/head'" in note
    assert leaderboard(copy, POLICY, store, Unwatched()).notes == (note,)
    assert leaderboard(clone, POLICY, store, Unwatched()).notes == ()


# ---------------------------------------------------------------- the queue


def test_the_queue_holds_what_beats_the_row_and_roots_first(clone: Path, store: Path) -> None:
    """#3 claims more than #2, but was made from it: when #2 does not hold, #3 need not run."""
    found = done(clone, store)
    queue = build_queue(found.triage, found.chain, POLICY.policy)
    assert (queue.row, queue.row_bpb) == ("2026-03-20_First", pytest.approx(1.2))
    assert [(entry.number, entry.lineage) for entry in queue.entries] == [(2, 2), (3, 2)]
    assert queue.entries[0].reference == f"{clone}#2"
    assert queue.entries[0].contract == "script/1"
    assert queue.entries[0].node_hours == pytest.approx(3 * (580 + 600 + 600) / 3600, abs=0.001)
    assert queue.left_out == {
        "without a submission": 1,
        "without a number": 1,
        "merged": 1,
        "no better than the row": 1,
        "outside the record track": 1,
    }


def test_what_a_person_upheld_is_in_no_queue(clone: Path, store: Path) -> None:
    """Nor what still asks for one; a dismissed finding does not keep it out."""
    found = done(clone, store)
    head = by_number(found.triage.rows)[2].head
    rules = {remark.rule for remark in by_number(found.triage.rows)[2].screening.remarks}  # type: ignore[union-attr]
    assert rules, "the example has at least one note to rule on"
    upheld = tuple(
        Ruling(rule=rule, head=head, dismissed=False, name="A", date="2026-04-01", reason="b")
        for rule in rules
    )
    ruled = done(clone, store, rulings=upheld)
    queue = build_queue(ruled.triage, ruled.chain, POLICY.policy)
    assert [entry.number for entry in queue.entries] == [3]
    assert queue.left_out["with a finding that asks for a person"] == 1
    assert worst(ruled.triage.rows) is Answer.VIOLATION
    said = json.loads(summary(ruled, queue, Path("out"), 1))
    assert said["rulings"]["held"] == said["rulings"]["upheld"] == len(rules)
    assert said["answers"]["violation"] == 1
    assert said["pull_requests"] == 7


def test_a_queue_comes_back_from_its_file(clone: Path, store: Path, tmp_path: Path) -> None:
    """What `verify --from` takes is what was written."""
    found = done(clone, store)
    queue = build_queue(found.triage, found.chain, POLICY.policy)
    write_queue(queue, tmp_path / "queue.json")
    assert read_queue(tmp_path / "queue.json") == queue


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is no queue"),
        ('{"format": "queue/2"}', "is no queue"),
        ('{"format": "queue/1"}', "is not a queue"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_no_queue_is_named(tmp_path: Path, text: str, said: str) -> None:
    """An error with the file, and what writes one."""
    path = tmp_path / "queue.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as caught:
        read_queue(path)
    assert str(path) in str(caught.value)


def test_a_request_that_git_cannot_tell_is_a_row_with_a_fault(
    clone: Path, tmp_path: Path, store: Path
) -> None:
    """Law 4: its head is a tree; it asks for a person, and every other row is as it was."""
    copy = tmp_path / "copy"
    shutil.copytree(clone, copy)
    path = copy / "refs" / "pull" / "9" / "head"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["git", f"--git-dir={copy}", "rev-parse", "main^{tree}"]
    path.write_bytes(subprocess.run(words, capture_output=True, check=True).stdout)
    rows = by_number(done(copy, store).triage.rows)
    assert rows.pop(9).fault == "not screened: its head is a tree, and no commit"
    assert worst([row for row in done(copy, store).triage.rows if row.number == 9]) is Answer.REVIEW
    assert rows == by_number(done(clone, store).triage.rows)
