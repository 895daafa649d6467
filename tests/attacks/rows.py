"""One row of the table of attacks, and what keeps rows over runs.

A part of the table is a module with one function: `rows(place, watch)` yields `Planned` rows in
order, and runs nothing before a row is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from verifier.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What an attack came to. `wrong` says what is not as expected; "" where all is well.

    `expected` and `got` are for people; `figures` (JSON scalars) for machines.
    """

    expected: str
    got: str
    wrong: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row to be run: `digest` covers all that it is made of but for the verifier itself."""

    name: str
    digest: str
    run: Callable[[], Row]


Part = Callable[[Path, Watch], Iterator[Planned]]
"""Given a folder of its own, kept for this verifier, and who watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A finished row with its part, its name, the seconds it took and the commit that it ran on."""

    part: str
    name: str
    seconds: float
    commit: str
    row: Row


class Kept:
    """The lines that were finished before on this verifier, by part, name and digest."""

    def __init__(self, path: Path) -> None:
        """Read `path` if it is there; a last line that was torn off is run again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        self._lines: dict[str, Line] = {}
        for said in map(json.loads, whole.splitlines()):
            row = Row(**said["line"].pop("row"))
            self._lines[said["key"]] = Line(**said["line"], row=row)

    def find(self, part: str, planned: Planned) -> Line | None:
        """The line of an earlier run, if there was one."""
        return self._lines.get(_key(part, planned))

    def add(self, planned: Planned, line: Line) -> None:
        """Keep a finished line."""
        key = _key(line.part, planned)
        self._lines[key] = line
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "line": asdict(line)}, ensure_ascii=False) + "\n")


def _key(part: str, planned: Planned) -> str:
    return f"{part}\0{planned.name}\0{planned.digest}"
