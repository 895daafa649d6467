"""One way to forge a verdict, and what must come of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.forging import Run

FORGED, UNKNOWN, CUT = 1, 2, 64


@dataclass(frozen=True, slots=True)
class Came:
    """What `recheck` ended with, and what it said."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Case:
    """One way to forge. `tries` hands over one thing after the other; each must end in `expected`.

    A code of `expected` is enough; `says` must stand in what was said, in every try.
    """

    name: str
    expected: tuple[int, ...]
    tries: Callable[[Run], Iterator[Path]]
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    forgery: str
    expected: str
    happened: str
    ok: bool


@contextmanager
def own(run: Run) -> Iterator[Path]:
    """A path of its own, and the folder around it gone afterwards."""
    with tempfile.TemporaryDirectory(dir=run.scratch) as folder:
        yield Path(folder) / "bundle"


def copied(run: Run, folder: Path) -> Path:
    """The run's own folder, without its bundle."""
    for path in (run.folder / "ledger").rglob("*"):
        if path.is_file():
            target = folder / "ledger" / path.relative_to(run.folder / "ledger")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return folder
