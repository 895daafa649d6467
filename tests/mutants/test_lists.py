"""What is judged, what is kept and what is excused; none of it needs mutmut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import equivalents
from tests.mutants.equivalents import Equivalent
from tests.mutants.keeping import Judged, Mutant, digest, holds, keep, kept, under
from tests.mutants.rooms import ROOMS, files

ROOT = Path(__file__).parents[2]
MUTANT = Mutant("k1", "verifier.m.x_f__mutmut_1", "verifier.m.x_f", "verifier/m.py", "f", "a", "b")
ENTRY = Equivalent("verifier/m.py", "f", "a", "b", "nobody reads it")


def test_every_room_that_decides_is_made_faulty_and_has_tests() -> None:
    """The rooms of `make coverage`, and what weighs."""
    faulty = {file for room in ROOMS for file in files(ROOT, room.sources)}
    for place in ("audits", "ledger", "policy", "sampling", "scoring"):
        assert set(files(ROOT, (f"verifier/{place}",))) <= faulty
    assert {"verifier/verdict.py", "verifier/metric.py", "verifier/submission/weigh.py"} <= faulty
    for room in ROOMS:
        assert all((ROOT / test.partition("::")[0]).exists() for test in (*room.tests, *room.but))


def test_the_list_names_functions_that_are_there_with_a_reason_each() -> None:
    """Reviewed: an entry without a file, function or line of today is refused already here."""
    for entry in equivalents.read():
        source = (ROOT / entry.file).read_text()
        assert f"def {entry.function.rpartition('.')[2]}(" in source
        lines = {line.strip() for line in source.splitlines()}
        assert {line.strip() for line in entry.before.splitlines() if line.strip()} <= lines


def test_an_entry_without_a_reason_or_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """No survivor is waved through."""
    with pytest.raises(ValueError, match="say why"):
        replace(ENTRY, reason="equivalent")
    path = tmp_path / "list.toml"
    path.write_text("[[equivalent]]\nfile = 'a'\nwhy = 'nobody reads it'\n")
    with pytest.raises(TypeError, match="why"):
        equivalents.read(path)


def test_an_entry_excuses_the_survivors_that_it_names_and_no_others() -> None:
    """By file, function and lines."""
    others = [replace(MUTANT, **{key: "c"}) for key in ("file", "function", "before", "after")]
    standing, equal, void = equivalents.sort([MUTANT, *others], [ENTRY])
    assert (standing, equal, void) == (others, [MUTANT], [])


@pytest.mark.parametrize(("places", "there"), [(1, 0), (1, 2), (2, 1)])
def test_an_entry_that_matches_too_few_or_too_many_is_an_error(places: int, there: int) -> None:
    """What was excused is gone, or something else looks like it; nothing is excused then."""
    entry = replace(ENTRY, places=places)
    survivors = [replace(MUTANT, key=f"k{i}") for i in range(there)]
    assert equivalents.sort(survivors, [entry]) == (survivors, [], [entry])


def test_the_last_verdict_on_a_mutant_is_kept_and_half_a_line_is_none(tmp_path: Path) -> None:
    """A run that was killed goes on where it was."""
    path = tmp_path / "results.jsonl"
    assert kept(path) == {}
    first = Judged("k1", "d", "survived", "", 0.5)
    last, other = replace(first, answer="killed", by="t"), replace(first, key="k2")
    for judged in (first, other, last):
        keep(path, judged)
    with path.open("a") as file:
        file.write('{"key": "k2", "jud')
    assert kept(path) == {"k1": last, "k2": other}


def test_a_verdict_is_void_when_code_tests_or_tester_change(tmp_path: Path) -> None:
    """Keyed by what it was judged under: names, contents, version."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    first = digest(tmp_path, ["a", "b"], "3.8")
    assert digest(tmp_path, ["b", "a"], "3.8") == first
    others = {digest(tmp_path, ["a"], "3.8"), digest(tmp_path, ["a", "b"], "3.9")}
    (tmp_path / "b").write_text("3")
    others.add(digest(tmp_path, ["a", "b"], "3.8"))
    assert first not in others
    assert len(others) == 3


def test_a_new_test_voids_survivors_and_not_what_another_test_noticed(tmp_path: Path) -> None:
    """Who was noticed stays noticed while the test that did, and what it imports, stand."""
    for name in ("code.py", "test_a.py", "test_b.py", "made.py", "made.json", "other.py"):
        (tmp_path / name).write_text("1")
    uses = "from made import one\n"
    (tmp_path / "test_a.py").write_text(uses)
    tests = ["test_a.py", "test_b.py", "made.py", "made.json", "other.py"]
    first = under(tmp_path, "code.py", tests)
    noticed = Judged("k", first["test_a.py"], "killed", "test_a.py::test", 0.1)
    alive = Judged("k", first[""], "survived", "", 0.1)
    for changed, verdicts in (
        ("test_b.py", (True, False)),
        ("other.py", (True, False)),
        ("test_a.py", (False, False)),
        ("made.py", (False, False)),
        ("made.json", (False, False)),
        ("code.py", (False, False)),
    ):
        before = (tmp_path / changed).read_text()
        (tmp_path / changed).write_text(f"{before}\n2")
        now = under(tmp_path, "code.py", tests)
        assert (holds(noticed, now), holds(alive, now)) == verdicts
        (tmp_path / changed).write_text(before)
