"""Hostile guests end in time, in words about them, and are gone; what they left is judged.

`make attacks` plays all of them in every backend; here those that need no engine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.deeds import DEEDS, Deed
from tests.attacks.guests import played
from tests.attacks.readers import READERS, Reader, read
from tests.sandbox.conftest import Boxes, boxes_in
from verifier.records import EndedBy, Root
from verifier.sandbox.selfcheck.tiny_root import tiny_root

FEW = {
    *("a link farm", "names that are no names", "… where that is not too much"),
    *("pipes, sockets, devices, closed folders", "a flood with its last breath"),
    *("dies of a segfault", "leaves the largest hole in its ids", "leaves folders in folders"),
}
"""What every run of the tests plays; `make slow` plays the others, `make attacks` all of them."""


def chosen(all_of_them: tuple[Deed, ...] | tuple[Reader, ...]) -> list[Any]:
    """Each by its name, slow where it is not among the few."""
    return [
        pytest.param(each, id=each.name, marks=[] if each.name in FEW else [pytest.mark.slow])
        for each in all_of_them
    ]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Boxes]:
    """Boxes of bubblewrap; the first of them makes what all share."""
    root: Root = tiny_root(tmp_path_factory.mktemp("root"))
    boxes_in("bubblewrap", tmp_path_factory.mktemp("first"), root).run("pass")
    return lambda folder: boxes_in("bubblewrap", folder, root)


@pytest.mark.parametrize("deed", chosen(DEEDS))
def test_a_guest_s_deed_costs_itself_alone(
    deed: Deed, boxes: Callable[[Path], Boxes], tmp_path: Path
) -> None:
    """Promise: one of its expected ends, bounded memory and disk, nothing behind, no host file."""
    row = played(boxes(tmp_path), deed)
    assert not row.wrong, row.wrong


@pytest.mark.parametrize("reader", chosen(READERS))
def test_what_takes_over_a_tokenizer_s_reader_dies_with_its_box(
    reader: Reader, boxes: Callable[[Path], Boxes], tmp_path: Path
) -> None:
    """Promise: the submission is blamed, and an honest reader is answered right after."""
    row = read(boxes(tmp_path), reader)
    assert not row.wrong, row.wrong


def test_a_deed_that_ends_otherwise_is_said_to_be_wrong(
    boxes: Callable[[Path], Boxes], tmp_path: Path
) -> None:
    """The rows can be wrong: another end, and words that nobody said."""
    deed = Deed(name="nothing", source="pass", ends=(EndedBy.MEMORY,), says="link")
    row = played(boxes(tmp_path), deed)
    assert "ended by itself" in row.wrong and "nothing says 'link'" in row.wrong
