"""A small project of known faults: who is noticed, who survives. Run by `make mutants`."""

from __future__ import annotations

import argparse
import ast
import shutil
from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="`make mutants` installs it and runs these")

from tests.mutants.__main__ import judged
from tests.mutants.keeping import kept
from tests.mutants.making import mutate
from tests.mutants.rooms import Room

ROOT = Path(__file__).parents[2]

SOURCE = '''
"""A room."""
from functools import cache
import numpy as np


def tested(a):
    return a + 1


def loose(a):
    return a > 1


def never_called(a):
    return a + 1


def endless(a):
    while a:
        a = a - 1
    return a


@cache
def remembered(a):
    return a + 1


def at_import(a):
    return a + 1


TWO = at_import(1)


class Box:
    """A box."""

    def __init__(self, side):
        self.side = side

    @property
    def area(self):
        return self.side * self.side


def wording(x):
    raise ValueError("a sentence that nobody repeats")


def cast(x):
    return x.astype(np.float64)
'''

TESTS = """
import pytest
from verifier import toy

def test_all():
    assert toy.tested(1) == 2
    assert toy.loose(3)
    assert toy.endless(3) == 0
    assert toy.remembered(1) == 2
    assert toy.TWO == 2
    assert toy.Box(3).area == 9
    with pytest.raises(ValueError):
        toy.wording(1)
"""


CONFTEST = 'from hypothesis import settings\n\nsettings.register_profile("shared")\n'


def project(root: Path) -> Path:
    """A checkout whose only room is `SOURCE`, judged by `TESTS`."""
    for package in ("verifier", "tests"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    shutil.copytree(ROOT / "tests/mutants", root / "tests/mutants")
    (root / "tests/conftest.py").write_text(CONFTEST)
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "verifier/toy.py").write_text(SOURCE)
    (root / "tests/test_toy.py").write_text(TESTS)
    return root


TOY = Room("toy", ("verifier/toy.py",), ("tests/test_toy.py",))


def test_each_fault_gets_the_verdict_that_it_deserves(tmp_path: Path) -> None:
    """Noticed by value, by time, through a cache, a decorator, at import; or not."""
    root, place = project(tmp_path / "project"), tmp_path / "kept"
    place.mkdir()
    given = argparse.Namespace(place=place, workers=2, fresh=False, kept=False)
    found = judged(root, TOY, given)
    mutants = {each.key: each for each in mutate("verifier/toy.py", SOURCE).mutants}
    answers: dict[str, set[str]] = {}
    for key, verdict in kept(place / "results.jsonl").items():
        answers.setdefault(mutants[key].function, set()).add(verdict.answer)
    assert answers == {
        "tested": {"killed"},
        "loose": {"survived"},
        "never_called": {"uncovered"},
        "endless": {"killed", "timeout"},
        "remembered": {"killed"},
        "at_import": {"killed"},
        "Box.__init__": {"killed"},
        "Box.area": {"killed"},
        "wording": {"survived"},
    }
    assert found.counts.total() == len(mutants)
    assert {mutant.function for mutant, _ in found.standing} == {"loose", "never_called", "wording"}
    lines = (place / "results.jsonl").read_text().count("\n")
    assert judged(root, TOY, given) == found
    assert (place / "results.jsonl").read_text().count("\n") == lines


def test_tests_that_fail_by_themselves_judge_nobody(tmp_path: Path) -> None:
    """Everything would count as noticed."""
    root = project(tmp_path / "project")
    (root / "tests/test_toy.py").write_text(TESTS.replace("== 0", "== 1"))
    given = argparse.Namespace(place=tmp_path, workers=2, fresh=False, kept=False)
    with pytest.raises(SystemExit, match="fail without a mutant"):
        judged(root, TOY, given)
    assert kept(tmp_path / "results.jsonl") == {}


def test_a_mutated_file_does_unmutated_what_the_file_does() -> None:
    """Decorators taken down are put on again."""
    scope: dict[str, object] = {"__name__": "toy"}
    exec(compile(mutate("verifier/toy.py", SOURCE).code, "toy", "exec"), scope)
    box = scope["Box"](3)  # type: ignore[operator]
    assert box.area == 9
    assert scope["remembered"].cache_info().hits == 0  # type: ignore[attr-defined]
    assert scope["__doc__"] == ast.get_docstring(ast.parse(SOURCE))


def test_keys_stay_when_other_code_moves_and_go_when_their_function_changes() -> None:
    """What a verdict is kept under."""
    keys = {each.key: each.function for each in mutate("verifier/toy.py", SOURCE).mutants}
    moved = {e.key for e in mutate("verifier/toy.py", SOURCE.replace("a > 1", "a > 7")).mutants}
    gone = {function for key, function in keys.items() if key not in moved}
    assert gone == {"loose"}


def test_wording_and_casts_to_what_numpy_casts_to_anyway_are_not_mutated() -> None:
    """The sentence may go as a whole; its letters are not changed."""
    made = mutate("verifier/toy.py", SOURCE)
    assert made.not_made == 3
    assert {e.after for e in made.mutants if e.function == "wording"} == {"raise ValueError(None)"}
    assert not [each for each in made.mutants if each.function == "cast"]
