"""The table of attacks runs every row once, says what is wrong, and ends with the right code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks import __main__ as attacks
from tests.attacks.rows import Kept, Line, Planned, Row
from verifier.errors import MachineFault
from verifier.watch import Watch

GOOD = Row(expected="caught", got="caught", wrong="", figures={"seen": 3})
BAD = Row(expected="caught", got="missed", wrong="nobody saw it")


class Made:
    """A part of the table whose rows are given, and which of them were run."""

    def __init__(self, found: dict[str, Callable[[], Row]]) -> None:
        self.found, self.ran, self.digest = found, [], "d1"
        self.ran: list[str] = []

    def __call__(self, place: Path, watch: Watch) -> Iterator[Planned]:
        for name, row in self.found.items():
            yield Planned(name=name, digest=self.digest, run=lambda n=name, r=row: self.run(n, r))  # type: ignore[misc]

    def run(self, name: str, row: Callable[[], Row]) -> Row:
        self.ran.append(name)
        return row()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Made]:
    """Puts a part in the place of all parts; rows are kept in a new folder."""

    def play(**found: Callable[[], Row]) -> Made:
        made = Made(found)
        monkeypatch.setattr(attacks, "PARTS", {"made": made})
        return made

    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.setattr(attacks, "commit", lambda: "c1")
    monkeypatch.setattr(attacks, "inputs", lambda: "v1")
    return play


def test_a_table_without_a_wrong_row_ends_with_0(
    played: Callable[..., Made], capsys: pytest.CaptureFixture[str]
) -> None:
    """Expected and got stand side by side; progress does not go where the table goes."""
    played(one=lambda: GOOD, two=lambda: GOOD)
    assert attacks.main([]) == 0
    said = capsys.readouterr()
    assert "2 rows, 0 wrong" in said.out
    assert "made · one · caught" in said.err


def test_one_wrong_row_ends_with_1_and_is_named(
    played: Callable[..., Made], capsys: pytest.CaptureFixture[str]
) -> None:
    """The code says it too, and the rows after it are run."""
    made = played(one=lambda: BAD, two=lambda: GOOD)
    assert attacks.main(["made", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["commit"], answer["wrong"], len(answer["rows"])) == ("c1", 1, 2)
    assert answer["rows"][0]["row"]["wrong"] == "nobody saw it"
    assert answer["rows"][1]["row"]["figures"] == {"seen": 3}
    assert made.ran == ["one", "two"]


def test_a_second_run_goes_on_where_the_first_stopped(played: Callable[..., Made]) -> None:
    """Rows are kept by part, name and digest of what they are made of."""
    made = played(one=lambda: GOOD, two=lambda: BAD)
    assert attacks.main([]) == attacks.main([]) == 1
    assert made.ran == ["one", "two"]
    made.digest = "d2"
    attacks.main([])
    assert made.ran == ["one", "two", "one", "two"]


def test_only_rows_that_are_named_are_run(played: Callable[..., Made]) -> None:
    """What was asked for, and no other."""
    made = played(one=lambda: GOOD, two=lambda: BAD)
    assert attacks.main(["--only", "on"]) == 0
    assert made.ran == ["one"]


def test_another_verifier_runs_every_row_again(
    played: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found of other code proves nothing of this."""
    made = played(one=lambda: GOOD)
    attacks.main([])
    monkeypatch.setattr(attacks, "inputs", lambda: "v2")
    attacks.main([])
    assert made.ran == ["one", "one"]


def test_a_line_that_was_torn_off_is_run_again(tmp_path: Path) -> None:
    """A run that was killed while it wrote leaves half a line."""
    path, planned = tmp_path / "rows.jsonl", Planned(name="one", digest="d", run=lambda: GOOD)
    line = Line(part="made", name="one", seconds=1.0, commit="c1", row=GOOD)
    Kept(path).add(planned, line)
    assert Kept(path).find("made", planned) == line
    assert Kept(path).find("other", planned) is None
    path.write_bytes(path.read_bytes()[:-9])
    torn = Kept(path)
    assert torn.find("made", planned) is None
    torn.add(planned, line)
    assert Kept(path).find("made", planned) == line


def test_a_part_that_is_unknown_is_usage(
    played: Callable[..., Made], capsys: pytest.CaptureFixture[str]
) -> None:
    """No row runs, and 1 would say that something was found."""
    made = played(one=lambda: GOOD)
    assert attacks.main(["weird"]) == 64
    assert "weird" in capsys.readouterr().err
    assert made.ran == []


def test_a_machine_that_fails_is_no_finding(
    played: Callable[..., Made], capsys: pytest.CaptureFixture[str]
) -> None:
    """Our fault and theirs never share a code (DESIGN law 5)."""

    def fail() -> Row:
        raise MachineFault("the engine went away")

    played(one=fail)
    assert attacks.main([]) == 70
    assert "the engine went away" in capsys.readouterr().err
