"""What could not be followed is said, with its place; what was followed is not."""

from __future__ import annotations

import pytest

from tests.source.scripts import TRAINER, packed, program
from verifier.screening.finding import Location
from verifier.source import Barrier, Unfollowed


def said(text: str, **siblings: str) -> tuple[Unfollowed, ...]:
    """What of a script was not followed."""
    return program(text, **siblings).unfollowed


def test_an_ordinary_script_is_followed_whole() -> None:
    """Promise: silence of the rules means something there."""
    assert said(TRAINER) == ()
    assert said(packed(TRAINER)) == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import os\nexec(os.environ['CODE'])\n", 2),
        ("exec(open('/tmp/elsewhere.py').read())\n", 1),
        ("import zlib\nexec(zlib.decompress(b'not packed'))\n", 2),
        ("import importlib, sys\nimportlib.import_module(sys.argv[1])\n", 2),
    ],
)
def test_what_is_known_only_when_it_runs_is_unreadable(text: str, line: int) -> None:
    """Promise: code that nobody can read before it runs is never taken for nothing."""
    (found,) = said(text)
    assert (found.barrier, found.line) == (Barrier.UNREADABLE, line)
    assert Location(**found.location).text == text.split("\n")[line - 1]  # type: ignore[arg-type]


def test_what_is_never_reached_is_no_barrier() -> None:
    """Promise: only the live path counts."""
    assert said("import sys\nif 0:\n    exec(sys.argv[1])\ndef f():\n    exec(sys.stdin)\n") == ()


def test_a_text_that_does_not_parse_is_unreadable_where_it_runs() -> None:
    """Promise: a broken sibling counts if it is imported, not if it only lies there."""
    assert [each.path for each in said("import other\n", other__py="def\n")] == ["other.py"]
    assert said("x = 1\n", other__py="def\n") == ()


def test_a_text_nested_too_deep_is_a_limit() -> None:
    """Promise: a bound of ours is told from what is dynamic."""
    (found,) = said(f"x = {'[' * 500}{']' * 500}\n")
    assert (found.barrier, found.line) == (Barrier.LIMIT, 1)
